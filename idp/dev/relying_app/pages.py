"""The pages of the relying app; each handler reads downwards as one step of the protocol."""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from idp.dev.relying_app import presentation
from idp.dev.relying_app.edge import read_form
from idp.dev.relying_app.errors import ProviderRefusedError, RelyingAppError, RequestRefusedError
from idp.dev.relying_app.provider import OpenIDProvider
from idp.dev.relying_app.sessions import (
    SESSION_SECONDS,
    DemoSignIn,
    Outcome,
    PendingSignIn,
    Session,
    SessionStore,
)
from idp.dev.relying_app.tokens import TokenVerifier, read_unverified

TEMPLATES = Path(__file__).parent / "templates"
# Cookies do not know ports: on localhost the provider sees this one too, so it must not share a name with it.
COOKIE = "demo_session"
SCOPE = "openid profile email offline_access"
TWO_FACTORS = "urn:idp:acr:mfa"
PROMPTS = ("", "login", "consent", "none")
WELCOMES = {
    "": "You are signed in: the ID token was verified, and here is all that came with it.",
    "login": "You proved who you are once more: see the new auth_time in the ID token.",
    "consent": "You were asked for your consent again, and gave it.",
    "none": "The silent check succeeded: you still have a session at the provider.",
}


class Pages:
    def __init__(
        self,
        *,
        base_url: str,
        provider: OpenIDProvider,
        verifier: TokenVerifier,
        http: httpx.AsyncClient,
        clock: Callable[[], float],
    ) -> None:
        self._base_url = base_url
        self._redirect_uri = f"{base_url}/callback"
        self._provider = provider
        self._verifier = verifier
        self._http = http
        self._clock = clock
        self._sessions = SessionStore(clock)
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def home(self, request: Request) -> Response:
        session = self._session(request)
        if session and session.sign_in:
            return RedirectResponse("/dashboard", 303)
        state = request.query_params.get("state", "")
        signed_out = False
        if session and session.logout_state and hmac.compare_digest(session.logout_state, state):
            session.logout_state, signed_out = None, True
        return self._page("home.html", signed_out=signed_out, issuer=self._provider.issuer, scope=SCOPE)

    async def login(self, request: Request) -> Response:
        prompt = request.query_params.get("prompt", "")
        if prompt not in PROMPTS:
            raise RequestRefusedError("This app has no such way to sign in.")
        acr_values = TWO_FACTORS if request.query_params.get("acr") == "mfa" else ""
        state = secrets.token_urlsafe(24)
        pending = PendingSignIn(
            nonce=secrets.token_urlsafe(24),
            code_verifier=secrets.token_urlsafe(48),
            prompt=prompt,
            started_at=self._clock(),
        )
        url = await self._provider.authorization_url(
            redirect_uri=self._redirect_uri,
            scope=SCOPE,
            state=state,
            nonce=pending.nonce,
            code_verifier=pending.code_verifier,
            prompt=prompt,
            acr_values=acr_values,
        )
        session = self._session(request) or self._sessions.create()
        session.remember(state, pending)
        return self._with_cookie(RedirectResponse(url, 303), session)

    async def callback(self, request: Request) -> Response:
        answer = request.query_params
        session = self._session(request)
        # State first: until it matches, nothing in the answer is worth showing, not even its error.
        pending = session.take_pending(answer.get("state", ""), self._clock()) if session else None
        if session is None or pending is None:
            raise RequestRefusedError(
                "This sign-in was not started in this browser, or it took too long.",
                "Please start signing in again.",
            )
        await self._provider.check_response_issuer(answer.get("iss"))
        if "error" in answer:
            raise ProviderRefusedError(answer["error"], answer.get("error_description", ""))
        if not answer.get("code"):
            raise RequestRefusedError("The provider sent you back without a code.")
        tokens = await self._provider.redeem_code(
            code=answer["code"], redirect_uri=self._redirect_uri, code_verifier=pending.code_verifier
        )
        claims = await self._verifier.id_token(
            str(tokens.get("id_token", "")), access_token=tokens["access_token"], nonce=pending.nonce
        )
        userinfo = await self._provider.userinfo(tokens["access_token"], subject=claims["sub"])
        session = self._sessions.renew(session)
        session.sign_in = DemoSignIn(
            id_token=tokens["id_token"],
            id_token_claims=claims,
            access_token=tokens["access_token"],
            refresh_token=tokens.get("refresh_token"),
            token_type=str(tokens["token_type"]),
            # RFC 6749 §5.1: a response without a scope grants what was asked.
            scope=str(tokens.get("scope", SCOPE)),
            expires_at=self._expiry(tokens),
            userinfo=userinfo,
            nonce=pending.nonce,
        )
        session.outcome = Outcome("Welcome", WELCOMES[pending.prompt])
        return self._with_cookie(RedirectResponse("/dashboard", 303), session)

    async def dashboard(self, request: Request) -> Response:
        session = self._session(request)
        if session is None or session.sign_in is None:
            return RedirectResponse("/", 303)
        sign_in, now = session.sign_in, self._clock()
        id_token = read_unverified(sign_in.id_token)
        access_token = read_unverified(sign_in.access_token)
        name = presentation.display_name(sign_in.userinfo, sign_in.id_token_claims)
        return self._page(
            "dashboard.html",
            name=name,
            initials=presentation.initials(name),
            sign_in=sign_in,
            scopes=sign_in.scope.split(),
            expires=presentation.relative(sign_in.expires_at, now) if sign_in.expires_at else "not announced",
            expired=sign_in.expires_at is not None and sign_in.expires_at <= now,
            id_token_header=presentation.rows(id_token[0], now) if id_token else [],
            id_token_claims=presentation.rows(sign_in.id_token_claims, now),
            access_token_header=presentation.rows(access_token[0], now) if access_token else [],
            access_token_claims=presentation.rows(access_token[1], now) if access_token else [],
            userinfo_json=json.dumps(sign_in.userinfo, indent=2, ensure_ascii=False),
            refresh_fingerprint=presentation.fingerprint(sign_in.refresh_token),
            outcome=session.take_outcome(),
            csrf_token=session.csrf_token,
            issuer=self._provider.issuer,
        )

    async def refresh(self, request: Request) -> Response:
        session, sign_in, _ = await self._signed_in_form(request)
        async with session.refreshing:
            if sign_in.refresh_token is None:
                raise RequestRefusedError(
                    "The provider gave this app no refresh token, so it cannot refresh."
                )
            tokens = await self._provider.refresh(sign_in.refresh_token)
            before = (sign_in.access_token, sign_in.refresh_token, sign_in.id_token, sign_in.expires_at)
            # RFC 6749 §6: keep the new refresh token before anything else can fail; the old one is spent.
            sign_in.refresh_token = tokens.get("refresh_token", sign_in.refresh_token)
            if "id_token" in tokens:
                sign_in.id_token_claims = await self._verifier.id_token(
                    str(tokens["id_token"]),
                    access_token=tokens["access_token"],
                    nonce=sign_in.nonce,
                    refreshed_subject=sign_in.id_token_claims["sub"],
                )
                sign_in.id_token = tokens["id_token"]
            sign_in.access_token = tokens["access_token"]
            sign_in.scope = str(tokens.get("scope", sign_in.scope))
            sign_in.expires_at = self._expiry(tokens)
        session.outcome = self._refresh_outcome(before, sign_in)
        return RedirectResponse("/dashboard", 303)

    async def call_resource(self, request: Request) -> Response:
        session, sign_in, form = await self._signed_in_form(request)
        # The ID token is offered on purpose: it shows that an API refuses it.
        wrong = form.get("token") == "id_token"
        token = sign_in.id_token if wrong else sign_in.access_token
        kind = "the ID token" if wrong else "the access token"
        try:
            answer = await self._http.get(
                f"{self._base_url}/resource", headers={"Authorization": f"Bearer {token}"}
            )
        except httpx.HTTPError as error:
            raise RelyingAppError("This app cannot reach its own protected resource.") from error
        challenge = answer.headers.get("www-authenticate")
        detail = f"HTTP {answer.status_code} {answer.reason_phrase}\n"
        detail += f"WWW-Authenticate: {challenge}\n\n" if challenge else "\n"
        session.outcome = Outcome(
            "The resource opened" if answer.is_success else "The resource refused",
            f"GET {self._base_url}/resource, with {kind} as the bearer token.",
            good=answer.is_success,
            detail=detail + _pretty(answer.text),
        )
        return RedirectResponse("/dashboard", 303)

    async def logout(self, request: Request) -> Response:
        session, sign_in, _ = await self._signed_in_form(request)
        # Signed out here before the provider is asked: its failure must not keep anybody signed in.
        self._sessions.discard(session)
        session = self._sessions.create()
        session.logout_state = secrets.token_urlsafe(24)
        try:
            url = await self._provider.end_session_url(
                id_token=sign_in.id_token, return_to=f"{self._base_url}/", state=session.logout_state
            )
        except RelyingAppError as error:
            page = self.problem(
                request,
                "Signed out here only",
                error.sentence,
                "Your session at the provider may go on.",
                502,
            )
            return self._with_cookie(page, session)
        return self._with_cookie(RedirectResponse(url or f"/?state={session.logout_state}", 303), session)

    def problem(self, request: Request, title: str, sentence: str, advice: str, status_code: int) -> Response:
        session = self._session(request)
        signed_in = session is not None and session.sign_in is not None
        return self._page(
            "problem.html",
            status_code,
            title=title,
            sentence=sentence,
            advice=advice,
            signed_in=signed_in,
        )

    async def _signed_in_form(self, request: Request) -> tuple[Session, DemoSignIn, dict[str, str]]:
        form = await read_form(request)
        session = self._session(request)
        if session is None or session.sign_in is None:
            raise RequestRefusedError("You are not signed in to this app any more.", "Please sign in again.")
        if not hmac.compare_digest(session.csrf_token.encode(), form.get("csrf_token", "").encode()):
            raise RequestRefusedError(
                "This form did not come from this app's page.", "Go back and try again."
            )
        return session, session.sign_in, form

    def _refresh_outcome(self, before: tuple[str, str | None, str, float | None], now: DemoSignIn) -> Outcome:
        access_token, refresh_token, id_token, expires_at = before
        shown = presentation.fingerprint

        def clock_time(moment: float | None) -> str:
            return time.strftime("%H:%M:%S UTC", time.gmtime(moment)) if moment else "not announced"

        rotated = refresh_token != now.refresh_token
        return Outcome(
            "Tokens refreshed",
            "You were not asked anything. "
            + (
                "The refresh token was rotated, the old one is spent."
                if rotated
                else "The refresh token stays."
            ),
            changes=(
                ("Access token", shown(access_token), shown(now.access_token)),
                ("Refresh token", shown(refresh_token), shown(now.refresh_token)),
                ("ID token", shown(id_token), shown(now.id_token)),
                ("Expires at", clock_time(expires_at), clock_time(now.expires_at)),
            ),
        )

    def _expiry(self, tokens: dict[str, Any]) -> float | None:
        seconds = tokens.get("expires_in")
        return self._clock() + seconds if isinstance(seconds, int | float) else None

    def _session(self, request: Request) -> Session | None:
        return self._sessions.find(request.cookies.get(COOKIE))

    def _with_cookie(self, response: Response, session: Session) -> Response:
        response.set_cookie(
            COOKIE,
            session.key,
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="lax",
            secure=self._base_url.startswith("https://"),
        )
        return response

    def _page(self, template: str, status_code: int = 200, **context: Any) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(**context), status_code)


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
