"""Tokens for first-party clients: the token endpoint, called in process, with its answers in the API's form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.api.first_party import CLIENT_ID, ensure_first_party_client
from idp.api.models import ClientChoice
from idp.api.problems import Refusal
from idp.clock import Clock
from idp.config import Settings
from idp.errors import InvalidValue, Throttled
from idp.oauth.clients import ClientRegistry
from idp.oauth.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidScopeError,
    OAuth2Error,
    StepRequiredError,
)
from idp.oauth.http import CoreRequest
from idp.oauth.paths import TOKEN
from idp.oauth.pipeline import TokenPipeline
from idp.ops.metrics import Metrics
from idp.storage.database import Database


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a user signs in with, and from where."""

    email: str
    password: str
    address: str
    user_agent: str


class FirstPartyTokens:
    """Gets grants and tokens from the core, which throttles, rotates and records as for everybody."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        pipeline: TokenPipeline,
        clients: ClientRegistry,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._uri = settings.url(TOKEN)
        self._database = database
        self._pipeline = pipeline
        self._clock = clock
        self._clients = clients
        self._metrics = metrics

    async def sign_in(self, given: Credentials, choice: ClientChoice) -> dict[str, Any]:
        """Exchange a password for tokens; raise `Refusal` also for a step that is due first."""
        parameters = {"username": given.email, "password": given.password}
        try:
            body = await self._ask(
                "password",
                parameters,
                choice,
                given.address,
                refused="invalid_credentials",
                user_agent=given.user_agent,
            )
        except (Refusal, Throttled) as error:
            outcome = "throttled" if isinstance(error, Throttled) else "refused"
            self._metrics.sign_in(outcome)
            raise
        self._metrics.sign_in("succeeded")
        return body

    async def prove_factor(
        self, parameters: Mapping[str, str], choice: ClientChoice, address: str, user_agent: str
    ) -> dict[str, Any]:
        """Go on after `mfa_required` with a proof, in the parameters of the password grant."""
        body = await self._ask(
            "password",
            parameters,
            choice,
            address,
            refused="invalid_credentials",
            user_agent=user_agent,
        )
        self._metrics.sign_in("succeeded")
        return body

    async def refresh(
        self, token: str, choice: ClientChoice, address: str, user_agent: str
    ) -> dict[str, Any]:
        """Exchange a refresh token for new tokens."""
        return await self._ask(
            "refresh_token",
            {"refresh_token": token},
            choice,
            address,
            refused="invalid_grant",
            user_agent=user_agent,
        )

    async def _ask(
        self,
        grant_type: str,
        parameters: Mapping[str, str],
        choice: ClientChoice,
        address: str,
        *,
        refused: str,
        user_agent: str = "",
    ) -> dict[str, Any]:
        client_id = choice.client_id or CLIENT_ID
        client = await self._clients.get(client_id)
        if client is None and client_id == CLIENT_ID:  # the database was away at start
            await ensure_first_party_client(self._database, self._clock)
            client = await self._clients.get(client_id)
        if client is None or not client.is_first_party or not client.check_grant_type(grant_type):
            raise Refusal(
                "client_not_allowed", f"This needs a first-party client that has the grant {grant_type}."
            )
        named = {"client_id": client_id, "client_secret": choice.client_secret, "scope": choice.scope}
        request = CoreRequest(
            "POST",
            self._uri,
            parameters={
                "grant_type": grant_type,
                **{name: value for name, value in (named | dict(parameters)).items() if value},
            },
            headers={"user-agent": user_agent},
            address=address,
        )
        answer = await self._pipeline.answer(request)
        if answer.error is not None:
            self._metrics.oauth_error(answer.error.error)
            raise _refusal(answer.error, refused)
        self._metrics.token_issued(grant_type)
        body: dict[str, Any] = answer.body
        return body | {"token_type": "bearer"}


def _refusal(error: OAuth2Error, refused: str) -> Refusal | InvalidValue:
    match error:
        case StepRequiredError():
            return Refusal(error.step, f"{error.description}.", members=error.members)
        case InvalidGrantError():
            return Refusal(refused, f"{error.description}.")
        case InvalidClientError():
            return Refusal("invalid_client", f"{error.description}.")
        case InvalidScopeError():
            return InvalidValue("A scope is not one of this client's.", field="scope")
        case _:
            return Refusal("invalid_request", f"{error.description or error.error}.")
