"""`idp user`: usernames and names."""

import json
import sqlite3
from pathlib import Path

from tests.cli.conftest import Idp

PERSON = ("user", "create", "--password", "correct horse battery", "--json", "--email")


def test_the_operator_gives_names(migrated: Idp) -> None:
    names = ("--username", "Admin", "--given-name", "Ada", "--family-name", "Lovelace")
    made = migrated(*PERSON, "ada@example.com", *names).json
    assert (made["username"], made["name"]) == ("admin", "Ada Lovelace")
    refused = migrated(*PERSON, "bob@example.com", "--username", "ADMIN")
    assert (refused.code, "taken" in refused.err) == (1, True)
    assert "There is no account" in migrated("user", "show", "bob@example.com").err
    assert migrated("user", "username", "ada@example.com", "ada", "--json").json["username"] == "ada"
    assert migrated("user", "username", "ada@example.com", "--json").json["username"] == "ada"
    assert migrated("user", "username", "ada@example.com", "--remove", "--json").json["username"] is None
    assert "A username has" in migrated("user", "username", "ada@example.com", "no good").err


def test_doctor_reports_accounts_that_lost_a_username(migrated: Idp, installation: Path) -> None:
    def finding() -> str:
        found = json.loads(migrated("doctor", "--json").out)["findings"]
        return next(each["text"] for each in found if each["part"] == "usernames")

    migrated(*PERSON, "ada@example.com")
    assert "one account" in finding()
    with sqlite3.connect(installation / "idp.db") as database:
        database.execute("""UPDATE users SET profile = '{"refused_preferred_username": "ada"}'""")
    assert "1." in finding()
    assert migrated("user", "show", "ada@example.com", "--json").json["refused_username"] == "ada"
    migrated("user", "username", "ada@example.com", "ada.l")
    assert "one account" in finding()
