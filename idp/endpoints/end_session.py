"""/end_session: signing out (OIDC RP-Initiated Logout 1.0)."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from idp.crypto import digest, random_token
from idp.endpoints.edge import form_pairs, get_instead, query_pairs, route_without_head
from idp.errors import ClientRequestError, FlowError
from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.sign_out import SignOut
from idp.identity.sessions import CurrentSession
from idp.oauth.end_session import PARAMETERS, EndSessionRequest, EndSessionRequests
from idp.oauth.errors import InvalidRequestError
from idp.oauth.http import single_valued
from idp.pages.desk import Desk, client_view
from idp.pages.federation.paths import signed_out_path
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.kept import Kept, Kind
from idp.text import Text
from idp.web.forms import SIGN_OUT

CONFIRMATION_TTL = 600
"""Seconds in which a person may answer whether they want to sign out."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A logout that waits for the person's word."""

    browser: str
    client_id: str | None
    redirect_to: str | None


PENDING = Kind("logout", Pending, CONFIRMATION_TTL)


class EndSessionEndpoint:
    """The logout endpoint and its confirmation page."""

    def __init__(
        self,
        desk: Desk,
        requests: EndSessionRequests,
        sign_out: SignOut,
        store: EphemeralStore,
        federation: FederatedSignIn,
    ) -> None:
        self._desk = desk
        self._federation = federation
        self._requests = requests
        self._sign_out = sign_out
        self._pending_questions = Kept(store, PENDING)

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [route_without_head("/end_session", self.answer, "GET", "POST")]

    async def answer(self, request: Request) -> Response:
        """Take a logout request, or the answer to our question."""
        try:
            if request.method == "GET":
                return await self._requested(request)
            pairs = await form_pairs(request)
            if any(name == "csrf_token" for name, _ in pairs):
                return await self._confirmed(request)
            return get_instead(self._desk.renderer.url("/end_session"), pairs)
        except InvalidRequestError as error:  # §4: nobody is redirected anywhere
            sentence = Text("Signing out did not work: %(reason)s.", reason=error.description)
            raise ClientRequestError(sentence, status=error.status_code) from error

    async def _requested(self, request: Request) -> Response:
        logout = await self._requests.read(single_valued(query_pairs(request), PARAMETERS))
        session = await self._desk.sessions.current(self._desk.cookies.session(request))
        if session is None:
            return await self._done(logout.redirect_to, logout)
        if _is_about(logout, session):
            await self._sign_out.end(session.id, session.user_id)
            return await self._done(logout.redirect_to, logout, session)
        return await self._ask(request, logout, session)

    async def _ask(self, request: Request, logout: EndSessionRequest, session: CurrentSession) -> Response:
        """Without a hint that fits, anybody may have sent the person here (§6)."""
        desk = self._desk
        browser = desk.cookies.browser_or_new(request)
        pending_id = random_token()
        client_id = logout.client.client_id if logout.client else None
        pending = Pending(digest(browser), client_id, logout.redirect_to)
        await self._pending_questions.put(pending_id, pending)
        response = desk.renderer.page(
            "end_session.html",
            client=client_view(logout.client),
            csrf=desk.forms.token(browser, SIGN_OUT, None),
            form_action=_targets(logout, session),
            account=session,
            request=pending_id,
        )
        desk.cookies.keep_browser(request, response, browser)
        return response

    async def _confirmed(self, request: Request) -> Response:
        desk = self._desk
        form = await desk.form(request, SIGN_OUT)
        pending = await self._pending(request, form.get("request"))
        if form.get("decision") != "yes":
            return desk.redirect("/account")
        session = await desk.sessions.current(desk.cookies.session(request))
        if session is not None:
            await self._sign_out.end(session.id, session.user_id)
        return await self._done(pending.redirect_to if pending else None, None, session)

    async def _pending(self, request: Request, pending_id: str | None) -> Pending | None:
        if not pending_id:
            return None  # signing out from our own page
        pending = await self._pending_questions.take(pending_id)
        if pending is None or pending.browser != digest(self._desk.cookies.browser(request) or ""):
            raise FlowError("This question has been answered or has expired. Sign out again from the app.")
        return pending

    async def _done(
        self,
        redirect_to: str | None,
        logout: EndSessionRequest | None,
        ended: CurrentSession | None = None,
    ) -> Response:
        desk = self._desk
        if ended is not None and ended.authentication.upstream is not None:
            back_to = desk.settings.url(signed_out_path(ended.authentication.upstream))
            there = await self._federation.departures.sign_out_there(
                ended.authentication.upstream, redirect_to, back_to
            )
            redirect_to = there or redirect_to
        if redirect_to is not None:
            response: Response = RedirectResponse(redirect_to, status_code=303)
        else:
            response = desk.renderer.page(
                "signed_out.html", client=client_view(logout.client if logout else None)
            )
        desk.cookies.clear_session(response)
        return response


def _targets(logout: EndSessionRequest, session: CurrentSession) -> tuple[str, ...]:
    """Return where the answer may lead in the end: to the app, by way of the provider they came from."""
    if logout.redirect_to is not None:
        return ("https:", logout.redirect_to)
    return ("https:",) if session.authentication.upstream is not None else ()


def _is_about(logout: EndSessionRequest, session: CurrentSession) -> bool:
    """Whether the hint names this very session; then the client speaks for the person (§2)."""
    return logout.hinted_session == session.id and logout.hinted_subject == session.user_id
