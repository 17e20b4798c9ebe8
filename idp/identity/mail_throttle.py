"""How many mails a stranger can have sent: to one address, from one network, and in all.

Nobody is locked out by it. A mail is withheld only while the one before it still works: the owner of the mailbox
has what they need, and the answer on the page is the same.
"""

from idp.config import HOUR, AccountSettings
from idp.crypto import digest
from idp.errors import Throttled, Unavailable
from idp.identity.mail_reach import MailReach
from idp.identity.throttle import CodeThrottle, network_of
from idp.storage.ephemeral import EphemeralStore


class MailThrottle:
    """Bounds the mails that people ask for before they are signed in. Not to be called inside a unit of work."""

    def __init__(
        self, store: EphemeralStore, settings: AccountSettings, codes: CodeThrottle, reach: MailReach
    ) -> None:
        self._store = store
        self._reach = reach
        self._settings = settings
        self.codes = codes
        """Bounds the guesses at the codes in these mails."""

    async def admit(self, purpose: str, email_key: str, address: str) -> bool:
        """Count a mail that was asked for from a network address. Return False when its recipient has got as
        many as is good: the caller then sends none if the latest one still works, and answers as if it had.

        Raise `Throttled` when the network has asked for too many, `Unavailable` when everybody has, and
        `InvalidValue` for an address that the mail server cannot write to.
        """
        await self._reach.check(email_key)
        await self._check_network(address)
        return await self._wait_for_recipient(purpose, email_key) is None

    async def check(self, purpose: str, email_key: str, address: str = "") -> None:
        """Count a mail as `admit` does, but raise `Throttled` for its recipient too: for a mail that no earlier
        one can stand in for."""
        await self._reach.check(email_key)
        await self._check_network(address)
        wait = await self._wait_for_recipient(purpose, email_key)
        if wait is not None:
            raise Throttled(
                "Several mails were sent to this address. Wait a little, then ask again.", retry_after=wait
            )

    async def _wait_for_recipient(self, purpose: str, email_key: str) -> float | None:
        name, interval = digest(f"{purpose}:{email_key}"), self._settings.mail_interval
        if interval and await self._store.increment(f"mail-interval:{name}", interval) > 1:
            return interval
        if await self._store.increment(f"mail-hour:{name}", HOUR) > self._settings.mails_per_hour:
            return HOUR
        return None

    async def _check_network(self, address: str) -> None:
        most, everybody = self._settings.mails_per_network, self._settings.mails_in_all
        if address and most:
            network = digest(network_of(address))
            if await self._store.increment(f"mail-network:{network}", HOUR) > most:
                raise Throttled(
                    "Too many mails were asked for from your network. Try again in an hour.",
                    retry_after=HOUR,
                    detail="mails_per_network",
                )
        if everybody and await self._store.increment("mail-all", HOUR) > everybody:
            raise Unavailable(
                "Too many mails are asked for at this time. Try again later.",
                retry_after=HOUR,
                detail="mails_in_all",
            )
