"""What operators do about second factors."""

import json
import re
import sqlite3
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Idp

PERSON = ("user", "create", "--email", "ada@example.com", "--password", "correct horse battery")


def give_app(installation: Path) -> None:
    """Store an authenticator app for the one person there is."""
    with sqlite3.connect(installation / "idp.db") as database:
        database.execute(
            "INSERT INTO totp_credentials (id, user_id, name, sealed_secret, last_step, created_at) "
            "SELECT 'app', id, 'Phone', '', 0, 0 FROM users"
        )


def test_a_client_can_require_a_second_factor_and_stop(idp: Idp) -> None:
    idp("migrate")
    app = ("client", "create", "--name", "App", "--redirect-uri", "https://app.example.com/cb", "--json")
    made = json.loads(idp(*app, "--require-second-factor").out)
    assert made["require_second_factor"] is True
    stop = ("client", "update", made["client_id"], "--no-require-second-factor", "--json")
    assert json.loads(idp(*stop).out)["require_second_factor"] is False


def test_a_reset_of_factors_asks_first_and_says_whose(idp: Idp) -> None:
    idp("migrate")
    idp(*PERSON)
    unsaid = idp("user", "reset-factors", "ada@example.com")
    assert (unsaid.code, "--yes" in unsaid.err) == (1, True)
    done = idp("user", "reset-factors", "ada@example.com", "--yes", "--json")
    assert json.loads(done.out)["email"] == "ada@example.com"
    missing = idp("user", "reset-factors", "bob@example.com", "--yes")
    assert "There is no account" in missing.err


def test_a_reset_can_wait_and_be_called_off(
    migrated: Idp, installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_SECOND_FACTOR__RESET_DELAY", "86400")
    migrated(*PERSON)
    reset = ("user", "reset-factors", "ada@example.com", "--yes")
    assert "no second factor" in migrated(*reset).err
    give_app(installation)
    assert re.search(r"will be removed on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", migrated(*reset).out)
    shown = migrated("user", "show", "ada@example.com", "--json").json
    assert 86_000 < shown["factor_reset_at"] - time.time() <= 86_400
    assert "stay" in migrated("user", "reset-factors", "ada@example.com", "--cancel").out
    assert migrated("user", "show", "ada@example.com", "--json").json["factor_reset_at"] is None
    assert "No reset" in migrated("user", "reset-factors", "ada@example.com", "--cancel").err
