"""/auth/…: making an account, getting in, getting back in."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from idp.api.access import bearer
from idp.api.docs import describe
from idp.api.first_party import CLIENT_ID
from idp.api.models import (
    ClientChoice,
    EmailOnly,
    Login,
    Logout,
    ProveFactor,
    Refresh,
    Register,
    RegisteredSignedIn,
    RegisteredUnverified,
    ResetPassword,
    Status,
    Tokens,
    Verified,
    VerifyByCode,
    VerifyByToken,
)
from idp.api.problems import Refusal
from idp.api.tokens import Credentials, FirstPartyTokens
from idp.config import Policies, PolicyContext
from idp.errors import InvalidValue
from idp.identity.accounts import Accounts
from idp.identity.factors.registry import answer_by
from idp.identity.recovery import Recovery
from idp.identity.registration import NewAccount, Registration
from idp.oauth.revocation import Revocation
from idp.storage.database import Database
from idp.storage.models import User


class AuthRoutes:
    """Registration, tokens, verification, recovery."""

    def __init__(
        self,
        *,
        database: Database,
        tokens: FirstPartyTokens,
        accounts: Accounts,
        registration: Registration,
        policies: Policies,
        recovery: Recovery,
        revocation: Revocation,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._accounts = accounts
        self._registration = registration
        self._policies = policies
        self._recovery = recovery
        self._revocation = revocation

    @property
    def router(self) -> APIRouter:
        """Its route."""
        router = APIRouter(prefix="/auth", tags=["auth"])

        def post(path: str, endpoint: Any, summary: str, *codes: str, **options: Any) -> None:
            router.add_api_route(
                path,
                endpoint,
                methods=["POST"],
                summary=summary,
                responses=describe(*codes, "invalid_request", "invalid_value", "throttled", "unavailable"),
                response_model_exclude_none=True,
                **options,
            )

        signing_in = ("invalid_credentials", "client_not_allowed")
        making = ("registration_closed", "conflict", *signing_in)
        post("/register", self.register, "Create an account", *making, status_code=201)
        post("/signup", self.register, "Create an account (as /auth/register)", *making, status_code=201)
        due = ("verification_required", "mfa_required", "mfa_enrolment_required")
        post("/login", self.login, "Sign in with a password", *signing_in, *due)
        post("/mfa", self.mfa, "Go on after mfa_required", "invalid_credentials", "client_not_allowed")
        post(
            "/access-token",
            self.access_token,
            "Sign in with a password (OAuth 2.0 form)",
            *signing_in,
            *due,
        )
        post("/refresh", self.refresh, "Exchange a refresh token", "invalid_grant", "client_not_allowed")
        post("/logout", self.logout, "End a grant with its tokens", "invalid_token", status_code=204)
        post("/verify-email", self.verify_email, "Verify an address by the code or the link of the mail")
        post("/resend-verification", self.resend, "Send the verification mail again", status_code=202)
        post("/forgot-password", self.forgot, "Send a mail to reset the password", status_code=202)
        post("/reset-password", self.reset, "Set a new password by the link of the mail")
        return router

    async def register(self, request: Request, body: Register) -> RegisteredUnverified | RegisteredSignedIn:
        """Where addresses are verified before sign-in, the answer does not tell whether this one has an
        account already: its owner is told by mail. Elsewhere it comes with tokens."""
        client_id = body.client_id or CLIENT_ID
        rules = (await self._policies.of(PolicyContext(client_id))).registration
        if rules.mode == "closed":
            raise Refusal("registration_closed", "New accounts are not made here.")
        new = NewAccount(
            body.email,
            body.password,
            body.name,
            body.locale,
            body.invitation,
            client_id,
            {name: getattr(body, name) for name in ("given_name", "family_name", "phone_number")},
        )
        await self._registration.register(new, address=request.state.address)
        # Told as it was sent: how an account that exists spells it is nobody's business.
        email = body.email.strip()
        if rules.verify_email == "before_sign_in":
            return RegisteredUnverified(email=email)
        who = Credentials(body.email, body.password, request.state.address, _user_agent(request))
        return RegisteredSignedIn(email=email, **await self._tokens.sign_in(who, body))

    async def login(self, request: Request, body: Login) -> Tokens:
        """A step that is due after the password (`verification_required`, `mfa_required`) is answered 403
        and never with a token; with a wrong password nothing is told about it. `mfa_required` brings an
        `mfa_token`, the `factors` that there are, and for a passkey `webauthn`: what to ask it for."""
        who = Credentials(body.email, body.password, request.state.address, _user_agent(request))
        return Tokens(**await self._tokens.sign_in(who, body))

    async def mfa(self, request: Request, body: ProveFactor) -> Tokens:
        """The second call, after `mfa_required`: its `mfa_token`, the kind of factor, and the code that the
        person typed or the assertion of the passkey. A wrong code may be followed by another; an assertion
        is taken once, right or wrong. The token is good for one right answer."""
        parameters = {"mfa_token": body.mfa_token, "mfa_kind": body.kind, **_proof(body)}
        return Tokens(
            **await self._tokens.prove_factor(parameters, body, request.state.address, _user_agent(request))
        )

    async def access_token(
        self,
        request: Request,
        username: Annotated[str, Form(min_length=1, max_length=320)],
        password: Annotated[str, Form(min_length=1, max_length=1024)],
        grant_type: Annotated[str, Form(pattern="^password$")] = "password",
        scope: Annotated[str | None, Form(max_length=2000)] = None,
        client_id: Annotated[str | None, Form(max_length=200)] = None,
        client_secret: Annotated[str | None, Form(max_length=1024)] = None,
    ) -> Tokens:
        """As the password grant of RFC 6749 §4.3 asks; the client may also be in a Basic header."""
        del grant_type
        if client_id is None:
            client_id, client_secret = _basic_client(request.headers)
        choice = ClientChoice(
            client_id=client_id or None, client_secret=client_secret or None, scope=scope or None
        )
        who = Credentials(username, password, request.state.address, _user_agent(request))
        return Tokens(**await self._tokens.sign_in(who, choice))

    async def refresh(self, request: Request, body: Refresh) -> Tokens:
        """Each refresh token is good for one exchange; a copy that is used later ends the whole grant."""
        return Tokens(
            **await self._tokens.refresh(
                body.refresh_token, body, request.state.address, _user_agent(request)
            )
        )

    async def logout(self, request: Request, body: Logout | None = None) -> Response:
        """The grant of the refresh token ends with all its tokens, or that of the access token in the
        Authorization header. A refresh token that is not known any more is no error (RFC 7009 §2.2)."""
        refresh_token = body.refresh_token if body is not None else None
        token = refresh_token or bearer(request)
        if token is None:
            raise InvalidValue("Send a refresh token, or an access token as bearer.", field="refresh_token")
        async with self._database.unit_of_work() as uow:
            found = await self._revocation.sign_out(uow, token)
        if not found and refresh_token is None:
            raise Refusal(
                "invalid_token",
                "The access token is not good.",
                headers={"WWW-Authenticate": 'Bearer realm="api", error="invalid_token"'},
            )
        return Response(status_code=204)

    async def verify_email(self, request: Request, body: VerifyByCode | VerifyByToken) -> Verified:
        """Afterwards, sign in. A link that was used before answers the same. If the address was registered more
        than once before, `password_needed` is true and the account has no password yet."""
        if isinstance(body, VerifyByToken):
            user = await self._registration.verify_by_token(body.token)
            user = user or await self._registration.find_verified_by(body.token)
            if user is None:
                raise InvalidValue("This link is wrong, has been used or has expired.", field="token")
            return await self._verified(user)
        known = await self._accounts.find(body.email)  # one that is unknown goes the same way
        user = await self._registration.verify_by_code(
            body.email, known.id if known else None, body.code, address=request.state.address
        )
        if user is None:
            raise InvalidValue("This code is wrong, has been used or has expired.", field="code")
        return await self._verified(user)

    async def _verified(self, user: User) -> Verified:
        return Verified(password_needed=await self._registration.lacks_way_in(user) or None)

    async def resend(self, request: Request, body: EmailOnly) -> Status:
        """The answer is the same for every address, known or not, verified or not."""
        await self._registration.send_again(body.email, address=request.state.address)
        return Status(status="accepted")

    async def forgot(self, request: Request, body: EmailOnly) -> Status:
        """The answer is the same for every address, known or not."""
        await self._recovery.ask(body.email, address=request.state.address)
        return Status(status="accepted")

    async def reset(self, request: Request, body: ResetPassword) -> Status:
        """Ends every session and grant of the account. Afterwards, sign in."""
        await self._recovery.reset(body.token, body.password, address=request.state.address)
        return Status(status="reset")


def _user_agent(request: Request) -> str:
    return request.headers.get("user-agent", "")


def _proof(body: ProveFactor) -> dict[str, str]:
    """Return the parameter of the password grant that holds what was given."""
    if answer_by(body.kind) == "code":
        if not body.code:
            raise InvalidValue("Send the code.", field="code")
        return {"mfa_code": body.code}
    if body.assertion is None:
        raise InvalidValue("Send the assertion of the passkey.", field="assertion")
    return {"mfa_assertion": body.assertion.model_dump_json(by_alias=True, exclude_none=True)}


def _basic_client(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the client of a Basic header. Swagger UI sends one also when its fields are empty."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        name, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refusal("invalid_client", "The Basic credentials are malformed.") from None
    return name[:200] or None, secret[:1024] or None
