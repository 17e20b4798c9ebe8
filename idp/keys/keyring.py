"""The keyring: what a worker knows of the signing keys, and its upkeep.

A worker signs and verifies from a snapshot that never changes; looking for news replaces it. When the
database is away the last snapshot goes on, and since a snapshot knows the future (`activates_at`,
`expires_at`) keys change hands on time even then.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import anyio.to_thread
import structlog

from idp.clock import Clock
from idp.config import Settings
from idp.crypto import MasterKey
from idp.errors import ConfigurationError, InvalidValue, Unavailable
from idp.events.audit import record
from idp.events.catalogue import KeysRotated
from idp.keys import material, rotation, signing
from idp.keys.material import Key, PrivateKey
from idp.keys.snapshot import SigningKey, Snapshot
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import SigningKeyRecord

log = structlog.stdlib.get_logger("idp.keys")

ROTATION_TRIES = 5
"""Times that a rotation asked for by hand starts over because another worker made the same generation."""

Reason = Literal["first", "due", "asked", "emergency", "imported"]


class Keyring:
    """Signs, verifies and publishes with the installation's keys; one for each worker."""

    def __init__(self, database: Database, master_key: MasterKey, settings: Settings, clock: Clock) -> None:
        material.check_algorithms(settings.keys.algorithms)
        self._database = database
        self._master_key = master_key
        self._settings = settings
        self._clock = clock
        self._snapshot = Snapshot()

    # What needs no database.

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """Every key that is kept, by algorithm and in the order in which they sign."""
        return self._snapshot.keys

    def signing_key(self, alg: str = "RS256") -> SigningKey:
        """Return the key that signs now, or raise `Unavailable` when there is none for `alg`."""
        key = self._snapshot.signing(alg, self._clock.now())
        if key is None:
            raise Unavailable("Signing is not possible right now.", detail=f"no signing key for {alg}")
        return key

    def age(self) -> float:
        """Return for how many seconds the oldest key that signs now has been doing so; 0 without keys."""
        now = self._clock.now()
        signing = (self._snapshot.signing(alg, now) for alg in self._settings.keys.algorithms)
        return max((now - key.activates_at for key in signing if key is not None), default=0.0)

    def verification_key(self, kid: str, alg: str) -> Key | None:
        """Return the published public key that has this `kid` and is for this `alg`."""
        key = self._snapshot.by_kid.get(kid)
        if key is None or key.alg != alg or not key.is_published(self._clock.now()):
            return None
        return key.public

    def jwks(self) -> dict[str, Any]:
        """Return the published keys (RFC 7517 §5)."""
        return self._snapshot.jwks(self._clock.now())

    @property
    def jwks_bytes(self) -> bytes:
        """The published keys as JSON, rendered once until something changes."""
        return self._snapshot.jwks_bytes(self._clock.now())

    def sign(self, claims: Mapping[str, Any], *, alg: str = "RS256", typ: str | None = None) -> str:
        """Return `claims` as a signed token with the header parameter `typ` (none when it is None)."""
        key = self.signing_key(alg)
        return signing.write_compact(key.signer, alg=key.alg, kid=key.kid, typ=typ, claims=claims)

    def verify(
        self, token: str, *, typ: str | None, algorithms: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Return the claims of a token that a published key of ours signed, or raise `InvalidToken`.

        `typ` is the kind that is expected (None: no `typ`, or JWT, as ID tokens have it). Nothing is said
        of the claims: issuer, audience and times are for the caller to check.
        """
        allowed = self._settings.keys.algorithms if algorithms is None else algorithms
        return signing.read_compact(token, typ=typ, algorithms=allowed, find_key=self.verification_key)

    # Upkeep.

    async def ensure(self) -> None:
        """Import `*.pem` of the keys directory, make what keys are missing, and load them; at start."""
        await self.import_pem(self._settings.keys.directory)
        await self.maintain()

    async def reload(self) -> None:
        """Read the keys anew."""
        async with self._database.reading() as uow:
            self._load(await uow.signing_keys.all())

    async def refresh_if_stale(self, now: float) -> None:
        """Look for news, and for what is due, if that was `reload_every` seconds ago or longer."""
        if now - self._snapshot.loaded_at >= self._settings.keys.reload_every:
            await self.maintain()

    async def run(self, stop: asyncio.Event) -> None:
        """Look for news every `reload_every` seconds until `stop` is set; a failure is for the log."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._settings.keys.reload_every)
                return
            try:
                await self.maintain()
            except Exception as error:  # noqa: BLE001  a worker signs on with what it has
                log.warning("keys.reload_failed", error=repr(error), detail=getattr(error, "detail", None))

    async def maintain(self) -> None:
        """Do what is due (`rotation.plan`) and load the keys. Any number of workers may do so at once."""
        async with self._database.reading() as uow:
            records = await uow.signing_keys.all()
        now = self._clock.now()
        due = rotation.plan(records, now, self._settings)
        if due:
            made = [
                (await self._make(d.alg, d.generation, d.activates_at, now), d.generation)
                for d in due
                if isinstance(d, rotation.CreateKey)
            ]
            async with self._database.unit_of_work() as uow:
                for new, generation in made:
                    await self._add(uow, new, "first" if generation == 1 else "due", now)
                await self._retire(uow, now)
                records = await uow.signing_keys.all()
        self._load(records)

    async def rotate_now(
        self, alg: str | None = None, *, emergency: bool = False, ahead: float | None = None
    ) -> list[str]:
        """Make new keys (for `alg`, or all algorithms) out of turn and return their key ids.

        Normally a new key is published now and signs `publish_ahead` from now, or `ahead` seconds; the old
        one verifies until its last token has expired. In an `emergency` every present key of the algorithm
        is unpublished at once, with all tokens that they signed, and the new one signs at once; other
        workers follow within `reload_every` seconds.
        """
        algorithms = self._settings.keys.algorithms if alg is None else (alg,)
        for name in algorithms:
            if name not in self._settings.keys.algorithms:
                raise InvalidValue(
                    f"There are no keys for {name}; IDP_KEYS__ALGORITHMS has "
                    f"{', '.join(self._settings.keys.algorithms)}.",
                    field="alg",
                )
        made = [await self._rotate(name, emergency=emergency, ahead=ahead) for name in algorithms]
        await self.reload()
        return made

    async def import_pem(self, directory: Path) -> list[str]:
        """Take in private keys from `*.pem` that are not known yet, to sign from now on; return their ids."""
        imported = []
        for path, alg, private in await anyio.to_thread.run_sync(material.read_directory, directory):
            if alg not in self._settings.keys.algorithms:
                raise ConfigurationError(
                    f"{path} is a key for {alg}, which IDP_KEYS__ALGORITHMS does not have; "
                    "add it there or remove the file."
                )
            kid = material.public_jwk(alg, private)["kid"]
            if await self._import(alg, private):
                imported.append(kid)
        return imported

    async def _rotate(self, alg: str, *, emergency: bool, ahead: float | None) -> str:
        private = await anyio.to_thread.run_sync(material.generate, alg)
        for _ in range(ROTATION_TRIES):
            async with self._database.unit_of_work() as uow:
                now = self._clock.now()
                records = await uow.signing_keys.all()
                lead = rotation.publish_ahead(self._settings) if ahead is None else ahead
                generation = rotation.next_generation(records, alg)
                new = self._seal(alg, private, generation, now if emergency else now + lead, now)
                leaked = [r.kid for r in records if r.alg == alg and not rotation.is_expired(r, now)]
                dropped = tuple(leaked) if emergency else ()
                # The new key goes in first: its unique generation makes workers queue, so that nobody who
                # planned from what was before gives a dropped key another expiry.
                if await self._add(uow, new, "emergency" if emergency else "asked", now, dropped):
                    for kid in dropped:
                        await uow.signing_keys.set_expiry(kid, now)
                    await self._retire(uow, now)
                    return new.kid
        raise Unavailable("Other workers are rotating keys at the same moment; try again.")

    async def _import(self, alg: str, private: PrivateKey) -> bool:
        for _ in range(ROTATION_TRIES):
            async with self._database.unit_of_work() as uow:
                now = self._clock.now()
                records = await uow.signing_keys.all()
                generation = rotation.next_generation(records, alg)
                new = self._seal(alg, private, generation, now, now)
                if any(record.kid == new.kid for record in records):
                    return False
                if await self._add(uow, new, "imported", now):
                    await self._retire(uow, now)
                    return True
        raise Unavailable("Other workers are importing keys at the same moment; start again.")

    async def _retire(self, uow: UnitOfWork, now: float) -> None:
        for decision in rotation.plan(await uow.signing_keys.all(), now, self._settings):
            match decision:
                case rotation.Expire(kid, expires_at):
                    await uow.signing_keys.set_expiry(kid, expires_at)
                case rotation.Delete(kid) if kid not in await self._kids_on_disk():
                    await uow.signing_keys.delete(kid)
                case _:
                    pass

    async def _kids_on_disk(self) -> set[str]:
        """Keys whose PEM is still there: their record stays, or the next start would take them for new."""
        found = await anyio.to_thread.run_sync(material.read_directory, self._settings.keys.directory)
        return {material.public_jwk(alg, private)["kid"] for _, alg, private in found}

    async def _make(self, alg: str, generation: int, activates_at: float, now: float) -> SigningKeyRecord:
        private = await anyio.to_thread.run_sync(material.generate, alg)
        return self._seal(alg, private, generation, activates_at, now)

    def _seal(
        self, alg: str, private: PrivateKey, generation: int, activates_at: float, now: float
    ) -> SigningKeyRecord:
        jwk = material.public_jwk(alg, private)
        return SigningKeyRecord(
            kid=jwk["kid"],
            alg=alg,
            generation=generation,
            public_jwk=jwk,
            sealed_private_key=self._master_key.seal(material.to_der(private), context=_context(jwk["kid"])),
            created_at=now,
            activates_at=activates_at,
            expires_at=None,
        )

    async def _add(
        self,
        uow: UnitOfWork,
        new: SigningKeyRecord,
        reason: Reason,
        now: float,
        dropped: tuple[str, ...] = (),
    ) -> bool:
        if not await uow.signing_keys.add(new):
            return False
        await record(uow, KeysRotated(kid=new.kid, alg=new.alg, reason=reason, dropped=dropped), now)
        return True

    def _load(self, records: Sequence[SigningKeyRecord]) -> None:
        known = self._snapshot.by_kid
        keys = [self._open(r, known.get(r.kid)) for r in records]
        self._snapshot = Snapshot(keys, self._clock.now())

    def _open(self, stored: SigningKeyRecord, known: SigningKey | None) -> SigningKey:
        if known is not None and known.expires_at == stored.expires_at:
            return known
        if known is not None:
            private = known.private
        else:
            sealed = self._master_key.open(stored.sealed_private_key, context=_context(stored.kid))
            private = material.from_der(sealed)
        return SigningKey(
            kid=stored.kid,
            alg=stored.alg,
            generation=stored.generation,
            created_at=stored.created_at,
            activates_at=stored.activates_at,
            expires_at=stored.expires_at,
            public_jwk=dict(sorted(stored.public_jwk.items())),  # every worker publishes the same bytes
            private=private,
        )


def _context(kid: str) -> str:
    return f"signing-key:{kid}"
