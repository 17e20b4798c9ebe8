"""Signing in with a password: the same answer and the same work, whoever is asked for."""

import asyncio

import argon2
import pytest
from sqlalchemy import event

from idp.clock import ManualClock
from idp.config import Settings, load_settings
from idp.errors import Throttled
from idp.identity.accounts import Accounts
from idp.identity.login import PasswordLogin
from idp.identity.passwords import PasswordHasher
from idp.identity.throttle import SignInThrottle
from idp.storage.database import Database
from tests.support.identity import CHEAP_PASSWORDS, PASSWORD, CountingHasher, NoWayBack, audit_events

HOME = "192.0.2.10"


@pytest.fixture
async def people(accounts: Accounts, hasher: CountingHasher) -> None:
    """One account of each kind."""
    await accounts.create("ada@example.com", PASSWORD, "Ada")
    await accounts.create("social@example.com", None)
    gone = await accounts.create("gone@example.com", PASSWORD)
    await accounts.disable(gone.id)
    hasher.hashed = 0


async def test_right_password_signs_in_however_the_address_is_written(
    people: None, login: PasswordLogin
) -> None:
    for written in ("ada@example.com", " ADA@EXAMPLE.COM "):
        found = await login.authenticate(written, PASSWORD, HOME)
        assert found is not None
        assert found.user.profile["name"] == "Ada"


@pytest.mark.parametrize(
    ("email", "password", "reason"),
    [
        ("ada@example.com", "wrong", "wrong password"),
        ("ada@example.com", "", "wrong password"),
        ("nobody@example.com", PASSWORD, "unknown account"),
        ("social@example.com", PASSWORD, "no password"),
        ("social@example.com", "", "no password"),
        ("gone@example.com", PASSWORD, "account disabled"),
        ("not an address", PASSWORD, "unknown account"),
        ("\ud800\0", PASSWORD, "unknown account"),
    ],
)
async def test_every_refusal_is_the_same_answer_and_the_same_work(
    people: None,
    login: PasswordLogin,
    hasher: CountingHasher,
    database: Database,
    email: str,
    password: str,
    reason: str,
) -> None:
    await login.authenticate("absent@example.com", "x", "203.0.113.7")  # what hashes cost is looked at
    hasher.verified, statements = 0, list[str]()
    event.listen(
        database.engine.sync_engine,
        "before_cursor_execute",
        lambda _conn, _cursor, statement, *_: statements.append(statement.split()[0] + statement[-60:]),
    )
    assert await login.authenticate("absent@example.com", "x", "198.51.100.1") is None
    expected, statements[:] = list(statements), []
    assert await login.authenticate(email, password, HOME, client_id="app") is None
    assert (hasher.verified, hasher.hashed) == (2, 0)
    assert statements == expected
    [failed] = [row for row in await audit_events(database) if row.client_id == "app"]
    assert (failed.name, failed.address) == ("session.sign_in_failed", HOME)
    assert failed.detail == {"reason": reason}


async def test_unknown_account_is_slowed_down_like_a_known_one(people: None, login: PasswordLogin) -> None:
    for email in ("ada@example.com", "nobody@example.com", "gone@example.com", "no address"):
        for _ in range(5):
            assert await login.authenticate(email, "wrong", HOME) is None
        with pytest.raises(Throttled):
            await login.authenticate(email, "wrong", HOME)


async def test_fifty_guesses_at_once_get_five_hashes(
    people: None, login: PasswordLogin, hasher: CountingHasher
) -> None:
    guesses = (login.authenticate("ada@example.com", f"guess {n}", f"203.0.113.{n}") for n in range(50))
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert hasher.verified == 5
    assert sum(isinstance(answer, Throttled) for answer in answers) == 45


async def test_right_password_is_slowed_down_too(people: None, login: PasswordLogin) -> None:
    for _ in range(5):
        await login.authenticate("ada@example.com", "wrong", HOME)
    with pytest.raises(Throttled):
        await login.authenticate("ada@example.com", PASSWORD, HOME)


async def test_failed_sign_in_leaves_nothing_of_what_was_typed(
    people: None, login: PasswordLogin, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await login.authenticate("my-password-in-the-wrong-field", "hunter2hunter2", HOME)
    rows = [f"{row.user_id} {row.client_id} {row.detail}" for row in await audit_events(database)]
    output = capsys.readouterr()
    for typed in ("my-password-in-the-wrong-field", "hunter2hunter2"):
        assert typed not in output.out + output.err + " ".join(rows)


async def test_hash_is_renewed_at_the_first_sign_in_under_new_parameters(
    people: None, login: PasswordLogin, accounts: Accounts, settings: Settings
) -> None:
    stronger = load_settings({}, passwords=CHEAP_PASSWORDS | {"time_cost": 3})
    login._hasher = CountingHasher(stronger.passwords)
    for _ in range(2):
        assert await login.authenticate("ada@example.com", PASSWORD, HOME) is not None
    ada = await accounts.find("ada@example.com")
    assert ada is not None
    assert "t=3" in (ada.password_hash or "")
    assert login._hasher.hashed == 1


async def test_an_unknown_account_costs_what_most_stored_hashes_cost(
    people: None,
    settings: Settings,
    database: Database,
    throttle: SignInThrottle,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the operator has raised the cost, the hashes that are stored keep theirs for a while."""
    dearer = PasswordHasher(settings.passwords.model_copy(update={"time_cost": 3}))
    login = PasswordLogin(database, dearer, throttle, NoWayBack(), clock)
    costs: list[int] = []
    verify = argon2.PasswordHasher.verify

    def noted(self: argon2.PasswordHasher, hashed: str, password: bytes) -> bool:
        costs.append(argon2.extract_parameters(hashed).time_cost)
        return verify(self, hashed, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", noted)
    for email in ("ada@example.com", "nobody@example.com"):
        assert await login.authenticate(email, "wrong", HOME) is None
    assert costs == [1, 1]
