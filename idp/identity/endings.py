"""What ends when: one table, read by every place that ends something of an account.

A new thing that an account can have is a line in `What`, a line in `_ROWS`, and a thought for each event.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from idp.identity.factors.registry import delete_factors
from idp.identity.tickets import UNDO_EMAIL_CHANGE
from idp.storage.database import UnitOfWork
from idp.storage.models import User


class What(Enum):
    """What an account has, and can end."""

    PROOFS = "proofs"
    """What was proven and has not led to anything yet: a password just checked, a code on its way
    (`idp.identity.generation`)."""
    SESSIONS = "sessions"
    GRANTS = "grants"
    """With their codes and tokens."""
    TICKETS = "tickets"
    """Links and codes in mails, but for the next."""
    UNDO_LINKS = "undo_links"
    """Links that take a change of address back. A thief who has the account now must not be able to end them."""
    INVITATIONS = "invitations"
    """Invitations to the address of the account."""
    DEVICES = "devices"
    """Browsers that skip the second factor."""
    FACTORS = "factors"
    """Authenticators, passkeys and recovery codes, and a reset of them that waits."""
    LINKS = "links"
    """Accounts at other providers."""
    CONSENTS = "consents"
    PASSWORD = "password"
    PROFILE = "profile"


class AccountEvent(Enum):
    """What happens to an account."""

    PASSWORD_CHANGED = "password_changed"
    """By the user, who signs out everywhere else with it."""
    PASSWORD_CHANGED_ALONE = "password_changed_alone"
    """By the user, who leaves sessions and apps as they are."""
    PASSWORD_RESET = "password_reset"
    """By the link of a mail."""
    PASSWORD_SET = "password_set"
    """By an operator, who may also take it away."""
    EMAIL_CHANGED = "email_changed"
    EMAIL_CHANGE_UNDONE = "email_change_undone"
    """By the reader of the former address, since a thief may have the account."""
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    """By the user. Apps keep what they have for times without a session."""
    FACTOR_REMOVED = "factor_removed"
    LAST_FACTOR_REMOVED = "last_factor_removed"
    """The recovery codes stand in for the others, and go with the last."""
    FACTORS_RESET = "factors_reset"
    """By an operator."""
    EMPTIED = "emptied"
    """The owner of the address takes over an account that somebody else may have made (pre-hijacking)."""
    DISABLED = "disabled"
    DELETED = "deleted"
    """By the user, who can still restore it with what is left."""
    REMOVED = "removed"
    """For good; the rows of the account are deleted."""


_ACCESS = frozenset({What.PROOFS, What.SESSIONS, What.GRANTS, What.TICKETS, What.DEVICES})
"""All ways in which somebody may be in the account now, or come in without its secrets."""

ENDINGS: Mapping[AccountEvent, frozenset[What]] = {
    AccountEvent.PASSWORD_CHANGED: _ACCESS,
    AccountEvent.PASSWORD_CHANGED_ALONE: frozenset({What.PROOFS, What.TICKETS, What.DEVICES}),
    AccountEvent.PASSWORD_RESET: _ACCESS,
    AccountEvent.PASSWORD_SET: _ACCESS,
    AccountEvent.EMAIL_CHANGED: frozenset({What.TICKETS}),  # they went to the old address
    AccountEvent.EMAIL_CHANGE_UNDONE: _ACCESS | {What.PASSWORD, What.CONSENTS},
    AccountEvent.SIGNED_OUT_EVERYWHERE: frozenset({What.PROOFS, What.SESSIONS}),
    AccountEvent.FACTOR_REMOVED: frozenset({What.DEVICES}),
    AccountEvent.LAST_FACTOR_REMOVED: frozenset({What.DEVICES, What.FACTORS}),
    AccountEvent.FACTORS_RESET: _ACCESS | {What.FACTORS},
    AccountEvent.EMPTIED: frozenset(What) - {What.INVITATIONS},  # one may be what the owner comes with
    AccountEvent.DISABLED: _ACCESS | {What.INVITATIONS},
    AccountEvent.DELETED: _ACCESS | {What.INVITATIONS},
    AccountEvent.REMOVED: frozenset({What.INVITATIONS}),  # all others hang from the account's row
}


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """What the user who caused the event keeps: where they are."""

    session_id: str | None = None
    grant_id: str | None = None
    ticket_purpose: str | None = None
    """The kind of mail of which the last stays good."""


NOTHING = LeftOpen()


async def end(uow: UnitOfWork, user: User, event: AccountEvent, now: float, kept: LeftOpen = NOTHING) -> None:
    """End what the table says. `user` was read by `users.locked` in this unit of work, and the caller saves it.

    What does not end goes on in the new generation of the account.
    """
    uow.users.require_lock(user)
    ends = ENDINGS[event]
    for what in What:
        if what in ends and (delete := _ROWS.get(what)) is not None:
            await delete(uow, user, now, kept)
    if What.PASSWORD in ends:
        user.password_hash = None
    if What.PROFILE in ends:
        user.profile = {}
    if What.FACTORS in ends:
        user.factor_reset_at = None
    if What.PROOFS in ends:
        user.generation += 1
        await uow.sessions.carry_over(user.id, user.generation)
        await uow.grants.carry_over(user.id, user.generation)


_ROWS: Mapping[What, Callable[[UnitOfWork, User, float, LeftOpen], Awaitable[object]]] = {
    What.SESSIONS: lambda uow, user, now, kept: uow.sessions.end_all_for_user(user.id, now, kept.session_id),
    What.GRANTS: lambda uow, user, now, kept: uow.grants.revoke_for_user(user.id, now, kept.grant_id),
    What.TICKETS: lambda uow, user, now, kept: uow.tickets.end_all_for_user(
        user.id, now, but={UNDO_EMAIL_CHANGE, kept.ticket_purpose}
    ),
    What.UNDO_LINKS: lambda uow, user, now, _: uow.tickets.end_since(user.id, UNDO_EMAIL_CHANGE, 0.0, now),
    What.INVITATIONS: lambda uow, user, now, _: uow.invitations.end_all_for_address(user.email_key, now),
    What.DEVICES: lambda uow, user, _now, _: uow.factors.delete_trusted_devices(user.id),
    What.FACTORS: lambda uow, user, _now, _: delete_factors(uow, user.id),
    What.LINKS: lambda uow, user, _now, _: uow.identities.delete_all(user.id),
    What.CONSENTS: lambda uow, user, _now, _: uow.consents.forget_all(user.id),
}
"""How the rows of each end; the rest is in the row of the account."""
