"""Trusted browsers: where the person has chosen not to be asked for the second factor for a while."""

from idp.clock import Clock
from idp.crypto import digest, random_token
from idp.errors import NotFound
from idp.identity.generation import ProvenAccount, still
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import TrustedDevice, new_id

MOST = 50
"""Browsers that a user trusts at most: for one more, the one that was unused for the longest asks again."""


class TrustedBrowsers:
    """The marks of trusted browsers. A mark stands in for a second factor, never for the first."""

    def __init__(self, database: Database, ttl: float, clock: Clock) -> None:
        """`ttl`: seconds for which a mark is good; 0 switches them off."""
        self._database = database
        self._ttl = ttl
        self._clock = clock

    @property
    def are_allowed(self) -> bool:
        """Whether people may mark a browser as trusted."""
        return self._ttl > 0

    async def trust(self, account: ProvenAccount, user_agent: str) -> str:
        """Mark a browser as trusted and return the value for its cookie."""
        token, now = random_token(), self._clock.now()
        async with self._database.unit_of_work() as uow:
            await still(uow, account, to_change=True)  # in turns: each deletes what others may be deleting
            device = TrustedDevice(
                id=new_id(),
                user_id=account.id,
                token_digest=digest(token),
                user_agent=user_agent[:400],
                created_at=now,
                last_used_at=now,
                expires_at=now + self._ttl,
            )
            await uow.factors.add(device)
            await uow.factors.delete_surplus_devices(account.id, MOST, kept_id=device.id)
        return token

    async def is_trusted(self, uow: UnitOfWork, user_id: str, token: str | None) -> bool:
        """Tell whether a browser's mark is this person's and still good."""
        if not token or not self.are_allowed:
            return False
        device = await uow.factors.trusted_device(digest(token))
        now = self._clock.now()
        return (
            device is not None
            and device.user_id == user_id
            and device.expires_at > now
            and device.created_at + self._ttl > now  # the setting may have been shortened since
        )

    async def of_user(self, user_id: str) -> list[TrustedDevice]:
        """Return the browsers in which the person is not asked now."""
        now = self._clock.now()
        async with self._database.reading() as uow:
            devices = await uow.factors.of_user(TrustedDevice, user_id)
        return [each for each in devices if self.are_allowed and each.expires_at > now]

    async def distrust(self, user_id: str, device_id: str) -> None:
        """Have a browser ask again; raise `NotFound` when it is not the person's."""
        async with self._database.unit_of_work() as uow:
            if not await uow.factors.delete(TrustedDevice, device_id, user_id):
                raise NotFound("There is no such browser.")
