"""The audit trail: each event is a row in the caller's unit of work, and a line in the log."""

import structlog

from idp.events.catalogue import Event
from idp.storage.database import UnitOfWork
from idp.storage.models import AuditEvent

LONGEST_CLIENT_ID, LONGEST_ADDRESS = 200, 64
"""Of a row, in characters; an event may tell of a value that was never checked."""

log = structlog.stdlib.get_logger("idp.audit")


async def record(uow: UnitOfWork, event: Event, now: float) -> None:
    """Write `event` to the trail; the row commits or rolls back with what it tells of."""
    detail = event.detail
    await uow.audit.add(
        AuditEvent(
            at=now,
            name=event.name,
            user_id=event.user_id,
            client_id=event.client_id and event.client_id[:LONGEST_CLIENT_ID],
            address=event.address[:LONGEST_ADDRESS],
            detail=detail,
        )
    )
    log.info(event.name, user_id=event.user_id, client_id=event.client_id, address=event.address, **detail)
