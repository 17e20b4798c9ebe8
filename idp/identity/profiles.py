"""The claims that users set about themselves."""

from collections.abc import Mapping
from typing import Any

from idp.clock import Clock
from idp.config import AccountSettings
from idp.errors import Conflict, InvalidValue
from idp.events.audit import record
from idp.events.catalogue import ProfileChanged
from idp.identity.generation import ProvenAccount, still
from idp.identity.own_claims import clean_claim
from idp.identity.usernames import CLAIM as USERNAME
from idp.identity.usernames import assign_username, is_reserved, username_of
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import User


class Profiles:
    """Changes profiles."""

    def __init__(self, database: Database, settings: AccountSettings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def update(self, account: ProvenAccount, changes: Mapping[str, Any]) -> User:
        """Change standard claims (OIDC Core §5.1); an empty value removes one. Raise `InvalidValue` with the
        field for a value that is refused or a claim that is not the user's to set."""
        cleaned = {name: clean_claim(name, value) for name, value in changes.items() if name != USERNAME}
        async with self._database.unit_of_work() as uow:
            user = await still(uow, account, to_change=True)
            if USERNAME in changes:
                await self._change_username(uow, user, changes[USERNAME])
            profile = {**user.profile, **cleaned}
            if cleaned.get("phone_number", user.profile.get("phone_number")) != user.profile.get(
                "phone_number"
            ):
                profile["phone_number_verified"] = False
            user.profile = {name: value for name, value in profile.items() if value not in (None, "", {})}
            if "phone_number" not in user.profile:
                user.profile.pop("phone_number_verified", None)
            user.updated_at = self._clock.now()
            await uow.users.save(user)
            await record(uow, ProfileChanged(user_id=user.id, what=tuple(sorted(cleaned))), user.updated_at)
            return user

    @property
    def username_is_personal(self) -> bool:
        """Whether people choose their username."""
        return self._settings.username_changes

    async def _change_username(self, uow: UnitOfWork, user: User, value: object) -> None:
        if value in (None, "", user.profile.get(USERNAME)):
            wanted = value or None
        elif not isinstance(value, str):
            raise InvalidValue("This must be text.", field=USERNAME)
        else:
            wanted = username_of(value)
        if wanted == user.profile.get(USERNAME):
            return
        if not self.username_is_personal:
            raise InvalidValue("Only the operator of this service sets usernames.", field=USERNAME)
        if wanted is not None and is_reserved(str(wanted), self._settings.reserved_usernames):
            raise InvalidValue("This username is reserved.", field=USERNAME)
        try:
            await assign_username(uow, user, None if wanted is None else str(wanted), self._clock.now())
        except Conflict as error:
            raise InvalidValue(error.sentence, field=USERNAME) from error
