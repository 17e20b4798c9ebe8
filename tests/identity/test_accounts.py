"""Making accounts and changing them."""

import asyncio

import pytest

from idp.clock import ManualClock
from idp.errors import Conflict, FlowError, InvalidValue, NotFound
from idp.identity.accounts import Accounts
from idp.identity.acr import ACR_MULTI, ACR_SINGLE, satisfies
from idp.identity.claims import standard_claims
from idp.identity.login import PasswordLogin, by_password
from idp.identity.passwords import PasswordHasher
from idp.identity.sessions import Sessions, Visitor
from idp.storage.database import Database
from idp.storage.models import DisabledBy, User
from tests.support.identity import PASSWORD, audit_events, audit_names


async def test_account_is_found_by_any_spelling_of_its_address(accounts: Accounts) -> None:
    ada = await accounts.create("Ada@Example.com", PASSWORD, "Ada", verified=True, roles=["admin"])
    found = await accounts.find("ADA@example.COM")
    assert found is not None
    assert (found.id, found.email, found.roles, found.email_verified) == (ada.id, ada.email, ["admin"], True)
    assert PASSWORD not in (found.password_hash or "")
    assert await accounts.find("bob@example.com") is None
    assert await accounts.get("no-such-id") is None


async def test_one_address_is_one_account_even_for_two_at_once(
    each_database: Database, hasher: PasswordHasher, clock: ManualClock
) -> None:
    accounts = Accounts(each_database, hasher, clock)
    both = await asyncio.gather(
        accounts.create("ada@example.com", PASSWORD),
        accounts.create("ADA@example.com", PASSWORD),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in both) == ["Conflict", "User"]
    with pytest.raises(Conflict):
        await accounts.create("ada@EXAMPLE.com", None)
    assert await audit_names(each_database) == ["user.created"]


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("no address", PASSWORD, "email"),
        ("a@example.com", "short", "password"),
        ("a@example.com", "", "password"),
        ("a@example.com", "x" * 1025, "password"),
    ],
)
async def test_bad_values_are_refused_by_field(
    accounts: Accounts, email: str, password: str, field: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await accounts.create(email, password)
    assert caught.value.field == field


async def test_new_password_replaces_the_old_and_ends_the_other_sessions(
    accounts: Accounts, sessions: Sessions, login: PasswordLogin, database: Database
) -> None:
    ada = await accounts.create("ada@example.com", PASSWORD)
    here, there = [await sessions.start(ada.id, by_password(0.0, 0), Visitor()) for _ in range(2)]
    await accounts.set_password(ada.id, "another good password", keep_session=here.session.id)
    assert await sessions.current(here.token) is not None
    assert await sessions.current(there.token) is None
    assert await login.authenticate("ada@example.com", PASSWORD, "192.0.2.1") is None
    assert await login.authenticate("ada@example.com", "another good password", "192.0.2.1") is not None
    assert "user.password_changed" in await audit_names(database)


async def test_disabled_account_has_no_sessions_and_gets_none(
    accounts: Accounts, sessions: Sessions, database: Database
) -> None:
    ada = await accounts.create("ada@example.com", PASSWORD)
    started = await sessions.start(ada.id, by_password(0.0, 0), Visitor())
    await accounts.disable(ada.id)
    await accounts.disable(ada.id)
    assert await sessions.current(started.token) is None
    with pytest.raises(FlowError):
        await sessions.start(ada.id, by_password(0.0, 0), Visitor())
    assert (await audit_names(database)).count("user.disabled") == 1


async def test_an_account_that_its_owner_deleted_is_kept_when_that_is_lifted(
    accounts: Accounts, database: Database, clock: ManualClock
) -> None:
    ada = await accounts.create("ada@example.com", PASSWORD)
    await accounts.disable(ada.id, DisabledBy.OWNER)
    async with database.unit_of_work() as uow:
        deleted = await uow.users.get(ada.id)
        assert deleted is not None
        deleted.delete_at = clock.now() + 60
        await uow.users.save(deleted)
    await accounts.enable(ada.id, DisabledBy.OWNER)
    kept = await accounts.get(ada.id)
    assert kept is not None
    assert (kept.disabled_at, kept.delete_at) == (None, None)


@pytest.mark.parametrize("lifted", DisabledBy)
async def test_each_reason_for_being_disabled_is_lifted_alone(
    each_database: Database, hasher: PasswordHasher, clock: ManualClock, lifted: DisabledBy
) -> None:
    accounts = Accounts(each_database, hasher, clock)
    ada = await accounts.create("ada@example.com", PASSWORD)
    for by in DisabledBy:
        await accounts.disable(ada.id, by)
    await accounts.enable(ada.id, lifted)
    left = await accounts.get(ada.id)
    assert left is not None
    assert left.disabled_by == [by.value for by in DisabledBy if by is not lifted]
    assert left.disabled_at is not None
    told = [event.detail for event in await audit_events(each_database) if event.name == "user.enabled"]
    assert told == [{"by": lifted.value}]
    for by in DisabledBy:
        await accounts.enable(ada.id, by)
    back = await accounts.get(ada.id)
    assert back is not None
    assert back.disabled_at is None


async def test_changing_an_account_that_is_not_there_says_so(accounts: Accounts) -> None:
    for change in (
        accounts.set_password("no-such-id", PASSWORD),
        accounts.disable("no-such-id"),
        accounts.enable("no-such-id"),
        accounts.change_roles("no-such-id", ["admin"], []),
        accounts.remove("no-such-id"),
    ):
        with pytest.raises(NotFound):
            await change


def test_claims_tell_what_is_known_and_no_more() -> None:
    user = User(
        id="u1",
        email="Ada@example.com",
        email_key="ada@example.com",
        email_verified=False,
        password_hash="$argon2id$x",
        profile={"name": "Ada", "locale": "", "address": {}, "internal_note": "vip", "sub": "admin"},
        roles=["admin"],
        tier="free",
        created_at=1.0,
        updated_at=1234.9,
    )
    assert standard_claims(user) == {
        "sub": "u1",
        "name": "Ada",
        "email": "Ada@example.com",
        "email_verified": False,  # authentik before 2025.10 said true whatever the fact
        "updated_at": 1234,
        "tier": "free",
        "roles": ["admin"],
        "groups": ["admin"],
    }


def test_stronger_sign_in_satisfies_a_weaker_wish_and_not_the_reverse() -> None:
    assert satisfies(ACR_MULTI, ACR_SINGLE)
    assert satisfies(ACR_SINGLE, ACR_SINGLE)
    assert not satisfies(ACR_SINGLE, ACR_MULTI)
    assert not satisfies("made up", ACR_SINGLE)
    assert not satisfies(ACR_MULTI, "made up")
