"""People's accounts: create, invite, change, disable, delete. An account is named by its address or its id."""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from idp.clock import Clock
from idp.errors import InvalidValue, NotFound
from idp.identity.accounts import ADMIN, DEFAULT_TIER, Accounts, NewUser
from idp.identity.addresses import email_key
from idp.identity.claims import PROFILE_CLAIMS
from idp.identity.factor_reset import FactorResets
from idp.identity.names import claim_name
from idp.identity.own_claims import clean_claim
from idp.identity.passwords import is_importable_hash
from idp.identity.registration import Registration
from idp.storage.database import Database
from idp.storage.models import DisabledBy, User

PAGE: Final = 500
"""Accounts read at once."""
_TIER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_ROLE: Final = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,63}")


@dataclass(frozen=True, slots=True)
class FactorReset:
    """A reset of a person's second factors: when it takes effect, and whether that is now."""

    user: User
    at: float
    done: bool


class PeopleAdministration:
    """The accounts of people, for the operator. `identity` makes each change and writes the audit trail."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        registration: Registration,
        factor_resets: FactorResets,
        clock: Clock,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._registration = registration
        self._factor_resets = factor_resets
        self._clock = clock

    async def get(self, account: str) -> User:
        """Return an account by its address or its id; raise `NotFound`."""
        user = await (self._accounts.find(account) if "@" in account else self._accounts.get(account))
        if user is None:
            raise NotFound(f"There is no account {ascii(account[:100])[1:-1]}; idp user list shows them.")
        return user

    async def all(self) -> AsyncIterator[User]:
        """Yield every account, page by page."""
        after: str | None = None
        while True:
            async with self._database.reading() as uow:
                page = await uow.users.page(after, PAGE)
            for user in page:
                yield user
            if len(page) < PAGE:
                return
            after = page[-1].id

    async def create(
        self,
        email: str,
        password: str | None,
        name: str | None,
        *,
        verified: bool,
        admin: bool,
        username: str | None = None,
        given_name: str | None = None,
        family_name: str | None = None,
    ) -> User:
        """Make an account; raise `InvalidValue` for a bad value and `Conflict` for an address or username in use."""
        names = {"given_name": given_name, "family_name": family_name}
        claims = {claim: claim_name(text, field=claim) for claim, text in names.items() if text}
        if not name:
            name = " ".join(claims.values()) or None
        roles = (ADMIN,) if admin else ()
        return await self._accounts.create(
            email, password, name, verified, roles, username=username, claims=claims, source="cli"
        )

    async def create_all(self, documents: Sequence[Mapping[str, Any]]) -> list[User]:
        """Make the accounts of these documents, or none of them if one is refused; see `docs/accounts.md`."""
        people = []
        for number, document in enumerate(documents, start=1):
            try:
                people.append(_new_user(document))
            except InvalidValue as error:
                raise InvalidValue(f"Account {number}: {error.sentence}", field=error.field) from error
        return await self._accounts.create_all(people, source="import")

    async def change_username(self, account: str, username: str | None) -> User:
        """Give an account a username, or take it away; raise `Conflict` for one in use."""
        user = await self.get(account)
        await self._accounts.change_username(user.id, username)
        return await self.get(user.id)

    async def invite(self, email: str) -> str:
        """Mail an invitation to an address; return its token."""
        return await self._registration.invite(email)

    async def set_password(self, account: str, password: str) -> User:
        """Change a person's password and end the sessions and grants."""
        user = await self.get(account)
        await self._accounts.set_password(user.id, password, source="cli")
        return await self.get(user.id)

    async def change_roles(self, account: str, add: Collection[str], remove: Collection[str]) -> User:
        """Give roles and take roles away; raise `InvalidValue` for what is not a role."""
        for role in add:
            _check_role(role)
        user = await self.get(account)
        await self._accounts.change_roles(user.id, add, remove)
        return await self.get(user.id)

    async def change_tier(self, account: str, tier: str) -> User:
        """Set what a person has subscribed to; raise `InvalidValue` for what is not a tier."""
        _check_tier(tier)
        user = await self.get(account)
        await self._accounts.change_tier(user.id, tier)
        return await self.get(user.id)

    async def disable(self, account: str, by: DisabledBy = DisabledBy.OPERATOR) -> User:
        """Switch an account off and end its sessions and grants."""
        user = await self.get(account)
        await self._accounts.disable(user.id, by)
        return await self.get(user.id)

    async def enable(self, account: str, by: DisabledBy = DisabledBy.OPERATOR) -> User:
        """Lift this reason for which an account is switched off, and no other."""
        user = await self.get(account)
        await self._accounts.enable(user.id, by)
        return await self.get(user.id)

    async def delete(self, account: str) -> User:
        """Delete an account with everything that belongs to it, at once; return what it was."""
        user = await self.get(account)
        await self._accounts.remove(user.id)
        return user

    async def reset_factors(self, account: str) -> FactorReset:
        """Remove a person's second factors, now or after the delay that is set."""
        user = await self.get(account)
        at = await self._factor_resets.request(user)
        return FactorReset(await self.get(user.id), at, done=at <= self._clock.now())

    async def cancel_factor_reset(self, account: str) -> User:
        """Call off a reset that waits; raise `NotFound` where none does."""
        user = await self.get(account)
        if not await self._factor_resets.cancel(user, "administrator"):
            raise NotFound(f"No reset of the second factors of {user.email} waits.")
        return await self.get(user.id)


_TEXTS: Final = ("email", "password_hash", "username", "tier")
_CLAIMS: Final = frozenset(PROFILE_CLAIMS) - {"preferred_username", "phone_number_verified"}


def _new_user(document: Mapping[str, Any]) -> NewUser:
    """Read an account to import; raise `InvalidValue`."""
    known = {*_TEXTS, "email_verified", "roles", *_CLAIMS}
    for name in document:
        if name not in known:
            raise InvalidValue(f"{name[:60]!a} is not a field of an account to import.", field=name)
    texts = {name: document[name] for name in _TEXTS if document.get(name) is not None}
    roles, verified = document.get("roles", []), document.get("email_verified", False)
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(verified, bool):
        raise InvalidValue("A field has the wrong type.")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise InvalidValue("roles must be a list of texts.", field="roles")
    for role in roles:
        _check_role(role)
    tier = texts.get("tier", DEFAULT_TIER)
    _check_tier(tier)
    hashed = texts.get("password_hash")
    if hashed is not None and not is_importable_hash(hashed):
        raise InvalidValue("password_hash must be Argon2id in PHC form, or bcrypt.", field="password_hash")
    cleaned = {name: clean_claim(name, document[name]) for name in _CLAIMS & document.keys()}
    profile = {name: value for name, value in cleaned.items() if value is not None}
    email = texts.get("email", "")
    email_key(email)
    return NewUser(email, hashed, verified, profile, tuple(roles), tier, texts.get("username"))


def _check_role(role: str) -> None:
    if _ROLE.fullmatch(role) is None:
        raise InvalidValue(
            f"{role[:80]!a} is not a role: lower-case letters, digits and _ . : - (at most 64).", field="role"
        )


def _check_tier(tier: str) -> None:
    if _TIER.fullmatch(tier) is None:
        raise InvalidValue(
            f"{tier[:60]!a} is not a tier: lower-case letters, digits and _ - (at most 40).", field="tier"
        )
