"""The caller of the API: the bearer of an access token with the scope `account` (RFC 6750)."""

from dataclasses import dataclass, replace

from fastapi.openapi.models import OAuthFlowPassword, OAuthFlows
from fastapi.security import OAuth2
from starlette.requests import Request

from idp.api.first_party import CLIENT_ID
from idp.api.problems import Refusal
from idp.clock import Clock
from idp.flow.demand import Demand
from idp.flow.dispatch import pending
from idp.flow.situation import SignedInUser, Situation, Situations
from idp.flow.steps import Login, SecondFactor, Step
from idp.flow.transaction import Transaction
from idp.identity.acr import ACR_MULTI
from idp.identity.generation import ProvenAccount
from idp.oauth.errors import (
    InsufficientScopeError,
    InsufficientUserAuthenticationError,
    InvalidTokenError,
    MissingTokenError,
    OAuth2Error,
)
from idp.oauth.resource import Access, Resource, ResourceGuard, presented_token, refusal_headers
from idp.oauth.scopes import ACCOUNT
from idp.storage.models import User

API = Resource("api", ACCOUNT)
_CODES = {
    MissingTokenError: ("authentication_required", "Send an access token."),
    InvalidTokenError: ("invalid_token", "The access token is not for this API, has ended, or was altered."),
    InsufficientScopeError: (
        "insufficient_scope",
        "This needs a user's access token with the scope account.",
    ),
}
"""The guard's refusals as problems of the API."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a token, and how the token came to be."""

    access: Access
    address: str

    @property
    def user(self) -> User:
        """The user."""
        return self.access.user

    @property
    def id(self) -> str:
        """The `sub`."""
        return self.access.user.id

    @property
    def grant_id(self) -> str:
        """The grant of the token."""
        return self.access.grant.id

    @property
    def session_id(self) -> str | None:
        """The browser session in which the grant was made."""
        return self.access.grant.session_id

    @property
    def account(self) -> ProvenAccount:
        """The account, as the token proves it."""
        return ProvenAccount.of(self.access.user)


class AccountAccess(OAuth2):
    """Lets a request pass if its access token is good; as a FastAPI dependency it also tells OpenAPI so."""

    def __init__(
        self,
        guard: ResourceGuard,
        situations: Situations,
        steps: tuple[Step, ...],
        clock: Clock,
        *,
        token_url: str,
        origin: str,
    ) -> None:
        """`origin`: the provider's own, whose pages may use the token of any client."""
        flow = OAuthFlowPassword(tokenUrl=token_url, scopes={ACCOUNT: "Manage the person's account"})
        super().__init__(flows=OAuthFlows(password=flow), scheme_name="account", auto_error=False)
        self._guard = guard
        self._origin = origin
        self._clock = clock
        self._situations = situations
        self._steps = steps

    async def __call__(self, request: Request) -> None:  # type: ignore[override]  # the caller is in the state
        """Find the caller, or raise `Refusal`: checked at each request, so what is revoked ends at once."""
        try:
            access = await self._guard.check(API, request.headers)
        except OAuth2Error as error:
            code, sentence = _CODES.get(type(error), ("invalid_token", f"{error.description}."))
            raise Refusal(code, sentence, headers=refusal_headers(API, error)) from error
        self._check_origin(access, request.headers.get("origin"))
        request.state.caller = Caller(access, request.state.address)

    def _check_origin(self, access: Access, origin: str | None) -> None:
        """Raise `Refusal` for a token that another app's pages send: CORS has let the origin ask, whosever it is.
        The tokens of `idp-api`, which has no pages, are for those of every app that may have the scope."""
        client = access.client
        if origin is None or origin == self._origin or client.client_id == CLIENT_ID:
            return
        if origin not in client.origins:
            raise Refusal("client_not_allowed", "This token is of an app of another origin.")

    @staticmethod
    def require_first_party(caller: Caller) -> None:
        """Raise `Refusal` unless the token is of an app of the operator: an app of others that could set a
        password or an address could sign in as the user from then on."""
        if not caller.access.client.is_first_party:
            raise Refusal("client_not_allowed", "Only a first-party client may do this.")

    async def require_proof(self, caller: Caller, *, recent: bool) -> None:
        """Raise `Refusal` unless the token comes from a sign-in that is good enough for a sensitive change
        (RFC 9470 §3): a `recent` one, and from a user who has a second factor a recent one with both."""
        situation = await self._situation(caller, Demand(strong=True))
        policy, session = situation.policy, situation.session
        has_factor = policy.second_factor.policy != "off" and session is not None and session.has_factor
        if recent or has_factor:
            demand = Demand(recent=True, strong=True)
            situation = replace(situation, transaction=replace(situation.transaction, demand=demand))
        due = {each.step.name for each in pending(situation, self._steps)}
        if due.isdisjoint({Login.name, SecondFactor.name}):
            return
        error = InsufficientUserAuthenticationError(
            "Sign in again for this, with your second factor"
            if SecondFactor.name in due
            else "Sign in again for this: the sign-in behind this token is too old",
            acr_values=ACR_MULTI if has_factor else None,
            max_age=policy.accounts.recent_sign_in,
        )
        raise Refusal(
            "reauthentication_required",
            f"{error.description}.",
            headers=refusal_headers(API, error),
            members=error.wanted,
        )

    async def _situation(self, caller: Caller, demand: Demand) -> Situation:
        draft = Transaction.draft(self._clock.now(), demand=demand)
        signed_in = SignedInUser.by_account(caller.user, caller.access.grant.authentication)
        return await self._situations.of(draft, None, signed_in)


def caller_of(request: Request) -> Caller:
    """Return the caller, at a route behind `AccountAccess`."""
    caller: Caller = request.state.caller
    return caller


def bearer(request: Request) -> str | None:
    """Return the access token that the request carries, unread; None without one."""
    try:
        return presented_token(request.headers)[1]
    except OAuth2Error:
        return None
