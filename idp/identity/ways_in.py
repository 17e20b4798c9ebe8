"""The ways in which a person can sign in, so that nobody takes away the last one that works."""

from collections.abc import Awaitable, Callable, Collection

from idp.errors import InvalidValue
from idp.storage.database import UnitOfWork
from idp.storage.models import WebAuthnCredential

Offered = Callable[[], Awaitable[Collection[tuple[str, str]]]]
"""Says which providers people can sign in with at the moment, each by name and issuer."""


async def check_way_in_remains(
    uow: UnitOfWork, user_id: str, offered: Collection[tuple[str, str]], *, without: str
) -> None:
    """Raise `InvalidValue` if the link or passkey with the id `without` is the last way in that works: a link
    to a provider that is not `offered` is none. Until the unit of work ends nobody else changes the account."""
    user = await uow.users.locked(user_id)  # two at once must not each leave the other's
    if user is None or user.password_hash is not None:
        return
    links = await uow.identities.of_user(user_id)
    passkeys = await uow.factors.of_user(WebAuthnCredential, user_id)
    ways = {link.id for link in links if (link.provider, link.issuer) in offered}
    ways |= {passkey.id for passkey in passkeys if passkey.discoverable}
    if ways == {without}:
        raise InvalidValue(
            "This is the only way to sign in to your account. Set a password first, or add a passkey."
        )
