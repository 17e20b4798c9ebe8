"""Invitations, whatever way somebody then registers: leave to make one account, for one address."""

from idp.crypto import digest
from idp.errors import InvalidValue
from idp.storage.database import UnitOfWork


async def is_invited(uow: UnitOfWork, token: str, key: str, now: float) -> bool:
    """Whether an invitation is for the address with this key and may still be used."""
    invitation = await uow.invitations.get(digest(token))
    return (
        invitation is not None
        and invitation.email == key
        and invitation.used_at is None
        and invitation.expires_at > now
    )


async def use_invitation(uow: UnitOfWork, token: str, key: str, now: float) -> None:
    """Use an invitation: of several at once one gets it; raise `InvalidValue` for the others."""
    if not await is_invited(uow, token, key, now) or not await uow.invitations.use(digest(token), now):
        raise InvalidValue(
            "This invitation is for another address, was used, or has expired.", field="invitation"
        )
