"""Recovery codes: ten, for the day when the phone is lost."""

import hashlib
import hmac
import secrets
from typing import Self

from idp.clock import Clock
from idp.events.audit import record
from idp.events.catalogue import FactorAdded
from idp.identity.acr import AMR_MULTI, AMR_ONE_TIME_CODE
from idp.identity.factors.factor import ChallengeAnswer, Factor, FactorParts
from idp.identity.generation import ProvenAccount, still
from idp.storage.database import Database
from idp.storage.models import User
from idp.text import Text

COUNT = 10
FEW = 3
"""With so many left or fewer the person is warned."""
GROUPS, GROUP_LENGTH = 3, 4
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what is easily misread; twelve of these are 59 bits."""


class RecoveryCodes(Factor):
    """Codes on paper."""

    kind = "recovery_code"
    amr = (AMR_ONE_TIME_CODE, AMR_MULTI)

    choose = Text("Use a recovery code")
    challenge = Text("Enter one of your recovery codes. Each works once.")
    wrong = Text("This recovery code is not right, or it was used already.")
    code_input = "text"

    def __init__(self, database: Database, key: bytes, clock: Clock) -> None:
        """Take a key of 32 bytes that serves nothing else, for the digests."""
        self._database = database
        self._key = key
        self._clock = clock

    @classmethod
    def of(cls, parts: FactorParts) -> Self:
        """Make the factor."""
        return cls(parts.database, parts.master_key.derive("recovery-codes"), parts.clock)

    async def is_available(self, user: User) -> bool:
        """Tell whether any is left."""
        return await self.left(user.id) > 0

    async def left(self, user_id: str) -> int:
        """Return how many are unused."""
        async with self._database.reading() as uow:
            return await uow.factors.recovery_codes_left(user_id)

    async def make(self, user: User) -> list[str]:
        """Void the old codes and return ten new ones, which are nowhere else."""
        codes = [self._new_code() for _ in range(COUNT)]
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            await still(uow, ProvenAccount.of(user), to_change=True)
            await uow.factors.replace_recovery_codes(
                user.id, [self._digest(user.id, code) for code in codes], now
            )
            await record(uow, FactorAdded(user_id=user.id, kind=self.kind), now)
        return codes

    async def check(self, user: User, answer: ChallengeAnswer) -> tuple[str, ...] | None:
        """Use a code up."""
        async with self._database.unit_of_work() as uow:
            digest = self._digest(user.id, answer.code)
            used = await uow.factors.use_recovery_code(user.id, digest, self._clock.now())
        return self.amr if used else None

    @staticmethod
    def _new_code() -> str:
        return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))

    def _digest(self, user_id: str, code: str) -> str:
        typed = "".join(character for character in code.lower() if character in ALPHABET)
        return hmac.new(self._key, f"{user_id}:{typed}".encode(), hashlib.sha256).hexdigest()
