"""A user has proven something: the browser gets a session, or a stronger one, and the flow goes on."""

from dataclasses import dataclass, replace

from idp.authentication import Authentication
from idp.clock import Clock
from idp.flow.steps import Login, SecondFactor
from idp.flow.transaction import Proof, Transaction, Transactions
from idp.flow.visits import Browser, Visit
from idp.identity.acr import ACR_MULTI
from idp.identity.second_factor import ProvenFactor, SecondFactors
from idp.identity.sessions import CurrentSession, Sessions, StartedSession


@dataclass(frozen=True, slots=True)
class Progress:
    """A transaction that goes on, and what the browser has to keep for it."""

    transaction: Transaction
    session_token: str
    device: str | None = None
    """The mark that makes the browser a trusted one."""


class SignIn:
    """Turns proofs into sessions."""

    def __init__(
        self, sessions: Sessions, transactions: Transactions, second_factors: SecondFactors, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._transactions = transactions
        self._second_factors = second_factors
        self._clock = clock

    async def sign_in(
        self, browser: Browser, transaction: Transaction, user_id: str, authentication: Authentication
    ) -> Progress:
        """Begin a session for the user who was just authenticated; raise `FlowError` when the account is not
        in use or the authentication has ended in the meantime."""
        started = await self._sessions.start(
            user_id, authentication, browser.visitor, replacing=browser.session_token
        )
        proof = Proof(Login.name, user_id, started.session.id, "authenticated", self._clock.now())
        proven = replace(
            transaction.with_proof(proof),
            switching=False,
            registered=None,  # the user goes on as the one who signed in
            notice=None,
        )
        return Progress(await self._transactions.save(proven), started.token)

    async def step_up(self, visit: Visit, proven: ProvenFactor, *, trust: bool = False) -> Progress:
        """Give the session the factor that was proven, under a new id. With `trust` the browser becomes a
        trusted one, if the operator allows that and the factor is a strong one."""
        session = visit.signed_in
        started = await self.strengthen(visit.browser, session, proven)
        transaction = visit.transaction
        for proof in visit.transaction.proofs.values():
            if proof.session_id == session.id:  # what was shown in the session stays shown in its successor
                transaction = transaction.with_proof(replace(proof, session_id=started.session.id))
        now = self._clock.now()
        proof = Proof(SecondFactor.name, session.user_id, started.session.id, proven.kind, now)
        transaction = transaction.with_proof(proof)
        transaction = await self._transactions.save(transaction)
        device = None
        if trust and self._second_factors.trusted_browsers.are_allowed and proven.acr == ACR_MULTI:
            device = await self._second_factors.trusted_browsers.trust(
                started.session.account, visit.browser.visitor.user_agent
            )
        return Progress(transaction, started.token, device)

    async def strengthen(
        self, browser: Browser, session: CurrentSession, proven: ProvenFactor
    ) -> StartedSession:
        """Replace the session by one that has the factor too: a new id, as at every change of privilege."""
        return await self._sessions.strengthen(
            session.user_id,
            proven.added_to(session.authentication),
            browser.visitor,
            replacing=browser.session_token,
        )
