"""What may be used once is marked by a row with a unique key, whatever keeps ephemeral state.

A store that evicts, forgets or is away for a while would let it be used again. The sweeper deletes a mark when
what it is about could not be used any more anyway.
"""

from idp.clock import Clock
from idp.crypto import digest
from idp.storage.database import Database
from idp.storage.direct import Statement
from idp.storage.ephemeral.table import refuse_in_transaction
from idp.storage.repositories.single_uses import FIND, MARK_RETURNING

_MARK, _FIND = Statement(MARK_RETURNING), Statement(FIND)


class SingleUse:
    """Lets each thing be used once. `kind` tells apart what could have the same name.

    Each call is one statement that commits by itself. Not to be called inside a unit of work, which might be
    rolled back and with it the mark.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def use(self, kind: str, name: str, ttl: float) -> bool:
        """Mark it as used, for `ttl` seconds at least: of many callers at once, one gets True."""
        refuse_in_transaction()
        key, ends_at = _key(kind, name), self._clock.now() + ttl
        if (direct := self._database.direct) is not None:
            return await direct.row(_MARK, {"the_key": key, "ends_at": ends_at}) is not None
        async with self._database.autocommit() as uow:
            return await uow.single_uses.mark(key, ends_at)

    async def is_used(self, kind: str, name: str) -> bool:
        """Tell whether it was used, and is remembered."""
        refuse_in_transaction()
        key = _key(kind, name)
        if (direct := self._database.direct) is not None:
            return await direct.row(_FIND, {"the_key": key}) is not None
        async with self._database.reading() as uow:
            return await uow.single_uses.is_marked(key)


def _key(kind: str, name: str) -> str:
    return digest(f"{kind} {name}")
