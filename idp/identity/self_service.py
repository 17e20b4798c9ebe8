"""What people do with their own account while signed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.clock import Clock
from idp.config import AccountSettings
from idp.errors import Conflict, InvalidValue, NotFound
from idp.events.audit import record
from idp.events.catalogue import (
    AccountDeleted,
    AccountRestored,
    ConsentWithdrawn,
    PasswordChanged,
    ProfileChanged,
)
from idp.identity import page_paths
from idp.identity.claims import standard_claims
from idp.identity.endings import Event, Kept, end
from idp.identity.generation import ProvenAccount, look, still
from idp.identity.mail import Mailer
from idp.identity.own_claims import clean_claim
from idp.identity.password_policy import PasswordPolicy
from idp.identity.passwords import PasswordHasher, same_password
from idp.identity.throttle import SignInThrottle
from idp.identity.tickets import RESTORE_ACCOUNT, Tickets
from idp.identity.usernames import CLAIM as USERNAME
from idp.identity.usernames import assign_username, is_reserved, username_of
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import DisabledBy, User


@dataclass(frozen=True, slots=True)
class App:
    """An app that a person has given access."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    since: float


class SelfService:
    """Profile, password, apps, data, deletion."""

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        tickets: Tickets,
        sign_in_throttle: SignInThrottle,
        mailer: Mailer,
        settings: AccountSettings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._policy = policy
        self._tickets = tickets
        self._sign_in_throttle = sign_in_throttle
        self._mailer = mailer
        self._settings = settings
        self._clock = clock

    async def get(self, account: ProvenAccount) -> User:
        """Return the account; raise `FlowError` when the proof has ended."""
        async with self._database.reading() as uow:
            return await look(uow, account)

    async def update_profile(self, account: ProvenAccount, changes: Mapping[str, Any]) -> User:
        """Change standard claims (OIDC Core §5.1); an empty value removes one. Raise `InvalidValue` with the
        field for a value that is refused or a claim that is not the person's to set."""
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

    async def change_password(
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
        user = await self.check_password(account, current, address=address)
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
            event = Event.PASSWORD_CHANGED if end_others else Event.PASSWORD_CHANGED_ALONE
            await end(uow, user, event, now, Kept(keep_session, keep_grant))
            await uow.users.save(user)
            await record(uow, PasswordChanged(user_id=user.id, address=address), now)
            await self._mailer.queue(uow, "password_changed", user.email, user=user, path=page_paths.RECOVER)

    async def check_password(self, account: ProvenAccount, password: str, *, address: str) -> User:
        """Return the account if this is its password or it has none, else raise `InvalidValue`.

        Under the throttle of the sign-in page: a session or token that was stolen is not to find it out.
        """
        user = await self.get(account)
        if user.password_hash is None:
            return user
        await self._sign_in_throttle.check(user.email_key, address)
        if not await self._hasher.verify(user.password_hash, password):
            raise InvalidValue("Your current password is not right.", field="current_password")
        await self._sign_in_throttle.succeeded(user.email_key, address)
        return user

    async def apps(self, user_id: str) -> list[App]:
        """Return the apps that have access: a remembered consent or a grant that stands."""
        async with self._database.reading() as uow:
            consents = await uow.consents.for_user(user_id)
            grants = await uow.grants.active_for_user(user_id, self._clock.now())
            found: dict[str, App] = {}
            since: dict[str, float] = {c.client_id: c.granted_at for c in consents}
            scopes: dict[str, set[str]] = {c.client_id: set(c.scopes) for c in consents}
            for grant in grants:
                since[grant.client_id] = min(since.get(grant.client_id, grant.created_at), grant.created_at)
                scopes.setdefault(grant.client_id, set()).update(grant.scope.split())
            for client_id, moment in since.items():
                client = await uow.clients.get(client_id)
                if client is not None:
                    names = tuple(sorted(scopes[client_id]))
                    found[client_id] = App(client_id, client.client_name, names, moment)
        return sorted(found.values(), key=lambda app: app.name.casefold())

    async def revoke_app(self, user_id: str, client_id: str) -> None:
        """Take an app's access away; raise `NotFound` when it has none."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            forgotten = await uow.consents.forget(user_id, client_id)
            revoked = await uow.grants.revoke_for_client_and_user(client_id, user_id, now)
            if not forgotten and not revoked:
                raise NotFound("This app has no access.")
            await record(uow, ConsentWithdrawn(user_id=user_id, client_id=client_id), now)

    async def export(self, user_id: str) -> dict[str, Any]:
        """Return everything that is kept about a person, but for secrets."""
        now = self._clock.now()
        async with self._database.reading() as uow:
            user = await _own(uow, user_id)
            sessions = await uow.sessions.all_for_user(user_id)
            links = await uow.identities.of_user(user_id)
            events = await uow.audit.page(None, 1000, user_id=user_id)
        apps = await self.apps(user_id)
        return {
            "exported_at": int(now),
            "account": {
                **standard_claims(user),
                "created_at": int(user.created_at),
                "tier": user.tier,
                "roles": list(user.roles),
                "has_password": user.password_hash is not None,
            },
            "sessions": [
                {
                    "id": session.id,
                    "created_at": int(session.created_at),
                    "last_seen_at": int(session.last_seen_at),
                    "ended_at": int(session.ended_at) if session.ended_at is not None else None,
                    "user_agent": session.user_agent,
                    "address": session.address,
                }
                for session in sessions
            ],
            "apps": [
                {"client_id": a.client_id, "name": a.name, "scopes": list(a.scopes), "since": int(a.since)}
                for a in apps
            ],
            "connections": [
                {
                    "provider": link.provider,
                    "issuer": link.issuer,
                    "subject": link.subject,
                    "email": link.email,
                    "linked_at": int(link.linked_at),
                }
                for link in links
            ],
            "events": [
                {"at": int(e.at), "name": e.name, "client_id": e.client_id, "address": e.address}
                for e in events
            ],
        }

    async def delete(self, account: ProvenAccount, *, address: str = "") -> float:
        """Disable the account, end its sessions and grants, and return when it goes for good."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await still(uow, account, to_change=True)
            user.disable(DisabledBy.OWNER, now)
            user.delete_at = now + self._settings.deletion_grace
            await end(uow, user, Event.DELETED, now)
            await uow.users.save(user)
            await record(uow, AccountDeleted(user_id=user.id, address=address), now)
            if self._settings.deletion_grace:
                issued = await self._tickets.issue(
                    uow, user.id, RESTORE_ACCOUNT, user.email, ttl=self._settings.deletion_grace
                )
                path = f"{page_paths.RESTORE_ACCOUNT}?token={issued.token}"
            else:
                path = "/"
            await self._mailer.queue(
                uow, "account_deleted", user.email, user=user, path=path, delete_at=user.delete_at
            )
            return user.delete_at

    async def restore(self, token: str) -> User:
        """Bring a deleted account back by the link of the mail, within the grace period."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            ticket = await self._tickets.redeem_token(uow, token, RESTORE_ACCOUNT)
            user = await uow.users.locked(ticket.user_id) if ticket else None
            if user is None or user.delete_at is None or user.delete_at <= now:
                raise InvalidValue("This link has been used or has expired.", field="token")
            user.enable(DisabledBy.OWNER)
            user.delete_at = None
            await uow.users.save(user)
            await record(uow, AccountRestored(user_id=user.id), now)
            return user


async def _own(uow: UnitOfWork, user_id: str) -> User:
    return _in_use(await uow.users.get(user_id))


def _in_use(user: User | None) -> User:
    if user is None or user.disabled_at is not None:
        raise NotFound("This account is not in use.")
    return user
