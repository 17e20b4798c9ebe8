"""The ways in which a person can sign in, so that nobody takes away the last one that works."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from idp.errors import InvalidValue
from idp.identity.factors.registry import signs_in_alone
from idp.storage.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class WaysIn:
    """What people can sign in with at the moment, beside passwords."""

    providers: Collection[tuple[str, str]]
    """Each by name and issuer. A link to any other leads nowhere."""
    factors: bool = True
    """Whether factors are switched on: some of them sign in alone."""


LookUp = Callable[[], Awaitable[WaysIn]]
"""Looks what there is. To be done before a unit of work is opened."""


async def check_way_in_remains(uow: UnitOfWork, user_id: str, ways_in: WaysIn, *, without: str) -> None:
    """Raise `InvalidValue` if the link or passkey with the id `without` is the last way in that works. Until
    the unit of work ends nobody else changes the account."""
    user = await uow.users.locked(user_id)  # two at once must not each leave the other's
    if user is None or user.password_hash is not None:
        return
    links = await uow.identities.of_user(user_id)
    working = {link.id for link in links if (link.provider, link.issuer) in ways_in.providers}
    if ways_in.factors:
        working |= await signs_in_alone(uow, user_id)
    if working == {without}:
        raise InvalidValue(
            "This is the only way to sign in to your account. Set a password first, or add a passkey."
        )
