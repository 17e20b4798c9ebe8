"""A browser visits the flow: the transaction it is in, the session it has, and what comes next.

Everything comes in as plain values, so a test needs no HTTP: the room that speaks it reads cookies and makes
a `Browser` of them.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from idp.clock import Clock
from idp.errors import FlowError
from idp.flow.demand import NO_DEMAND, Demand
from idp.flow.destination import Destination, ToClient, ToPage
from idp.flow.dispatch import Decision, GoTo, Issue, dispatch
from idp.flow.situation import SignedInUser, Situation, Situations
from idp.flow.steps import Step
from idp.flow.transaction import Proof, Transaction, Transactions
from idp.i18n import wishes
from idp.identity.sessions import CurrentSession, Sessions, Visitor
from idp.oauth.authorization_request import AuthorizationRequest
from idp.oauth.clients import Client, ClientRegistry


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser that a request came from: the values of its cookies, and where it is."""

    name: str | None
    """The secret that forms and transactions are bound to; None before the first page."""
    session_token: str | None = None
    device: str | None = None
    """The mark of a browser that the user trusts to skip the second factor."""
    visitor: Visitor = field(default_factory=Visitor)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request in the flow: this browser, this transaction, this session, this decision."""

    browser: Browser
    transaction: Transaction
    client: Client | None
    """None when the user came on their own, to their account."""
    session: CurrentSession | None
    decision: Decision
    situation: Situation

    @property
    def step(self) -> Step | None:
        """The step that is due; None when nothing is left to ask."""
        return self.decision.step if isinstance(self.decision, GoTo) else None

    def is_at(self, *steps: str) -> bool:
        """Tell whether one of the steps with these names is due."""
        return self.step is not None and self.step.name in steps

    @property
    def signed_in(self) -> CurrentSession:
        """The session; raise `FlowError` when nobody is signed in."""
        if self.session is None:
            raise FlowError("Nobody is signed in any more. Start again.")
        return self.session

    @property
    def destination(self) -> Destination:
        """Where the transaction leads in the end."""
        request = self.transaction.request
        return ToPage(self.transaction.destination) if request is None else ToClient(request)

    @property
    def request(self) -> AuthorizationRequest | None:
        """What the client asked for."""
        return self.transaction.request


class Visits:
    """Loads transactions, decides what is next in them, and keeps what a page adds to them."""

    def __init__(
        self,
        transactions: Transactions,
        sessions: Sessions,
        clients: ClientRegistry,
        situations: Situations,
        steps: tuple[Step, ...],
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._sessions = sessions
        self._clients = clients
        self._situations = situations
        self.steps = steps
        self._clock = clock

    async def load(self, browser: Browser, handle: str | None) -> Visit:
        """Load the transaction and decide what is next; raise `FlowError` if it is not this browser's."""
        transaction = await self._transactions.load(handle, browser.name)
        return await self.look_at(browser, transaction)

    async def begin(self, browser: Browser, destination: str = "/account") -> Visit:
        """Begin a transaction of a user who comes on their own: it leads to this path of ours."""
        transaction = self._transactions.begin(None, _name(browser), destination=destination)
        return await self.look_at(browser, transaction)

    async def begin_for(self, browser: Browser, request: AuthorizationRequest) -> Visit:
        """Look at an app's request. A transaction begins only if something has to be asked."""
        visit = await self.look_at(browser, Transaction.draft(self._clock.now(), request))
        if visit.step is None:
            return visit
        return replace(visit, transaction=self._transactions.begin(request, _name(browser)))

    async def look_at(self, browser: Browser, transaction: Transaction) -> Visit:
        """Decide what is next in a transaction that is at hand."""
        session = await self._sessions.current(browser.session_token)
        client: Client | None = None
        languages = wishes()
        languages.account = session.locale if session else None
        if transaction.request is not None:
            languages.asked = transaction.request.ui_locales or ""
            client = await self._clients.get(transaction.request.client_id)
            if client is None:
                raise FlowError("The app that asked you to sign in is no longer known here.")
        signed_in = SignedInUser.by_session(session) if session else None
        situation = await self._situations.of(transaction, client, signed_in, device=browser.device)
        return Visit(browser, transaction, client, session, dispatch(situation, self.steps), situation)

    async def enter(
        self, browser: Browser, destination: str, demand: Demand = NO_DEMAND
    ) -> CurrentSession | Transaction:
        """Return the session of a user who may go to `destination`, a path of ours; else begin the
        transaction that leads there. `demand` is what the path asks of the sign-in."""
        draft = Transaction.draft(self._clock.now(), demand=demand)
        visit = await self.look_at(browser, draft)
        if visit.session is not None and isinstance(visit.decision, Issue):
            return visit.session
        return self._transactions.begin(None, _name(browser), destination=destination, demand=demand)

    async def session(self, browser: Browser) -> CurrentSession | None:
        """Return the session of the user who is signed in in this browser, whatever is still to be asked."""
        return await self._sessions.current(browser.session_token)

    async def keep(self, visit: Visit, **changes: Any) -> Transaction:
        """Store the transaction with these members changed."""
        return await self._transactions.save(replace(visit.transaction, **changes))

    async def amend(self, visit: Visit, **changes: Any) -> Transaction:
        """Change members of a transaction when the user only opened a page: what waits sealed is not stored
        by that."""
        return await self._transactions.amend(replace(visit.transaction, **changes))

    async def prove(self, visit: Visit, decision: str, **changes: Any) -> Transaction:
        """Store the proof of the step that is due, given in the session of the visit. `decision` is the
        step's own word for it."""
        session, step = visit.signed_in, visit.step
        if step is None:
            raise FlowError("This sign-in is not at this step. Go back to the app and start again.")
        proof = Proof(step.name, session.user_id, session.id, decision, self._clock.now())
        transaction = replace(visit.transaction.with_proof(proof), **changes)
        return await self._transactions.save(transaction)

    async def finish(self, visit: Visit) -> None:
        """End the transaction; raise `FlowError` for all but one of several requests that try."""
        await self._transactions.finish(visit.transaction)


def _name(browser: Browser) -> str:
    if browser.name is None:
        raise ValueError("a browser gets its name before a transaction begins in it")
    return browser.name
