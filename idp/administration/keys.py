"""Signing keys: list, rotate, import. The keyring makes each change and writes the audit trail."""

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from idp.clock import Clock
from idp.keys.keyring import Keyring
from idp.keys.material import read_pem
from idp.keys.rotation import in_order
from idp.storage.database import Database
from idp.storage.models import SigningKeyRecord

State = Literal["published", "signing", "verifying", "expired"]


@dataclass(frozen=True, slots=True)
class KeySummary:
    """A signing key and what it does now. Times are in seconds since 1970."""

    kid: str
    alg: str
    generation: int
    state: State
    created_at: float
    activates_at: float
    expires_at: float | None


class KeyAdministration:
    """The signing keys, for the operator."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock

    async def all(self) -> list[KeySummary]:
        """Return every key that is kept."""
        async with self._database.reading() as uow:
            records = await uow.signing_keys.all()
        now = self._clock.now()
        signing = {kid for alg in {record.alg for record in records} for kid in _signing(records, alg, now)}
        return [
            KeySummary(
                record.kid,
                record.alg,
                record.generation,
                _state(record, now, signs=record.kid in signing),
                record.created_at,
                record.activates_at,
                record.expires_at,
            )
            for record in records
        ]

    async def rotate(self, alg: str | None, *, emergency: bool) -> list[KeySummary]:
        """Make new keys, for one algorithm or all, and return them. `emergency`: drop the present ones now."""
        await self._keyring.ensure()
        return await self._of(await self._keyring.rotate_now(alg, emergency=emergency))

    async def import_pem(self, file: Path) -> list[KeySummary]:
        """Take in a private key, which signs from now on; return it, or nothing for one that is known already."""
        read_pem(file)  # its faults are named with the file's own path
        with tempfile.TemporaryDirectory() as directory:
            _link(file, Path(directory))
            return await self._of(await self._keyring.import_pem(Path(directory)))

    async def _of(self, kids: Collection[str]) -> list[KeySummary]:
        return [key for key in await self.all() if key.kid in kids]


def _link(file: Path, directory: Path) -> None:
    """Give the keyring a directory that holds this file alone."""
    (directory / "imported.pem").symlink_to(file.resolve())


def _signing(records: Sequence[SigningKeyRecord], alg: str, now: float) -> list[str]:
    """Return the id of the key that signs with an algorithm, if there is one."""
    may = [record for record in in_order([r for r in records if r.alg == alg]) if _may_sign(record, now)]
    return [record.kid for record in may[-1:]]


def _may_sign(record: SigningKeyRecord, now: float) -> bool:
    return record.activates_at <= now and (record.expires_at is None or record.expires_at > now)


def _state(record: SigningKeyRecord, now: float, *, signs: bool) -> State:
    if record.expires_at is not None and record.expires_at <= now:
        return "expired"
    if record.activates_at > now:
        return "published"
    return "signing" if signs else "verifying"
