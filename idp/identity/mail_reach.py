"""Which addresses the mail server can write to, as it said itself when mail was last delivered.

A local part beyond ASCII needs a server that speaks SMTPUTF8 (RFC 6531). One that does not is told to the person
who types such an address, instead of leaving them to wait for a mail that never comes.
"""

from typing import Final

from idp.config import DAY
from idp.errors import InvalidValue
from idp.identity.addresses import needs_smtputf8
from idp.storage.ephemeral import EphemeralStore

_KEY: Final = "mail:smtputf8"
_YES, _NO = b"1", b"0"


class MailReach:
    """Keeps what the mail server said, for all workers. Not to be called inside a unit of work."""

    def __init__(self, store: EphemeralStore) -> None:
        self._store = store

    async def note(self, *, smtputf8: bool) -> None:
        """Note whether the server speaks SMTPUTF8."""
        await self._store.put(_KEY, _YES if smtputf8 else _NO, 7 * DAY)

    async def check(self, address: str) -> None:
        """Raise `InvalidValue` for an address that the server cannot write to."""
        if needs_smtputf8(address) and await self._store.get(_KEY) == _NO:
            raise InvalidValue(
                "Our mail server cannot write to an address with such letters before the @. Use another address.",
                field="email",
            )
