"""/token: codes, refresh tokens, secrets and passwords become tokens (RFC 6749 §3.2)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.config import Settings
from idp.endpoints.edge import core_request, http_response
from idp.errors import Throttled
from idp.oauth import paths
from idp.oauth.clients import Client
from idp.oauth.errors import OAuth2Error
from idp.oauth.grants.registry import PARAMETERS
from idp.oauth.http import CoreResponse, error_response
from idp.oauth.pipeline import TokenPipeline
from idp.ops.address import network_of
from idp.ops.metrics import Metrics
from idp.ops.rate_limit import RateLimiter


class TokenEndpoint:
    """The token endpoint."""

    def __init__(
        self, settings: Settings, pipeline: TokenPipeline, limiter: RateLimiter, metrics: Metrics
    ) -> None:
        self._uri = settings.url(paths.TOKEN)
        self._failures_per_minute = settings.rate_limits.token_failures_per_address
        self._pipeline = pipeline
        self._limiter = limiter
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """Its route."""
        return [Route(paths.TOKEN, self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """Answer a token request."""
        try:
            token_request = await core_request(request, self._uri, PARAMETERS)
        except OAuth2Error as error:
            return self._answer(request, error_response(error))
        answer = await self._pipeline.answer(token_request)
        if answer.error is None:
            self._metrics.token_issued(token_request.form["grant_type"])
        return self._answer(request, answer)

    def _answer(self, request: Request, answer: CoreResponse) -> Response:
        if answer.error is not None:
            self._metrics.oauth_error(answer.error.error)
            key = f"token-failures:{network_of(request.state.address)}"
            wait = self._limiter.hit(key, self._failures_per_minute)
            if wait is not None:
                raise Throttled("Too many failed requests from this address", retry_after=wait)
        return http_response(answer)


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
