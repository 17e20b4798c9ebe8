"""What every page of the flow needs: who is at the browser, which transaction, what comes next."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import Settings
from idp.errors import FlowError
from idp.flow.demand import NO_DEMAND, Demand
from idp.flow.dispatch import Decision, Issue, dispatch
from idp.flow.situation import SignedIn, Situation, Situations
from idp.flow.steps import Login, SecondFactor, Step
from idp.flow.transaction import Proof, Transaction, Transactions
from idp.i18n import wishes
from idp.identity.acr import ACR_MULTI
from idp.identity.second_factor import Proven, SecondFactors
from idp.identity.sessions import CurrentSession, Sessions, StartedSession, Visitor
from idp.oauth.clients import Client, ClientRegistry
from idp.pages.errors import ErrorPages
from idp.pages.render import ClientView, Renderer
from idp.storage.database import Database
from idp.web.cookies import Cookies
from idp.web.forms import FormProtection, read_form


@dataclass(frozen=True, slots=True)
class Visit:
    """A request in the flow: this browser, this transaction, this session, this decision."""

    browser: str
    transaction: Transaction
    client: Client | None
    session: CurrentSession | None
    decision: Decision
    situation: Situation


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts that pages and the authorization endpoint share."""

    settings: Settings
    clock: Clock
    database: Database
    clients: ClientRegistry
    transactions: Transactions
    sessions: Sessions
    cookies: Cookies
    forms: FormProtection
    renderer: Renderer
    errors: ErrorPages
    steps: tuple[Step, ...]
    situations: Situations
    second_factors: SecondFactors

    async def visit(self, request: Request, transaction_id: str | None) -> Visit:
        """Load the transaction and decide what is next; raise `FlowError` if it is not this browser's."""
        browser = self.cookies.browser(request)
        transaction = await self.transactions.load(transaction_id, browser)
        return await self.look_at(request, browser or "", transaction)

    async def visit_or_begin(self, request: Request) -> Visit:
        """Load the transaction that the query names, or begin one that leads to the account; then the
        response has to keep the browser's name. Raise `FlowError` if it is not this browser's."""
        transaction_id = request.query_params.get("tx")
        if transaction_id is not None:
            return await self.visit(request, transaction_id)
        browser = self.cookies.browser_or_new(request)
        return await self.look_at(request, browser, await self.transactions.begin(None, browser))

    async def look_at(self, request: Request, browser: str, transaction: Transaction) -> Visit:
        """Decide what is next in a transaction that is at hand."""
        session = await self.sessions.current(self.cookies.session(request))
        client: Client | None = None
        languages = wishes()
        languages.account = session.locale if session else None
        if transaction.request is not None:
            languages.asked = transaction.request.ui_locales or ""
            client = await self.clients.get(transaction.request.client_id)
            if client is None:
                raise FlowError("The app that asked you to sign in is no longer known here.")
        signed_in = SignedIn.by_session(session) if session else None
        device = self.cookies.device(request)
        situation = await self.situations.of(transaction, client, signed_in, device=device)
        return Visit(browser, transaction, client, session, dispatch(situation, self.steps), situation)

    async def signed_in(
        self, request: Request, path: str, demand: Demand = NO_DEMAND
    ) -> CurrentSession | Response:
        """Return the session if nothing is to be asked of the user, or the way that leads to `path` of ours
        through what is. `demand` is what `path` asks of the sign-in."""
        now, browser = self.clock.now(), self.cookies.browser_or_new(request)
        visit = await self.look_at(request, browser, Transaction.draft(now, demand=demand))
        if visit.session is not None and isinstance(visit.decision, Issue):
            return visit.session
        transaction = await self.transactions.begin(None, browser, destination=path, demand=demand)
        response = self.resume(transaction)
        self.cookies.keep_browser(request, response, browser)
        return response

    async def proven(self, request: Request, path: str) -> CurrentSession | Response:
        """Like `signed_in`, with a strong sign-in."""
        return await self.signed_in(request, path, Demand(strong=True))

    async def recently_proven(self, request: Request, path: str) -> CurrentSession | Response:
        """Like `signed_in`, with a recent and strong sign-in."""
        return await self.signed_in(
            request, path, Demand(recent=self.settings.accounts.recent_sign_in, strong=True)
        )

    async def sign_in(
        self, request: Request, transaction: Transaction, user_id: str, authentication: Authentication
    ) -> Response:
        """Begin a session for the user who was just authenticated, and go on with the transaction."""
        started = await self.sessions.start(
            user_id, authentication, visitor(request), replacing=self.cookies.session(request)
        )
        proof = Proof(Login.name, user_id, started.session.id, "authenticated", self.clock.now())
        proven = replace(
            transaction.with_proof(proof),
            switching=False,
            registered=None,  # who signs in goes on as that person
            notice=None,
        )
        await self.transactions.save(proven)
        response = self.resume(proven)
        self.cookies.set_session(response, started.token)
        return response

    async def step_up(
        self, request: Request, visit: Visit, proven: Proven, *, trust: bool = False
    ) -> tuple[Transaction, Response]:
        """Give the session the factor that was proven, under a new id, and go on with the transaction.

        Returns the transaction as it is now, for a page to be shown before it goes on, and the response
        that carries the cookies."""
        session = visit.session
        if session is None:
            raise FlowError("Nobody is signed in any more. Start again.")
        started = await self.strengthen(request, session, proven)
        now, transaction = self.clock.now(), visit.transaction
        for proof in visit.transaction.proofs.values():
            if proof.session_id == session.id:  # what was shown in the session stays shown in its successor
                transaction = transaction.with_proof(replace(proof, session_id=started.session.id))
        proof = Proof(SecondFactor.name, session.user_id, started.session.id, proven.kind, now)
        transaction = transaction.with_proof(proof)
        await self.transactions.save(transaction)
        response = self.resume(transaction)
        self.cookies.set_session(response, started.token)
        if trust and self.second_factors.trusts_devices and proven.acr == ACR_MULTI:
            mark = await self.second_factors.trust(session.user_id, visitor(request).user_agent)
            self.cookies.set_device(response, mark)
        return transaction, response

    async def strengthen(self, request: Request, session: CurrentSession, proven: Proven) -> StartedSession:
        """Replace the session by one that has the factor too: a new id, as at every change of privilege."""
        return await self.sessions.strengthen(
            session.user_id,
            proven.added_to(session.authentication),
            visitor(request),
            replacing=self.cookies.session(request),
        )

    async def form(self, request: Request, purpose: str) -> Mapping[str, str]:
        """Read a posted form and check its token; raise `FlowError` when it is not from our page."""
        form = await read_form(request)
        transaction_id = form.get("tx") or None
        browser = self.cookies.browser(request)
        if not self.forms.check(form.get("csrf_token"), browser, purpose, transaction_id):
            raise FlowError(
                "This form is not from this browser, or it is too old. Go back and try again.",
                detail="the browser cookie is missing" if browser is None else "the form token does not fit",
            )
        return form

    def path(self, path: str, **query: str) -> str:
        """Return a path of ours as a browser asks for it."""
        url = self.renderer.url(path)
        return f"{url}?{urlencode(query)}" if query else url

    def redirect(self, path: str, **query: str) -> Response:
        """Send the browser to a path of ours. 303: a post is not repeated (RFC 9700 §4.12)."""
        return RedirectResponse(self.path(path, **query), status_code=303)

    def resume(self, transaction: Transaction) -> Response:
        """Send the browser back to the dispatcher."""
        return self.redirect("/authorize/resume", tx=transaction.id)


def visitor(request: Request) -> Visitor:
    """Return where a request comes from."""
    return Visitor(request.state.address, request.headers.get("user-agent", ""))


def with_cookies(response: Response, of: Response) -> Response:
    """Return the response with the cookies that another one would have set."""
    for name, value in of.raw_headers:
        if name == b"set-cookie":
            response.raw_headers.append((name, value))
    return response


def client_view(client: Client | None) -> ClientView | None:
    """Return what a page may show of a client."""
    if client is None:
        return None
    metadata = client.metadata
    return ClientView(
        client.name,
        logo_uri=metadata.logo_uri,
        client_uri=metadata.client_uri,
        policy_uri=metadata.policy_uri,
        tos_uri=metadata.tos_uri,
    )


def form_targets(transaction: Transaction) -> tuple[str, ...]:
    """Return where a form of this transaction may lead in the end, for the CSP.

    Chromium holds the whole chain of redirects after a form to its page's form-action, and a client's
    callback often redirects on to another host of its own: https is open, plain http only to the callback.
    """
    return ("https:", transaction.request.redirect_uri) if transaction.request else ()
