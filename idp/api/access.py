"""Who asks: the bearer of an access token with the scope `account` (RFC 6750)."""

from dataclasses import dataclass, replace

from fastapi.openapi.models import OAuthFlowPassword, OAuthFlows
from fastapi.security import OAuth2
from starlette.requests import Request

from idp.api.problems import Refusal
from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import Settings
from idp.flow.demand import Demand
from idp.flow.dispatch import pending
from idp.flow.situation import SignedIn, Situation, Situations
from idp.flow.steps import Login, SecondFactor, Step
from idp.flow.transaction import Transaction
from idp.identity.acr import ACR_MULTI
from idp.oauth.scopes import ACCOUNT
from idp.oauth.tokens import AccessToken, TokenMint
from idp.storage.database import Database
from idp.storage.models import User

REALM = 'Bearer realm="api"'


@dataclass(frozen=True, slots=True)
class Caller:
    """The person of a token, and how the token came to be."""

    user: User
    token: AccessToken
    grant_id: str
    session_id: str | None
    authentication: Authentication
    address: str

    @property
    def id(self) -> str:
        """The `sub`."""
        return self.user.id


class AccountAccess(OAuth2):
    """Lets a request pass if its access token is good; as a FastAPI dependency it also tells OpenAPI so."""

    def __init__(
        self,
        database: Database,
        mint: TokenMint,
        situations: Situations,
        steps: tuple[Step, ...],
        clock: Clock,
        *,
        settings: Settings,
        token_url: str,
    ) -> None:
        flow = OAuthFlowPassword(tokenUrl=token_url, scopes={ACCOUNT: "Manage the person's account"})
        super().__init__(flows=OAuthFlows(password=flow), scheme_name="account", auto_error=False)
        self._database = database
        self._mint = mint
        self._clock = clock
        self._situations = situations
        self._steps = steps
        self._recent = settings.accounts.recent_sign_in
        self._factors_on = settings.second_factor.policy != "off"

    async def __call__(self, request: Request) -> None:  # type: ignore[override]  # the caller is in the state
        """Find the caller, or raise `Refusal`: checked at each request, so what is revoked ends at once."""
        text = bearer(request)
        if text is None:  # RFC 6750 §3.1: without a token, no error code
            raise Refusal(
                "authentication_required", "Send an access token.", headers={"WWW-Authenticate": REALM}
            )
        token = self._mint.read_access_token(text)
        # RFC 9068 §4: a token for another resource server is none for us.
        if token is None or self._mint.issuer not in token.audiences:
            raise _invalid("The access token is not for this API, was altered, or has expired.")
        async with self._database.reading() as uow:
            status = await uow.grants.token_status(token.grant_id, token.jti)
        if status.jti_revoked or (token.grant_id is not None and not status.grant_active):
            raise _invalid("The access token was revoked.")
        if ACCOUNT not in token.scopes or status.grant is None or status.user is None:
            raise Refusal(
                "insufficient_scope",
                "This needs a person's access token with the scope account.",
                headers={"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{ACCOUNT}"'},
            )
        request.state.caller = Caller(
            status.user,
            token,
            status.grant.id,
            status.grant.session_id,
            status.grant.authentication,
            request.state.address,
        )

    async def require_proof(self, caller: Caller, *, recent: bool) -> None:
        """Raise `Refusal` unless the token comes from a sign-in that is good enough for a sensitive change
        (RFC 9470 §3): a `recent` one, and from a user who has a second factor a recent one with both."""
        situation = await self._situation(caller, Demand(strong=True))
        has_factor = self._factors_on and situation.session is not None and situation.session.has_factor
        if recent or has_factor:
            demand = Demand(recent=self._recent, strong=True)
            situation = replace(situation, transaction=replace(situation.transaction, demand=demand))
        due = {each.step.name for each in pending(situation, self._steps)}
        if due.isdisjoint({Login.name, SecondFactor.name}):
            return
        wanted: dict[str, str | int] = {"acr_values": ACR_MULTI} if has_factor else {}
        wanted["max_age"] = int(self._recent)
        challenge = "".join(f', {name}="{value}"' for name, value in wanted.items())
        raise Refusal(
            "reauthentication_required",
            "Sign in again for this, with your second factor."
            if SecondFactor.name in due
            else "Sign in again for this: the sign-in behind this token is too old.",
            headers={"WWW-Authenticate": f'{REALM}, error="insufficient_user_authentication"{challenge}'},
            members=wanted,
        )

    async def _situation(self, caller: Caller, demand: Demand) -> Situation:
        draft = Transaction.draft(self._clock.now(), demand=demand)
        return await self._situations.of(draft, None, SignedIn.by_account(caller.user, caller.authentication))


def caller_of(request: Request) -> Caller:
    """Return who asks, at a route behind `AccountAccess`."""
    caller: Caller = request.state.caller
    return caller


def bearer(request: Request) -> str | None:
    """Return the access token in the Authorization header (RFC 6750 §2.1)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _invalid(sentence: str) -> Refusal:
    challenge = f'{REALM}, error="invalid_token", error_description="{sentence}"'
    return Refusal("invalid_token", sentence, headers={"WWW-Authenticate": challenge})
