"""/end_session: signing out (OIDC RP-Initiated Logout 1.0)."""

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.crypto import digest, random_token
from idp.endpoints.edge import form_pairs, get_instead, query_pairs, route_without_head
from idp.endpoints.leaving import ToClientPages, leave_for
from idp.endpoints.protocol_errors import ProtocolErrors
from idp.errors import ClientRequestError, FlowError
from idp.flow.federated.departures import Departures
from idp.flow.sign_out import SignOut, SignOutQuestion
from idp.identity.sessions import CurrentSession, Sessions
from idp.oauth import paths
from idp.oauth.clients import Client
from idp.oauth.end_session import PARAMETERS, EndSessionRequest, EndSessionRequests
from idp.oauth.errors import InvalidRequestError
from idp.oauth.http import single_valued
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.kept import Kept, Kind
from idp.text import Text
from idp.web.edge import BrowserEdge
from idp.web.forms import SIGN_OUT

CONFIRMATION_TTL = 600
"""Seconds in which a user may answer whether they want to sign out."""


class SignOutPages(Protocol):
    """Renders the question and the end."""

    def ask(self, question: SignOutQuestion) -> Response:
        """Ask whether the user wants to sign out."""
        ...

    def done(self, client: Client | None, wrong: str | None = None) -> Response:
        """Say that the user is signed out, and what is wrong with the app's request."""
        ...


@dataclass(frozen=True, slots=True)
class PendingLogout:
    """A logout request that waits for the user's word."""

    browser: str
    """Digest of the browser's name."""
    client_id: str | None
    redirect_to: str | None


NOTHING_ASKED = EndSessionRequest(None, None, None, None)
"""What remains of a request that is not in order."""

PENDING = Kind("logout", PendingLogout, CONFIRMATION_TTL)


class EndSessionEndpoint:
    """The logout endpoint."""

    def __init__(
        self,
        edge: BrowserEdge,
        sessions: Sessions,
        requests: EndSessionRequests,
        sign_out: SignOut,
        departures: Departures,
        store: EphemeralStore,
        pages: SignOutPages,
        to_client: ToClientPages,
        errors: ProtocolErrors,
    ) -> None:
        self._edge = edge
        self._sessions = sessions
        self._requests = requests
        self._sign_out = sign_out
        self._departures = departures
        self._pending = Kept(store, PENDING)
        self._pages = pages
        self._to_client = to_client
        self._errors = errors

    @property
    def routes(self) -> list[Route]:
        """The endpoint, which takes the answer to its own question too."""
        return [route_without_head(paths.END_SESSION, self.answer, "GET", "POST")]

    async def answer(self, request: Request) -> Response:
        """Take a logout request, or the answer to our question."""
        try:
            if request.method == "GET":
                return await self._requested(request)
            pairs = await form_pairs(request)
            if any(name == "csrf_token" for name, _ in pairs):
                return await self._confirmed(request)
            return get_instead(self._edge.links.path(paths.END_SESSION), pairs)
        except InvalidRequestError as error:
            self._errors.tell(paths.END_SESSION, error, client_id=None)
            sentence = Text("Signing out did not work: %(reason)s.", reason=error.description)
            raise ClientRequestError(sentence, status=error.status_code) from error

    async def _requested(self, request: Request) -> Response:
        session = await self._sessions.current(self._edge.browser(request).session_token)
        try:
            logout = await self._requests.read(single_valued(query_pairs(request), PARAMETERS))
        except InvalidRequestError as error:  # §4: the user is redirected nowhere, but may sign out
            return await self._ask_in_spite_of(request, error, session)
        if session is None:
            return await self._done(request, logout.redirect_to, logout.client)
        if _is_about(logout, session):
            await self._sign_out.end(session.id, session.user_id)
            return await self._done(request, logout.redirect_to, logout.client, session)
        return await self._ask(request, logout, session)

    async def _ask_in_spite_of(
        self, request: Request, error: InvalidRequestError, session: CurrentSession | None
    ) -> Response:
        facts = {
            f"{name} sent": value
            for name, value in query_pairs(request)
            if name in {"client_id", "post_logout_redirect_uri"}
        }
        self._errors.tell(paths.END_SESSION, error, client_id=facts.get("client_id sent"), facts=facts)
        wrong = Text("There is a mistake in the app's request. %(reason)s.", reason=error.description)
        if session is None:
            return self._pages.done(None, wrong)
        return await self._ask(request, NOTHING_ASKED, session, wrong)

    async def _ask(
        self,
        request: Request,
        logout: EndSessionRequest,
        session: CurrentSession,
        wrong: str | None = None,
    ) -> Response:
        """Without a hint that fits, anybody may have sent the user here (§6)."""
        browser = self._edge.named_browser(request)
        pending_id = random_token()
        client_id = logout.client.client_id if logout.client else None
        pending = PendingLogout(digest(browser.name or ""), client_id, logout.redirect_to)
        await self._pending.put(pending_id, pending)
        csrf = self._edge.token(browser, SIGN_OUT)
        targets = _targets(logout, session)
        response = self._pages.ask(SignOutQuestion(logout.client, session, csrf, pending_id, targets, wrong))
        self._edge.keep_name(request, response, browser)
        return response

    async def _confirmed(self, request: Request) -> Response:
        form = await self._edge.form(request, SIGN_OUT)
        browser = self._edge.browser(request)
        pending_id, redirect_to = form.get("request"), None
        if pending_id:  # else it is the form of our own account page
            redirect_to = (await self._take(browser.name or "", pending_id)).redirect_to
        if form.get("decision") != "yes":
            return self._edge.links.redirect("/account")
        session = await self._sessions.current(browser.session_token)
        if session is not None:
            await self._sign_out.end(session.id, session.user_id)
        return await self._done(request, redirect_to, None, session)

    async def _take(self, browser: str, pending_id: str) -> PendingLogout:
        pending = await self._pending.take(pending_id)
        if pending is None or pending.browser != digest(browser):
            raise FlowError("This question has been answered or has expired. Sign out again from the app.")
        return pending

    async def _done(
        self,
        request: Request,
        redirect_to: str | None,
        client: Client | None,
        ended: CurrentSession | None = None,
    ) -> Response:
        if ended is not None and ended.authentication.upstream is not None:
            there = await self._departures.sign_out_there(ended.authentication.upstream, redirect_to)
            redirect_to = there or redirect_to
        if redirect_to is not None:
            response = leave_for(request, self._to_client, client, redirect_to)
        else:
            response = self._pages.done(client)
        self._edge.cookies.clear_session(response)
        return response


def _targets(logout: EndSessionRequest, session: CurrentSession) -> tuple[str, ...]:
    """Return where the answer may lead in the end: to the app, by way of the provider that the user came from."""
    if logout.redirect_to is not None:
        return ("https:", logout.redirect_to)
    return ("https:",) if session.authentication.upstream is not None else ()


def _is_about(logout: EndSessionRequest, session: CurrentSession) -> bool:
    """Tell whether the hint names this very session; then the client speaks for the user (§2)."""
    return logout.hinted_session == session.id and logout.hinted_subject == session.user_id
