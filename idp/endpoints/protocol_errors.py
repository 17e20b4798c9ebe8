"""Protocol errors, for the operator: many apps keep the description to themselves, so it stands in our log.

Each is one line `oauth_error`, with what was sent and what is registered, and never with a secret. The audit trail
learns of client authentication that failed, up to a number a minute for each client, so that a stranger cannot
fill it; a code that was used twice is recorded where it is found.
"""

from collections.abc import Mapping

import structlog

from idp.clock import Clock
from idp.events.audit import record
from idp.events.catalogue import ClientAuthenticationFailed
from idp.oauth.clients import ClientRegistry
from idp.oauth.errors import (
    AccessDeniedError,
    AccountSelectionRequiredError,
    ConsentRequiredError,
    InteractionRequiredError,
    InvalidClientError,
    LoginRequiredError,
    OAuth2Error,
)
from idp.oauth.http import CoreRequest
from idp.ops.metrics import Metrics
from idp.ops.rate_limit import RateLimiter
from idp.storage.database import Database

RECORDED_PER_MINUTE = 10
"""Failed authentications of one client that reach the audit trail."""
LONGEST_FACT = 300
"""Characters of a value in the log."""
_SENT = ("grant_type", "redirect_uri", "scope", "client_assertion_type", "token_type_hint")
"""Parameters that may be told: none is a secret."""
_USUAL = (
    AccessDeniedError,
    AccountSelectionRequiredError,
    ConsentRequiredError,
    InteractionRequiredError,
    LoginRequiredError,
)
"""Answers that belong to the protocol: no mistake is behind them."""

log = structlog.stdlib.get_logger("idp.oauth")


class ProtocolErrors:
    """Counts, logs and records the protocol errors of all endpoints."""

    def __init__(
        self,
        database: Database,
        clients: ClientRegistry,
        limiter: RateLimiter,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._clients = clients
        self._limiter = limiter
        self._metrics = metrics
        self._clock = clock

    def tell(
        self,
        endpoint: str,
        error: OAuth2Error,
        *,
        client_id: str | None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        """Count and log an error. `client_id` may be one that does not exist."""
        self._metrics.oauth_error(error.error)
        write = log.info if isinstance(error, _USUAL) else log.warning
        write(
            "oauth_error",
            endpoint=endpoint,
            error=error.error,
            description=error.get_error_description(),
            client_id=client_id and client_id[:LONGEST_FACT],
            facts={name: value[:LONGEST_FACT] for name, value in (facts or {}).items()},
        )

    async def report(
        self, endpoint: str, error: OAuth2Error, request: CoreRequest | None, address: str
    ) -> None:
        """Do so for a request from a client, which may not have been readable; record a failed authentication."""
        if request is None:
            self.tell(endpoint, error, client_id=None)
            return
        client_id = request.claimed_client_id or request.form.get("client_id")
        client = self._clients.at_hand(client_id) if client_id else None
        facts = {f"{name} sent": request.form[name] for name in _SENT if name in request.form}
        if request.presented_method is not None:
            facts["authentication sent"] = request.presented_method
        if client is not None:
            facts["authentication registered"] = client.auth_method
            facts["grants registered"] = " ".join(client.metadata.grant_types)
            facts["scopes registered"] = " ".join(client.scopes)
        self.tell(endpoint, error, client_id=client_id, facts=facts)
        if client is None or not isinstance(error, InvalidClientError):
            return
        if self._limiter.hit(f"client-authentication:{client.client_id}", RECORDED_PER_MINUTE) is not None:
            return
        event = ClientAuthenticationFailed(
            client_id=client.client_id,
            address=address,
            endpoint=endpoint,
            method=request.presented_method,
            reason=error.description,
        )
        async with self._database.unit_of_work() as uow:
            await record(uow, event, self._clock.now())
