"""The generation of an account: what was proven counts only until something ends it.

Between a proof (a password, a code, a factor, a session) and the row that follows from it (a session, a grant, a
code, a token, a factor, a link, a password) lies time, and whatever should have ended the proof may commit in
between. Therefore:

- Each account has a `generation`. The events of `idp.identity.endings` that end proofs raise it, in the transaction
  that ends all the rest, under the lock of the account's row.
- Each proof takes the generation along as it was when the proof began: it is read with the password hash, the
  passkey or the link that is proven, never after. `Authentication` carries it, and sessions and grants store it.
- The transaction that inserts a row compares it: `users.standing`, which also holds off who would end it (a shared
  lock on PostgreSQL, the only writer on SQLite), or the same condition in the INSERT itself (`grants.add`).
- Each use compares it again: the look-up of a session (`Sessions.current`), the redemption of a code
  (`grants.redeem_code`), the rotation of a refresh token (`refresh_tokens.rotate`), introspection, userinfo and the
  API (`Grant.stands_with`).
- A session that has ended is compared in the same way: no grant is added in it and no code of it redeemed.
- A secret is replaced only where the one that was verified still stands.
- The row of the account is locked before any other of its rows, so that none of these wait for each other.

The conditions are in `idp.storage.repositories.standing`.
"""

from dataclasses import dataclass
from typing import Self

from idp.errors import FlowError
from idp.storage.database import UnitOfWork
from idp.storage.models import User
from idp.text import Text

ENDED = Text("You were signed out in the meantime. Sign in again.")


@dataclass(frozen=True, slots=True)
class ProvenAccount:
    """An account for which somebody has proven that they may act, and the generation that it then had."""

    id: str
    generation: int

    @classmethod
    def of(cls, user: User) -> Self:
        """Return the account of a row that was read when, or before, the proof was made."""
        return cls(user.id, user.generation)


async def still(uow: UnitOfWork, account: ProvenAccount, *, to_change: bool = False) -> User:
    """Return the account if nothing has ended the proof, and let nothing end it until the unit of work does.

    Raise `FlowError` otherwise. `to_change`: the caller is going to change the account's own row.
    """
    user = await uow.users.standing(account.id, account.generation, to_change=to_change)
    return _standing(user, account)


async def look(uow: UnitOfWork, account: ProvenAccount) -> User:
    """Return the account to be read, if nothing has ended the proof; raise `FlowError` otherwise. It is not held."""
    return _standing(await uow.users.get(account.id), account)


def _standing(user: User | None, account: ProvenAccount) -> User:
    if user is None or user.disabled_at is not None or user.generation != account.generation:
        raise FlowError(ENDED, detail="the proof has ended, or the account is not in use")
    return user
