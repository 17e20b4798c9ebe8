"""The outbox: mails that are written with the change they tell of, and sent after it is committed."""

import math
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import OutboxMail

ERROR_LENGTH = 400
"""Characters of an error that are kept: what the column holds."""


class OutboxMails:
    """Keeps mails until they are delivered or given up."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, mail: OutboxMail) -> None:
        """Add a mail; it is written with the commit."""
        self._session.add(mail)

    async def claim(self, now: float, lease: float, limit: int) -> Sequence[OutboxMail]:
        """Return up to `limit` mails to send now, and put them off by `lease` seconds for everybody else.

        Commit before sending: no lock is held while a mail server takes its time, and if this worker dies
        another one takes the mails up when the lease is over.
        """
        due = (
            select(OutboxMail.id)
            .where(OutboxMail.sent_at.is_(None), OutboxMail.next_try_at <= now)
            .order_by(OutboxMail.next_try_at, OutboxMail.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = (await self._session.scalars(due)).all()
        statement = (
            update(OutboxMail)
            .where(OutboxMail.id.in_(ids), OutboxMail.next_try_at <= now)
            .values(next_try_at=now + lease)
            .returning(OutboxMail)
            .execution_options(synchronize_session=False)
        )
        return (await self._session.scalars(statement)).all() if ids else ()

    async def recent(self, limit: int) -> Sequence[OutboxMail]:
        """Return the latest mails, newest first, sent or not."""
        statement = select(OutboxMail).order_by(OutboxMail.created_at.desc(), OutboxMail.id).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def put_back(self, ids: Sequence[str], now: float) -> None:
        """Let others send what was claimed and not tried."""
        await self._session.execute(
            update(OutboxMail)
            .where(OutboxMail.id.in_(ids), OutboxMail.sent_at.is_(None))
            .values(next_try_at=now)
        )

    async def mark_sent(self, mail_id: str, now: float, *, forget: bool = False) -> None:
        """Note that the mail was delivered; `forget` what it said, which may open an account."""
        contents = {"text": "", "html": ""} if forget else {}
        await self._session.execute(
            update(OutboxMail)
            .where(OutboxMail.id == mail_id)
            .values(sent_at=now, tries=OutboxMail.tries + 1, last_error="", **contents)
        )

    async def mark_failed(self, mail_id: str, error: str, next_try_at: float | None) -> None:
        """Note a failed try. `next_try_at` None gives the mail up: it is never due again."""
        await self._session.execute(
            update(OutboxMail)
            .where(OutboxMail.id == mail_id)
            .values(
                tries=OutboxMail.tries + 1,
                last_error=error[:ERROR_LENGTH],
                next_try_at=math.inf if next_try_at is None else next_try_at,
            )
        )
