"""The factors that people have set up: setting up, renaming and removing them, for the pages of the flow and of
the account."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from idp.errors import IdpError, InvalidValue, NotFound
from idp.events.audit import record
from idp.events.catalogue import FactorRemoved
from idp.identity import page_paths
from idp.identity.endings import AccountEvent, end
from idp.identity.factor_reset import FactorResets
from idp.identity.factors.factor import EnrollableFactor
from idp.identity.factors.recovery_codes import RecoveryCodes
from idp.identity.factors.registry import FactorRegistry, credentials, has_factor
from idp.identity.second_factor import ProvenFactor
from idp.identity.ways_in import LookUp, check_way_in_remains
from idp.storage.models import User

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class EnrolledFactor:
    """A factor that a person has set up, as the account page shows it."""

    id: str
    factor: EnrollableFactor
    name: str
    created_at: float
    last_used_at: float | None

    @property
    def kind(self) -> str:
        """The name of its kind."""
        return self.factor.kind


@dataclass(frozen=True, slots=True)
class FinishedEnrolment:
    """The outcome of an enrolment: the factor was proven by it, and there may be codes to show."""

    proven: ProvenFactor
    recovery_codes: list[str] | None
    """Ten new ones when the person had none; shown now and never again."""


class EnrolledFactors:
    """Sets up, lists, renames and removes the factors of people."""

    def __init__(self, factors: FactorRegistry, resets: FactorResets, look_up: LookUp) -> None:
        parts = factors.parts
        self._database = parts.database
        self._mailer = parts.mailer
        self._clock = parts.clock
        self._grace = parts.settings.second_factor.enrolment_grace
        self._factors = factors
        self._resets = resets
        self._look_up = look_up

    @property
    def possible(self) -> Sequence[EnrollableFactor]:
        """What people can set up, the strongest first."""
        return list(self._factors.enrollable.values())

    def choose(self, kind: str | None, *, required: bool) -> EnrollableFactor:
        """Return the factor of a kind; for an unknown kind or none, the one to be shown first: the strongest, or
        where a factor is `required` the strongest that everybody can set up."""
        factors = self._factors.enrollable
        if kind is not None and kind in factors:
            return factors[kind]
        everybody = [each for each in factors.values() if not (required and each.needs_device)]
        return next(iter(everybody or factors.values()))

    async def begin(
        self, user: User, factor: EnrollableFactor, draft: str | None = None
    ) -> Mapping[str, Any]:
        """Return what the factor's page needs. `draft` is that of a form that comes back; one that is no good
        any more is replaced."""
        try:
            return await factor.enrolment_context(user, draft)
        except IdpError:
            return await factor.enrolment_context(user)

    async def finish(
        self, user: User, form: Mapping[str, str], say: Callable[[str], str]
    ) -> FinishedEnrolment:
        """Take a form; raise `InvalidValue` with the reason when it proves nothing. `say` puts a sentence into
        the language of the request at hand."""
        factor = self._factors.enrollable.get(form.get("kind", ""))
        if factor is None:
            raise InvalidValue("Choose what to set up.", field="kind")
        amr = await factor.finish_enrolment(user, form, say(factor.label))
        await self.tell_owner(user)
        codes = self._factors[RecoveryCodes]
        fresh = None if await codes.left(user.id) else await codes.make(user)
        return FinishedEnrolment(ProvenFactor(factor.kind, amr), fresh)

    async def tell_owner(self, user: User) -> None:
        """Tell the owner by mail that a factor was added."""
        await self._resets.object(user)
        async with self._database.unit_of_work() as uow:
            await self._mailer.queue(uow, "factor_added", user.email, user=user, path=page_paths.SECURITY)

    async def of_user(self, user_id: str) -> list[EnrolledFactor]:
        """Return what the person has set up."""
        async with self._database.reading() as uow:
            return [
                EnrolledFactor(each.id, factor, each.name, each.created_at, each.last_used_at)
                for factor in self._factors.enrollable.values()
                for each in await uow.factors.of_user(factor.credential, user_id)
            ]

    async def rename(self, user: User, kind: str, credential_id: str, name: str) -> None:
        """Rename a factor; raise `NotFound` when it is not the person's."""
        stored = credentials().get(kind)
        cleaned = " ".join(name.split())[:LONGEST_NAME]
        if not cleaned or not cleaned.isprintable():
            raise InvalidValue("Give it a name.", field="name")
        async with self._database.unit_of_work() as uow:
            if stored is None or not await uow.factors.rename(stored, credential_id, user.id, cleaned):
                raise NotFound("There is no such factor.")

    async def remove(self, user: User, kind: str, credential_id: str) -> bool:
        """Remove a factor, tell the owner by mail, and return whether it was the last one. The trusted browsers are
        forgotten, and with the last factor the recovery codes go too: they stand in for it. Raise `InvalidValue` if
        it is the last way in that works."""
        stored = credentials().get(kind)
        await self._resets.object(user)
        ways_in = await self._look_up()
        now = self._clock.now()
        async with self._database.unit_of_work() as uow:
            await check_way_in_remains(uow, user.id, ways_in, without=credential_id)
            if stored is None or not await uow.factors.delete(stored, credential_id, user.id):
                raise NotFound("There is no such factor.")
            last = not await has_factor(uow, user.id)
            owner = await uow.users.locked(user.id)
            if owner is not None:
                await end(
                    uow, owner, AccountEvent.LAST_FACTOR_REMOVED if last else AccountEvent.FACTOR_REMOVED, now
                )
                await uow.users.save(owner)
            await record(uow, FactorRemoved(user_id=user.id, kind=kind), now)
            await self._mailer.queue(uow, "factor_removed", user.email, user=user, path=page_paths.SECURITY)
        return last

    async def put_off(self, user_id: str) -> None:
        """Note that a person was asked to enrol and did not want to now: the grace begins, once."""
        now = self._clock.now()
        async with self._database.unit_of_work() as uow:
            user = await uow.users.get(user_id)
            if user is None:
                return
            user.factor_offered_at = user.factor_offered_at or now
            user.factor_due_at = user.factor_due_at or now + self._grace
            await uow.users.save(user)
