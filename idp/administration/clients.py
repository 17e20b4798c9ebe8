"""Clients: create, change, rotate the secret, delete."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from idp.clock import Clock
from idp.errors import NotFound
from idp.events.audit import record as record_event
from idp.events.catalogue import ClientChanged, ClientCreated, ClientDeleted
from idp.oauth import registration
from idp.oauth.client_metadata import PUBLIC, SECRET_METHODS, ClientMetadata
from idp.oauth.client_records import read_metadata
from idp.oauth.registration import RegistrationPolicy, build_client, change_client
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import ClientRecord

PAGE = 500
"""Clients read at once."""
_EXCLUSIVE = {"jwks": "jwks_uri", "jwks_uri": "jwks"}
"""Setting one of these unsets the other (RFC 7591 §2)."""


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client to register: its metadata, and the id and secret where the operator chooses them."""

    metadata: ClientMetadata
    client_id: str | None = None
    client_secret: str | None = None


class ClientAdministration:
    """The registered clients, for the operator."""

    def __init__(self, database: Database, policy: RegistrationPolicy, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def get(self, client_id: str) -> ClientRecord:
        """Return a client, enabled or not; raise `NotFound`."""
        async with self._database.reading() as uow:
            return await _existing(uow, client_id)

    async def all(self) -> AsyncIterator[ClientRecord]:
        """Yield every client in the order of their ids, page by page."""
        after: str | None = None
        while True:
            async with self._database.reading() as uow:
                page = await uow.clients.page(after, PAGE)
            for record in page:
                yield record
            if len(page) < PAGE:
                return
            after = page[-1].client_id

    async def create(self, new: NewClient) -> tuple[ClientRecord, str | None]:
        """Register a client; return it and its secret, which is not kept.

        Raises `InvalidValue` for wrong metadata and `Conflict` for an id in use.
        """
        (made,) = await self.create_all([new])
        return made

    async def create_all(self, clients: Sequence[NewClient]) -> list[tuple[ClientRecord, str | None]]:
        """Register several clients, or none of them if one is refused."""
        now = self._clock.now()
        made = [
            build_client(
                new.metadata,
                now,
                client_id=new.client_id,
                client_secret=new.client_secret,
                policy=self._policy,
            )
            for new in clients
        ]
        async with self._database.unit_of_work() as uow:
            for record, _ in made:
                await uow.clients.add(record)
                await record_event(uow, ClientCreated(client_id=record.client_id), now)
        return made

    def demands(self, metadata: ClientMetadata) -> str:
        """Say in one sentence what the app of a client must be able to do."""
        if "authorization_code" not in metadata.grant_types:
            method = metadata.auth_method
            methods = " or ".join(SECRET_METHODS if method in SECRET_METHODS else (method,))
            return f"The app must authenticate at the token endpoint with {methods}."
        if self._policy.always_pkce or metadata.auth_method == PUBLIC or metadata.require_pkce:
            return "The app must use PKCE with S256."
        if metadata.require_pkce is None:
            return "The app must use PKCE with S256, or send a nonce with the scope openid."
        return "The app may leave out PKCE and the nonce; what it sends is checked."

    async def change(
        self, client_id: str, changes: Mapping[str, Any], *, enabled: bool | None = None
    ) -> tuple[ClientRecord, str | None]:
        """Change attributes (fields of `ClientMetadata`) and switch the client on or off.

        Returns the client, and its secret if its way to authenticate asks for a first one.
        """
        changes = {_EXCLUSIVE[name]: None for name in changes if name in _EXCLUSIVE} | dict(changes)
        async with self._database.unit_of_work() as uow:
            now, secret = self._clock.now(), None
            record = await _existing(uow, client_id)
            if changes:
                metadata = replace(read_metadata(record), **changes)
                secret = change_client(record, metadata, now, policy=self._policy)
            if enabled is not None:
                record.disabled_at = None if enabled else now
            await uow.clients.save(record)
            what = tuple(sorted(changes)) + (() if enabled is None else ("enabled",))
            await record_event(uow, ClientChanged(client_id=client_id, what=what), now)
        return record, secret

    async def rotate_secret(
        self, client_id: str, client_secret: str | None = None
    ) -> tuple[ClientRecord, str]:
        """Give a client a new secret and return it; the old one stops working at once. None makes a random one."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            record = await _existing(uow, client_id)
            secret = registration.rotate_secret(record, now, client_secret)
            await uow.clients.save(record)
            await record_event(uow, ClientChanged(client_id=client_id, what=("secret",)), now)
        return record, secret

    async def delete(self, client_id: str) -> None:
        """Delete a client with its grants and consents; raise `NotFound`."""
        async with self._database.unit_of_work() as uow:
            if not await uow.clients.delete(client_id):
                raise _unknown(client_id)
            await record_event(uow, ClientDeleted(client_id=client_id), self._clock.now())


def client_information(record: ClientRecord) -> dict[str, Any]:
    """Return what a client is registered with (RFC 7591 §3.2.1), without its secret."""
    return {
        "client_id": record.client_id,
        **read_metadata(record).to_document(),
        **dict(read_metadata(record).other),
        "client_id_issued_at": int(record.created_at),
        "disabled": record.disabled_at is not None,
    }


async def _existing(uow: UnitOfWork, client_id: str) -> ClientRecord:
    record = await uow.clients.get(client_id)
    if record is None:
        raise _unknown(client_id)
    return record


def _unknown(client_id: str) -> NotFound:
    return NotFound(f"There is no client {ascii(client_id[:100])[1:-1]}; idp client list shows them.")
