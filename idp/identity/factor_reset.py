"""An administrator's reset, for somebody who has lost every factor: at once, or after a time in which the owner
can object.

Whoever asks for it may not be the owner. So the owner is told by mail, and whoever still has a factor and uses
it keeps them all. What is left when the time is over is removed by the first worker that looks.
"""

import asyncio
from contextlib import suppress

import structlog

from idp.clock import Clock
from idp.errors import IdpError, InvalidValue
from idp.events.audit import record
from idp.events.catalogue import FactorResetCancelled, FactorResetRequested, FactorsReset
from idp.identity import page_paths
from idp.identity.endings import AccountEvent, end
from idp.identity.factors.registry import has_factor
from idp.identity.mail import Mailer
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import User

LOOK_EVERY = 60.0
"""Seconds between two looks at what is due, by each worker."""

BATCH = 100

"""Where the mails lead."""

log = structlog.get_logger("idp.identity")


class FactorResets:
    """Removes everything that a person has enrolled."""

    def __init__(self, database: Database, mailer: Mailer, delay: float, clock: Clock) -> None:
        """`delay`: seconds for which a reset waits; 0 carries it out at once."""
        self._database = database
        self._mailer = mailer
        self._delay = delay
        self._clock = clock

    async def request(self, user: User) -> float:
        """Have a person's factors removed, and return when that is or was. One that waits already keeps its
        time. Raise `InvalidValue` when it would have to wait and there is nothing to remove."""
        now = self._clock.now()
        async with self._database.unit_of_work() as uow:
            if self._delay == 0:
                await uow.factors.cancel_reset(user.id)  # one that waited since the setting was another
                await self._carry_out(uow, user.id, now)
                return now
            if not await has_factor(uow, user.id):
                raise InvalidValue("This account has no second factor.")
            at = now + self._delay
            if not await uow.factors.schedule_reset(user.id, at):
                return user.factor_reset_at or at
            await record(uow, FactorResetRequested(user_id=user.id, at=at), now)
            await self._mailer.queue(
                uow, "factor_reset_requested", user.email, user=user, path=page_paths.SECURITY, at=at
            )
        return at

    async def cancel(self, user: User, by: str) -> bool:
        """Call off a reset that waits, and tell the owner; False when there is none. `by`: who did."""
        async with self._database.unit_of_work() as uow:
            if not await uow.factors.cancel_reset(user.id):
                return False
            await record(uow, FactorResetCancelled(user_id=user.id, by=by), self._clock.now())
            await self._mailer.queue(
                uow, "factor_reset_cancelled", user.email, user=user, path=page_paths.SECURITY
            )
        return True

    async def object(self, user: User) -> None:
        """Call off what waits: the person, as just read, has shown that they have a factor."""
        if user.factor_reset_at is not None:
            await self.cancel(user, "factor")

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out what is due until `stop` is set. What fails is logged and tried again."""
        while not stop.is_set():
            try:
                await self.carry_out_due()
            except IdpError as error:
                log.warning("factor_resets_postponed", reason=error.for_operator, detail=error.detail)
            except Exception:  # the loop must outlive any fault of one round
                log.exception("factor_resets_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY)

    async def carry_out_due(self) -> None:
        """Carry out the resets whose time is over."""
        now = self._clock.now()
        async with self._database.reading() as uow:
            due = await uow.factors.due_resets(now, BATCH)
        for user in due:
            async with self._database.unit_of_work() as uow:
                if await uow.factors.take_due_reset(user.id, now):
                    await self._carry_out(uow, user.id, now)

    async def _carry_out(self, uow: UnitOfWork, user_id: str, now: float) -> None:
        user = await uow.users.locked(user_id)
        if user is None:
            return
        await end(uow, user, AccountEvent.FACTORS_RESET, now)
        await uow.users.save(user)
        await record(uow, FactorsReset(user_id=user.id), now)
        await self._mailer.queue(uow, "factor_removed", user.email, user=user, path=page_paths.SECURITY)
