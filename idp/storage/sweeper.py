"""The sweeper: deletes what has expired, so that no table grows without bound.

Every worker sweeps. On PostgreSQL each skips the rows that another is deleting; on SQLite they take
turns. Batches are small and each is a transaction, so nobody waits long for a lock.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import ColumnElement, and_, delete, exists, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from idp.clock import Clock
from idp.config import DAY
from idp.errors import IdpError
from idp.storage.database import Database
from idp.storage.models import (
    AuditEvent,
    Base,
    BrowserSession,
    Consent,
    EphemeralEntry,
    FederatedIdentity,
    Grant,
    Invitation,
    MailTicket,
    OutboxMail,
    RefreshToken,
    RevokedToken,
    TrustedDevice,
    UsedMark,
    User,
    Username,
)
from idp.storage.repositories._rows import changed, table_of

BATCH = 500
"""Rows deleted in one transaction."""

FIRST_SWEEP_WITHIN = 30.0
"""Seconds after the start of a worker."""

ENDED_SESSION_RETENTION = DAY
"""Seconds that an ended session is kept, so that a person still sees on the account page that it ended."""

MAIL_RETENTION = 30 * DAY
"""Seconds that a mail is kept from when it was written: long enough to look into "I never got it".
What was not delivered by then is hopeless; its links have expired long before."""

USERNAME_RETENTION = 365 * DAY
"""Seconds that nobody may take a username from when it was given up or its account was removed."""

AUDIT_RETENTION = 400 * DAY
"""Seconds that the audit trail goes back: a year, and time to look into its end."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Rule:
    """What of a table is to be deleted at an instant."""

    model: type[Base]
    key: InstrumentedAttribute[str]
    expired: Callable[[float], ColumnElement[bool]]


RULES = (
    # Deleted by their owners, and past the grace period: everything of theirs goes along.
    Rule(User, User.id, lambda now: User.delete_at <= now),
    Rule(EphemeralEntry, EphemeralEntry.key, lambda now: EphemeralEntry.expires_at <= now),
    Rule(RevokedToken, RevokedToken.jti, lambda now: RevokedToken.expires_at <= now),
    Rule(UsedMark, UsedMark.key, lambda now: UsedMark.expires_at <= now),
    # Tokens before grants, so that deleting a grant has few tokens to take along.
    Rule(RefreshToken, RefreshToken.digest, lambda now: RefreshToken.expires_at <= now),
    Rule(Grant, Grant.id, lambda now: Grant.expires_at <= now),
    # Two rules rather than one with OR: each then uses its index.
    Rule(BrowserSession, BrowserSession.id, lambda now: BrowserSession.expires_at <= now),
    Rule(
        BrowserSession,
        BrowserSession.id,
        lambda now: BrowserSession.ended_at <= now - ENDED_SESSION_RETENTION,
    ),
    Rule(TrustedDevice, TrustedDevice.id, lambda now: TrustedDevice.expires_at <= now),
    Rule(MailTicket, MailTicket.id, lambda now: MailTicket.expires_at <= now),
    Rule(Invitation, Invitation.token_digest, lambda now: Invitation.expires_at <= now),
    Rule(Username, Username.key, lambda now: Username.released_at <= now - USERNAME_RETENTION),
    Rule(AuditEvent, AuditEvent.id, lambda now: AuditEvent.at <= now - AUDIT_RETENTION),
    Rule(OutboxMail, OutboxMail.id, lambda now: OutboxMail.created_at <= now - MAIL_RETENTION),
)


def unverified_accounts(ttl: float) -> Rule:
    """Return the rule for accounts whose address nobody has shown to be theirs within `ttl` seconds. One that
    has been used, where the operator let accounts be used unverified, is left alone."""
    used = or_(
        exists().where(Grant.user_id == User.id),
        exists().where(FederatedIdentity.user_id == User.id),
        exists().where(Consent.user_id == User.id),
    )
    return Rule(
        User,
        User.id,
        lambda now: and_(User.verification_due, User.updated_at <= now - ttl, not_(used)),
    )


class Sweeper:
    """Deletes what has expired, once or at intervals."""

    def __init__(
        self, database: Database, clock: Clock, batch: int = BATCH, *, unverified_ttl: float = 0
    ) -> None:
        """`unverified_ttl`: seconds after which accounts that were never verified go; 0 keeps them."""
        self._database = database
        self._clock = clock
        self._batch = batch
        self._rules = (*RULES, unverified_accounts(unverified_ttl)) if unverified_ttl else RULES

    async def sweep_once(self) -> dict[str, int]:
        """Delete everything that has expired; return the number of rows by table."""
        now = self._clock.now()
        deleted: dict[str, int] = {}
        for rule in self._rules:
            table = rule.model.__tablename__
            deleted[table] = deleted.get(table, 0) + await self._apply(rule, now)
        async with self._database.unit_of_work() as uow:
            await uow.usernames.release_orphans(now)
        return deleted

    async def run(self, interval: float, stop: asyncio.Event) -> None:
        """Sweep every `interval` seconds until `stop` is set, and for the first time after a moment: workers
        start together, and have people waiting then. What fails is logged and tried again."""
        pause = random.uniform(0.5, 1) * min(interval, FIRST_SWEEP_WITHIN)  # noqa: S311  no secret
        while not await _is_set_within(pause, stop):
            await self._sweep_and_log()
            pause = interval

    async def _sweep_and_log(self) -> None:
        try:
            deleted = await self.sweep_once()
        except IdpError as error:
            log.warning("sweep_postponed", reason=error.for_operator, detail=error.detail)
        except Exception:  # the loop must outlive any fault of one sweep, or the tables grow unseen
            log.exception("sweep_failed")
        else:
            if any(deleted.values()):
                log.info("swept", **deleted)

    async def _apply(self, rule: Rule, now: float) -> int:
        total = 0
        while True:
            count = await self._delete_batch(rule, now)
            total += count
            if count < self._batch:
                return total

    async def _delete_batch(self, rule: Rule, now: float) -> int:
        table = table_of(rule.model)
        key: ColumnElement[Any] = table.c[rule.key.key]
        batch = (
            select(key.label("key"))
            .where(rule.expired(now))
            .limit(self._batch)
            .with_for_update(skip_locked=True)
        )
        if not self._database.is_sqlite:
            # PostgreSQL might evaluate a plain subquery with LIMIT more than once, but never a CTE that
            # locks. (Python's sqlite3 does not count the rows of a statement that begins with WITH.)
            batch = select(batch.cte("batch").c.key)
        async with self._database.unit_of_work() as uow:
            return await changed(uow.session, delete(table).where(key.in_(batch)))


async def _is_set_within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
