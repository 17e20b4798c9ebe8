"""A transaction: one sign-in under way in one browser.

It is bound to the browser by a cookie, of which only a digest is kept, and it expires. Any number of
them can be under way in one browser (two tabs). Until the user sends a form or proves something it is not
stored: it waits sealed in the URLs of its pages, so that nobody fills the store by opening pages.

Each proof in it names the step that it proves and the subject that it is about, so it can be taken neither
for another step's nor for another user's (Keycloak CVE-2026-18963, Dex CVE-2022-39222).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from idp.clock import Clock
from idp.crypto import MasterKey, digest, equal, random_token
from idp.errors import FlowError
from idp.flow.demand import NO_DEMAND, Demand
from idp.flow.notices import Notice
from idp.identity.registration import Registered
from idp.oauth.authorization_request import AuthorizationRequest
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.kept import Kept, Kind
from idp.storage.single_use import SingleUse


@dataclass(frozen=True, slots=True)
class Proof:
    """What a user has shown or decided at a step."""

    step: str
    subject: str
    """The user that it is about."""
    session_id: str
    """The browser session in which it was given."""
    decision: str
    """The step's own word for what happened: `authenticated`, `selected`, `allow`, `deny` …"""
    at: float


@dataclass(frozen=True, slots=True)
class Arrived:
    """A user came back from another provider and is not signed in yet (`idp.flow.federated.arrivals`)."""

    id: str
    """The arrival, which is kept by itself."""
    link_user: str | None = None
    """The account that the user has to sign in to, for the two to be linked."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A sign-in under way."""

    id: str
    browser: str
    """Digest of the browser cookie that it is bound to."""
    request: AuthorizationRequest | None
    """What the client asked for; None when the user came on their own, to the account."""
    created_at: float
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    cancelled: bool = False
    switching: bool = False
    """Whether the user asked to go on with another account than the one signed in."""
    demand: Demand = NO_DEMAND
    """What the destination asks of the sign-in."""
    destination: str = "/account"
    """The path of ours that a user who came on their own goes to in the end."""
    registered: Registered | None = None
    """What a user chose who registered in this transaction, while the address is to be verified."""
    invitation: str | None = None
    """The invitation whose link began it, where an invitation is needed to register."""
    arrived: Arrived | None = None
    notice: Notice | None = None
    """What the next page says about what was just tried."""
    hint_used: bool = False
    """Whether the user was sent straight to a provider already: they may have come back to choose."""
    sealed: str | None = None
    """The whole of it, encrypted, while it is not stored."""

    @property
    def handle(self) -> str:
        """What names it in a URL or a form: its id, or the whole of it while it is not stored."""
        return self.sealed or self.id

    def proof(self, step: str, session_id: str | None) -> Proof | None:
        """Return the proof of `step` if it was given in this session."""
        proof = self.proofs.get(step)
        return proof if proof is not None and proof.session_id == session_id else None

    def with_proof(self, proof: Proof) -> "Transaction":
        """Return the transaction with one more proof."""
        return replace(self, proofs={**self.proofs, proof.step: proof})

    @classmethod
    def draft(
        cls, now: float, request: AuthorizationRequest | None = None, demand: Demand = NO_DEMAND
    ) -> "Transaction":
        """Return one that is not stored and is bound to no browser: to see what would be asked."""
        return cls("", "", request, now, demand=demand)


@dataclass(frozen=True, slots=True)
class SealedTransaction:
    """What is known of a transaction before the user did anything, as it is sealed."""

    id: str
    browser: str
    request: AuthorizationRequest | None
    created_at: float
    demand: Demand
    destination: str
    invitation: str | None
    hint_used: bool

    @classmethod
    def of(cls, transaction: Transaction) -> "SealedTransaction":
        """Return the draft of a transaction."""
        return cls(**{each.name: getattr(transaction, each.name) for each in fields(cls)})

    def opened(self, sealed: str) -> Transaction:
        """Return the transaction again."""
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        return Transaction(**known, sealed=sealed)


TRANSACTION = Kind("tx", Transaction, 0)
"""How long one is kept is a setting."""

FINISHED = "transaction"

DRAFT = Kind("tx-draft", SealedTransaction, 0, sealed=True)


class Transactions:
    """Keeps the transactions, in the ephemeral store."""

    def __init__(
        self,
        store: EphemeralStore,
        single_use: SingleUse,
        master_key: MasterKey,
        clock: Clock,
        ttl: float,
    ) -> None:
        """Take, among others, how many seconds one lives."""
        self._single_use = single_use
        self._kept = Kept(store, TRANSACTION)
        self._drafts = Kept(store, DRAFT, master_key)
        self._clock = clock
        self._ttl = ttl

    def begin(
        self,
        request: AuthorizationRequest | None,
        browser: str,
        *,
        destination: str = "/account",
        demand: Demand = NO_DEMAND,
    ) -> Transaction:
        """Start a transaction for the browser with this cookie value; it waits sealed. `destination` is a
        path that our code names: never one that came with a request."""
        transaction = Transaction(
            random_token(),
            digest(browser),
            request,
            self._clock.now(),
            destination=destination,
            demand=demand,
        )
        return self._seal(transaction)

    async def load(self, handle: str | None, browser: str | None) -> Transaction:
        """Return the transaction; raise `FlowError` unless it is alive and this browser's."""
        transaction = await self._found(handle) if handle else None
        return self._bound(transaction, browser)

    async def save(self, transaction: Transaction) -> Transaction:
        """Store the transaction as it is now, and return it as it is stored."""
        stored = replace(transaction, sealed=None)
        ttl = self._time_left(stored)
        if ttl > 0:
            await self._kept.put(stored.id, stored, ttl=ttl)
        return stored

    async def amend(self, transaction: Transaction) -> Transaction:
        """Keep a change that the user did not ask for by a form: sealed as long as it is not stored."""
        return await self.save(transaction) if transaction.sealed is None else self._seal(transaction)

    async def finish(self, transaction: Transaction) -> None:
        """Take the transaction away; raise `FlowError` for all but one of several requests that try."""
        taken = transaction.sealed or await self._kept.take(transaction.id)
        # Marked too: a page that loaded it before may save it after, which must not bring it back.
        if taken is None or not await self._single_use.use(FINISHED, transaction.id, self._ttl):
            raise _gone("the transaction was finished by another request")

    async def _found(self, handle: str) -> Transaction | None:
        transaction = await self._kept.get(handle)
        draft = self._drafts.decode(DRAFT.name, handle.encode()) if transaction is None else None
        if draft is None:
            return transaction
        stored = await self._kept.get(draft.id)  # by a form that was sent since
        if stored is not None:
            return stored
        opened = draft.opened(handle)
        gone = self._time_left(opened) <= 0 or await self._single_use.is_used(FINISHED, draft.id)
        return None if gone else opened

    def _seal(self, transaction: Transaction) -> Transaction:
        sealed = self._drafts.encode(DRAFT.name, SealedTransaction.of(transaction)).decode()
        return replace(transaction, sealed=sealed)

    def _time_left(self, transaction: Transaction) -> float:
        return transaction.created_at + self._ttl - self._clock.now()

    @staticmethod
    def _bound(transaction: Transaction | None, browser: str | None) -> Transaction:
        if transaction is None:
            raise _gone("the transaction is unknown: finished, expired, invalid, or begun by another version")
        if browser is None:
            raise FlowError(
                "Your browser did not send the cookie that this sign-in began with. "
                "Allow cookies for this site, go back to the app and try again.",
                detail="the browser cookie is missing",
            )
        if not equal(transaction.browser, digest(browser)):
            raise FlowError(
                "This sign-in was begun in another browser. Go back to the app and start again.",
                detail="the browser cookie is not the one that the transaction is bound to",
            )
        return transaction


def _gone(detail: str) -> FlowError:
    return FlowError(
        "This sign-in has expired or was finished already. Go back to the app and start again.",
        detail=detail,
    )
