"""Usernames: one form, unique with what looks alike, reserved, and not to be taken over."""

import asyncio
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.clock import ManualClock
from idp.errors import Conflict, InvalidValue
from idp.identity.accounts import Accounts
from idp.identity.passwords import PasswordHasher
from idp.identity.usernames import is_reserved, username_key, username_of
from idp.storage.database import Database
from idp.storage.sweeper import USERNAME_RETENTION, Sweeper
from tests.support.identity import audit_names

PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    ("text", "username"),
    [("alice", "alice"), (" Alice ", "alice"), ("A.b-C_d9", "a.b-c_d9"), ("x" * 39, "x" * 39)],
)
def test_a_username_is_kept_in_one_form(text: str, username: str) -> None:
    """RFC 8265 §3.3.2: the case mapping rule."""
    assert username_of(text) == username


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a",
            "x" * 40,
            "a b",
            ".alice",
            "alice.",
            "al..ice",
            "al-_ice",
            "al@ice",
            "al/ice",
            "al:ice",
            "-",
        ),
        *(
            "\u0430lice",
            "al\u0131ce",
            "\uff41lice",
            "al\u200dice",
            "alice\u202e",
            "jürgen",
            "alice\n.",
            "alice\x00",
        ),
    ],
)
def test_what_could_be_taken_for_something_else_is_no_username(text: str) -> None:
    with pytest.raises(InvalidValue):
        username_of(text)


@given(st.text(max_size=45))
def test_the_form_is_its_own_form(text: str) -> None:
    try:
        username = username_of(text)
    except InvalidValue:
        return
    assert username_of(username) == username
    assert username_of(username.upper()) == username
    assert set(username) <= set(string.ascii_lowercase + string.digits + "._-")


@pytest.mark.parametrize(
    ("one", "other"),
    [("alice", "a1ice"), ("bob", "b0b"), ("burn", "bum"), ("vvolf", "wolf"), ("a.b", "a-b"), ("a_b", "a-b")],
)
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    assert username_key(one) == username_key(other)


def test_names_that_speak_for_the_service_are_reserved_with_what_looks_like_them() -> None:
    for name in ("admin", "root", "no-reply", "no_reply", "r00t", "supp0rt"):
        assert is_reserved(name)
    assert not is_reserved("alice")
    assert is_reserved("acme", ("ACME",))


@pytest.fixture
def accounts(each_database: Database, hasher: PasswordHasher, clock: ManualClock) -> Accounts:
    return Accounts(each_database, hasher, clock)


async def test_of_many_at_once_one_gets_the_name(each_database: Database, accounts: Accounts) -> None:
    spellings = ["alice", "Alice", "a1ice", "ALICE", "al1ce"[:2] + "ice"]
    made = await asyncio.gather(
        *(
            accounts.create(f"{number}@example.com", PASSWORD, username=name)
            for number, name in enumerate(spellings)
        ),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in made) == ["Conflict"] * 4 + ["User"]
    assert sorted(await audit_names(each_database)) == ["user.created", "user.username_changed"]


async def test_a_name_that_was_given_up_stays_its_last_owners(
    each_database: Database, accounts: Accounts, clock: ManualClock
) -> None:
    """Apps may know the last owner by it."""
    alice = await accounts.create("alice@example.com", PASSWORD, username="alice")
    bob = await accounts.create("bob@example.com", PASSWORD)
    await accounts.change_username(alice.id, "alicia")
    with pytest.raises(Conflict):
        await accounts.change_username(bob.id, "alice")
    await accounts.change_username(alice.id, "alice")
    await accounts.change_username(alice.id, None)
    clock.advance(USERNAME_RETENTION - 1)
    await Sweeper(each_database, clock).sweep_once()
    with pytest.raises(Conflict):
        await accounts.change_username(bob.id, "alice")
    clock.advance(2)
    await Sweeper(each_database, clock).sweep_once()
    await accounts.change_username(bob.id, "alice")


async def test_the_name_of_an_account_that_is_gone_is_nobodys_for_as_long(
    each_database: Database, accounts: Accounts, clock: ManualClock
) -> None:
    alice = await accounts.create("alice@example.com", PASSWORD, username="alice")
    bob = await accounts.create("bob@example.com", PASSWORD)
    await accounts.remove(alice.id)
    sweeper = Sweeper(each_database, clock)
    await sweeper.sweep_once()
    clock.advance(USERNAME_RETENTION - 1)
    await sweeper.sweep_once()
    with pytest.raises(Conflict):
        await accounts.change_username(bob.id, "alice")
    clock.advance(2)
    await sweeper.sweep_once()
    await accounts.change_username(bob.id, "alice")


async def test_a_name_in_use_is_never_swept(
    each_database: Database, accounts: Accounts, clock: ManualClock
) -> None:
    await accounts.create("alice@example.com", PASSWORD, username="alice")
    clock.advance(10 * USERNAME_RETENTION)
    await Sweeper(each_database, clock).sweep_once()
    with pytest.raises(Conflict):
        await accounts.create("bob@example.com", PASSWORD, username="alice")


async def test_the_same_name_again_changes_nothing(each_database: Database, accounts: Accounts) -> None:
    alice = await accounts.create("alice@example.com", PASSWORD, username="alice")
    await accounts.change_username(alice.id, "Alice")
    await accounts.change_username(alice.id, "a1ice")  # the same key: still their own
    user = await accounts.get(alice.id)
    assert user is not None
    assert user.profile["preferred_username"] == "a1ice"
    assert (await audit_names(each_database)).count("user.username_changed") == 2
