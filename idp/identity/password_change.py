"""A user changes their password, and shows that they know it."""

from idp.clock import Clock
from idp.errors import InvalidValue
from idp.events.audit import record
from idp.events.catalogue import PasswordChanged
from idp.identity import page_paths
from idp.identity.endings import AccountEvent, LeftOpen, end
from idp.identity.generation import ProvenAccount, look, still
from idp.identity.mail import Mailer
from idp.identity.password_policy import PasswordPolicy
from idp.identity.passwords import PasswordHasher, same_password
from idp.identity.throttle import SignInThrottle
from idp.storage.database import Database
from idp.storage.models import User


class PasswordChange:
    """Changes passwords."""

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        throttle: SignInThrottle,
        mailer: Mailer,
        clock: Clock,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._policy = policy
        self._throttle = throttle
        self._mailer = mailer
        self._clock = clock

    async def change(
        self,
        account: ProvenAccount,
        current: str,
        new: str,
        *,
        keep_session: str | None,
        keep_grant: str | None = None,
        end_others: bool = True,
        address: str = "",
    ) -> None:
        """Change the password; the current one is asked, under the throttle of the sign-in page.

        With `end_others` every session and grant ends but for `keep_session` and `keep_grant`. An account
        without a password has nothing to ask for: the caller has made sure of a recent sign-in.
        """
        user = await self.prove(account, current, address=address)
        if user.password_hash is not None and same_password(current, new):
            raise InvalidValue("Choose another password than the one you have.", field="password")
        verified = user.password_hash
        await self._policy.check(new, (user.email, str(user.profile.get("name", ""))))
        hashed = await self._hasher.hash(new)
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await still(uow, account, to_change=True)
            if user.password_hash != verified:  # renewed by a sign-in meanwhile, which the user can do again
                raise InvalidValue(
                    "Your password was changed at this moment. Try again.", field="current_password"
                )
            user.password_hash = hashed
            event = AccountEvent.PASSWORD_CHANGED if end_others else AccountEvent.PASSWORD_CHANGED_ALONE
            await end(uow, user, event, now, LeftOpen(keep_session, keep_grant))
            await uow.users.save(user)
            await record(uow, PasswordChanged(user_id=user.id, address=address), now)
            await self._mailer.queue(uow, "password_changed", user.email, user=user, path=page_paths.RECOVER)

    async def prove(self, account: ProvenAccount, password: str, *, address: str) -> User:
        """Return the account if this is its password or it has none, else raise `InvalidValue`.

        Under the throttle of the sign-in page: a session or token that was stolen is not to find it out.
        """
        async with self._database.reading() as uow:
            user = await look(uow, account)
        if user.password_hash is None:
            return user
        await self._throttle.check(user.email_key, address)
        if not await self._hasher.verify(user.password_hash, password):
            raise InvalidValue("Your current password is not right.", field="current_password")
        await self._throttle.succeeded(user.email_key, address)
        return user
