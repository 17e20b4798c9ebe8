"""What every page of the flow needs: who is at the browser, which transaction, what comes next."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import Settings
from idp.errors import FlowError
from idp.flow.dispatch import Decision, Issue, dispatch
from idp.flow.steps import Login, SecondFactor, SignedIn, Situation, Step
from idp.flow.transaction import Proof, Transaction, Transactions
from idp.i18n import wishes
from idp.identity.acr import ACR_MULTI, satisfies
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
        situation = await self._situation(request, transaction, client, session)
        return Visit(browser, transaction, client, session, dispatch(situation, self.steps), situation)

    async def _situation(
        self,
        request: Request,
        transaction: Transaction,
        client: Client | None,
        session: CurrentSession | None,
    ) -> Situation:
        if session is None:
            return Situation(transaction, client, None, now=self.clock.now())
        has_factor = trusted = False
        scopes: frozenset[str] = frozenset()
        claims: frozenset[str] = frozenset()
        async with self.database.reading() as uow:
            if not satisfies(session.authentication.acr, ACR_MULTI):
                has_factor = bool(await uow.factors.kinds(session.user_id))
            if has_factor:
                device = self.cookies.device(request)
                trusted = await self.second_factors.is_trusted(uow, session.user_id, device)
            if client is not None and not client.is_first_party:
                consent = await uow.consents.get(session.user_id, client.client_id)
                if consent is not None:
                    scopes, claims = frozenset(consent.scopes), frozenset(consent.claims)
        signed_in = SignedIn(
            session.id,
            session.user_id,
            session.authentication,
            verification_due=session.verification_due,
            roles=session.roles,
            has_factor=has_factor,
            trusted_device=trusted,
            factor_offered_at=session.factor_offered_at,
            factor_due_at=session.factor_due_at,
        )
        return Situation(transaction, client, signed_in, scopes, claims, self.clock.now())

    async def signed_in(self, request: Request, path: str) -> CurrentSession | Response:
        """Return the session if nothing is to be asked of the person, or the way that leads to `path` of
        ours through what is."""
        return await self._signed_in(request, path)

    async def recently_signed_in(self, request: Request, path: str) -> CurrentSession | Response:
        """Return the session if its sign-in is recent enough for a sensitive change, or the way there."""
        return await self._signed_in(request, path, oldest=self.settings.accounts.recent_sign_in)

    async def proven(self, request: Request, path: str) -> CurrentSession | Response:
        """Like `signed_in`, and whoever has a second factor has proven it in this session: a trusted browser
        or a code by mail will not do."""
        return await self._signed_in(request, path, demand_factor=True)

    async def recently_proven(self, request: Request, path: str) -> CurrentSession | Response:
        """Like `recently_signed_in`, and like `proven`."""
        oldest = self.settings.accounts.recent_sign_in
        return await self._signed_in(request, path, oldest=oldest, demand_factor=True)

    async def _signed_in(
        self,
        request: Request,
        path: str,
        *,
        oldest: float = math.inf,
        demand_factor: bool = False,
    ) -> CurrentSession | Response:
        now, browser = self.clock.now(), self.cookies.browser_or_new(request)
        draft = Transaction("", "", None, now, demand_factor=demand_factor)
        visit = await self.look_at(request, browser, draft)
        session = visit.session
        stale = session is not None and now - session.authentication.auth_time > oldest
        if session is not None and isinstance(visit.decision, Issue) and not stale:
            return session
        transaction = await self.transactions.begin(
            None, browser, destination=path, reauthenticate=stale, demand_factor=demand_factor
        )
        response = self.resume(transaction)
        self.cookies.keep_browser(request, response, browser)
        return response

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
