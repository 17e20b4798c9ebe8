"""The audit trail: each event is a row in the caller's unit of work, and a line in the log."""

import structlog

from idp.events.catalogue import Event
from idp.storage.database import UnitOfWork
from idp.storage.models import AuditEvent

log = structlog.stdlib.get_logger("idp.audit")


async def record(uow: UnitOfWork, event: Event, now: float) -> None:
    """Write `event` to the trail; the row commits or rolls back with what it tells of."""
    detail = event.detail
    await uow.audit.add(
        AuditEvent(
            at=now,
            name=event.name,
            user_id=event.user_id,
            client_id=event.client_id,
            address=event.address,
            detail=detail,
        )
    )
    log.info(event.name, user_id=event.user_id, client_id=event.client_id, address=event.address, **detail)
