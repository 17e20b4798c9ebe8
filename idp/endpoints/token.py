"""/token: codes, refresh tokens, secrets and passwords become tokens (RFC 6749 §3.2)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.config import Settings
from idp.endpoints.edge import core_request, http_response
from idp.endpoints.protocol_errors import ProtocolErrors
from idp.errors import Throttled
from idp.oauth import paths
from idp.oauth.clients import Client
from idp.oauth.errors import OAuth2Error
from idp.oauth.grants.registry import PARAMETERS
from idp.oauth.http import CoreRequest, error_response
from idp.oauth.pipeline import TokenPipeline
from idp.ops.address import network_of
from idp.ops.metrics import Metrics
from idp.ops.rate_limit import RateLimiter


class TokenEndpoint:
    """The token endpoint."""

    def __init__(
        self,
        settings: Settings,
        pipeline: TokenPipeline,
        limiter: RateLimiter,
        errors: ProtocolErrors,
        metrics: Metrics,
    ) -> None:
        self._uri = settings.url(paths.TOKEN)
        self._failures_per_minute = settings.rate_limits.token_failures_per_address
        self._pipeline = pipeline
        self._limiter = limiter
        self._errors = errors
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """Its route."""
        return [Route(paths.TOKEN, self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """Answer a token request."""
        sent: CoreRequest | None = None
        try:
            sent = await core_request(request, self._uri, PARAMETERS)
            answer = await self._pipeline.answer(sent)
        except OAuth2Error as error:
            answer = error_response(error)
        if answer.error is not None:
            await self._errors.report(paths.TOKEN, answer.error, sent, request.state.address)
            self._count_failure(request.state.address)
        elif sent is not None:
            self._metrics.token_issued(sent.form["grant_type"])
        return http_response(answer)

    def _count_failure(self, address: str) -> None:
        wait = self._limiter.hit(f"token-failures:{network_of(address)}", self._failures_per_minute)
        if wait is not None:
            raise Throttled("Too many failed requests from this address", retry_after=wait)


class ClientAdmission:
    """Holds each authenticated client to a number of requests a minute, for one purpose."""

    def __init__(self, limiter: RateLimiter, purpose: str, limit_per_minute: int) -> None:
        self._limiter = limiter
        self._purpose = purpose
        self._limit = limit_per_minute

    def __call__(self, client: Client) -> None:
        """Count a request; raise `Throttled` when it is one too many."""
        if not self._limit:
            return
        wait = self._limiter.hit(f"{self._purpose}:{client.client_id}", self._limit)
        if wait is not None:
            raise Throttled("This client asks too often", retry_after=wait)
