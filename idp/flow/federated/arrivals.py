"""Arrivals: users who came back from a provider and have to show or say something before they are signed in."""

from dataclasses import dataclass, replace
from typing import Final, Literal

from idp.crypto import MasterKey, digest, random_token
from idp.errors import FlowError, InvalidValue
from idp.federation.identity import UpstreamIdentity
from idp.flow.federated.departures import EXPIRED
from idp.flow.transaction import Transaction
from idp.identity.addresses import email_key
from idp.identity.connections import Connections
from idp.identity.mail import Mailer
from idp.identity.mail_codes import MOST_WRONG_CODES, MailCodes
from idp.identity.mail_throttle import MailThrottle
from idp.storage.database import Database
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.kept import Kept, Kind

Stage = Literal["address", "code", "profile", "link"]

ARRIVAL_TTL: Final = 1800.0
"""Seconds."""
CONFIRM_ADDRESS: Final = "confirm_address"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A user who came back from a provider and is not signed in yet."""

    id: str
    transaction_id: str
    provider: str
    stage: Stage
    identity: UpstreamIdentity
    email: str | None = None
    """The address that they gave, or that the provider verified."""
    mailed_to: str | None = None
    """Where the code went: the address as the account spells it, if one has it."""
    proven_here: bool = False
    code_digest: str | None = None


ARRIVAL = Kind("fed-arrival", Arrival, ARRIVAL_TTL, sealed=True)


class Arrivals:
    """Keeps the arrivals."""

    def __init__(
        self,
        connections: Connections,
        database: Database,
        store: EphemeralStore,
        mailer: Mailer,
        mail_throttle: MailThrottle,
        master_key: MasterKey,
    ) -> None:
        self._connections = connections
        self._database = database
        self._store = store
        self._mailer = mailer
        self._mail_throttle = mail_throttle
        self._kept = Kept(store, ARRIVAL, master_key)
        self._codes = MailCodes(master_key.derive("federation-codes"))

    async def of(self, transaction: Transaction) -> Arrival | None:
        """Return the arrival of a transaction."""
        if transaction.arrived is None:
            return None
        arrival = await self._kept.get(transaction.arrived.id)
        return arrival if arrival is not None and arrival.transaction_id == transaction.id else None

    async def wait(
        self, identity: UpstreamIdentity, transaction: Transaction, stage: Stage, *, proven_here: bool = False
    ) -> Arrival:
        """Keep an arrival at a stage."""
        arrival = Arrival(
            random_token(),
            transaction.id,
            identity.provider,
            stage,
            identity,
            email=identity.email,
            proven_here=proven_here,
        )
        await self._keep(arrival)
        return arrival

    async def ask_address(self, arrival: Arrival, email: str, *, address: str = "") -> Arrival:
        """Send a code to the address that the user gave, as its account spells it if it has one; raise
        `InvalidValue` or `Throttled`.

        Whether it has an account shows only after the code: before it nothing is made and nothing is told.
        """
        key = email_key(email)
        await self._mail_throttle.check(CONFIRM_ADDRESS, key, address)
        account = await self._connections.account_of(email)
        code = self._codes.new()
        waiting = replace(
            arrival,
            id=random_token(),  # a new one, so that the tries at the old code are over
            stage="code",
            email=email.strip(),
            mailed_to=email.strip() if account is None else account.email,
            code_digest=None,
        )
        waiting = replace(waiting, code_digest=self._codes.digest(code, waiting.id))
        async with self._database.unit_of_work() as uow:
            await self._mailer.queue(uow, "confirm_address", waiting.mailed_to or "", path="/", code=code)
        await self._kept.delete(arrival.id)
        await self._keep(waiting)
        return waiting

    async def confirm_address(self, arrival: Arrival, code: str, *, address: str = "") -> UpstreamIdentity:
        """Return the identity with its address, once the code of the mail is given; raise `InvalidValue`, and
        `Throttled` for guesses. `address` is the network address of the browser."""
        guessed_at, guesses = email_key(arrival.email or ""), self._mail_throttle.codes
        await guesses.check(CONFIRM_ADDRESS, guessed_at, address)
        wrong = InvalidValue(
            "This code is wrong or has expired. Use the code from the latest mail, or send a new one.",
            field="code",
        )
        tries = await self._store.increment(f"fed-code:{digest(arrival.id)}", ARRIVAL_TTL)
        if tries > MOST_WRONG_CODES or arrival.code_digest is None or arrival.mailed_to is None:
            raise wrong
        if not self._codes.is_right(code, arrival.code_digest, arrival.id):
            raise wrong
        await self.forget(arrival)
        await guesses.succeeded(CONFIRM_ADDRESS, guessed_at, address)
        return replace(arrival.identity, email=arrival.mailed_to, email_verified=False)

    async def forget(self, arrival: Arrival) -> None:
        """Use an arrival up; raise `FlowError` for all but one of several requests that try."""
        if await self._kept.take(arrival.id) is None:
            raise FlowError(EXPIRED, detail="the arrival was used by another request")

    async def _keep(self, arrival: Arrival) -> None:
        await self._kept.put(arrival.id, arrival)
