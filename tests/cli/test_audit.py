"""What operators do is in the audit trail."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Idp

PERSON = ("user", "create", "--email", "ada@example.com", "--password", "correct horse battery", "--json")
CLIENT = (
    "client",
    "create",
    "--name",
    "App",
    "--client-id",
    "app",
    "--redirect-uri",
    "https://app.example/cb",
)


def trail(installation: Path, column: str, about: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the events about somebody or something, in order, with their details."""
    with sqlite3.connect(installation / "idp.db") as database:
        query = f"SELECT name, detail FROM audit_events WHERE {column} = ? ORDER BY at, rowid"
        return [(name, json.loads(detail)) for name, detail in database.execute(query, (about,))]


def test_all_that_is_done_to_an_account_is_written_down_and_stays_when_it_is_gone(
    migrated: Idp, installation: Path
) -> None:
    person = migrated(*PERSON).json["id"]
    migrated("user", "roles", person, "--add", "editor", "--add", "admin")
    migrated("user", "roles", person, "--remove", "admin", "--add", "editor")
    migrated("user", "roles", person)
    migrated("user", "set-password", person, "--password", "another good password")
    for command in ("disable", "disable", "enable", "enable"):
        migrated("user", command, person)
    migrated("user", "delete", person, "--yes")
    assert trail(installation, "user_id", person) == [
        ("user.created", {"source": "cli"}),
        ("user.roles_changed", {"added": ["editor", "admin"], "removed": []}),
        ("user.roles_changed", {"added": [], "removed": ["admin"]}),
        ("user.password_changed", {"removed": False, "source": "cli"}),
        ("user.disabled", {"by": "operator"}),
        ("user.enabled", {"by": "operator"}),
        ("user.removed", {}),
    ]


def test_all_that_is_done_to_a_client_is_written_down(migrated: Idp, installation: Path) -> None:
    migrated(*CLIENT)
    migrated("client", "update", "app", "--name", "Other", "--disable")
    migrated("client", "rotate-secret", "app")
    migrated("client", "delete", "app", "--yes")
    assert trail(installation, "client_id", "app") == [
        ("client.created", {}),
        ("client.changed", {"what": ["client_name", "enabled"]}),
        ("client.changed", {"what": ["secret"]}),
        ("client.deleted", {}),
    ]


def test_all_that_is_done_to_a_provider_is_written_down(migrated: Idp, installation: Path) -> None:
    migrated("provider", "add", "google", "--client-id", "x", "--client-secret", "y")
    migrated("provider", "remove", "google", "--yes")
    with sqlite3.connect(installation / "idp.db") as database:
        events = database.execute("SELECT name, detail FROM audit_events ORDER BY at, rowid").fetchall()
    assert [(name, json.loads(detail)) for name, detail in events] == [
        ("provider.added", {"provider": "google"}),
        ("provider.removed", {"provider": "google", "links_kept": 0}),
    ]


def test_what_is_refused_is_not_written_down(migrated: Idp, installation: Path) -> None:
    assert migrated("client", "delete", "app", "--yes").code == 1
    assert trail(installation, "client_id", "app") == []


def test_an_invitation_is_mailed_shown_and_written_down(
    migrated: Idp, installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = migrated("user", "invite", "ada@example.com")
    assert (refused.code, "IDP_REGISTRATION__MODE=invitation" in refused.err) == (1, True)
    monkeypatch.setenv("IDP_REGISTRATION__MODE", "invitation")
    invited = migrated("user", "invite", "ada@example.com", "--json").json
    assert invited["url"].startswith("http://localhost:8000/register?invitation=")
    with sqlite3.connect(installation / "idp.db") as database:
        [(recipient, text)] = database.execute("SELECT recipient, text FROM outbox_mails")
        assert [name for (name,) in database.execute("SELECT name FROM audit_events")] == ["invitation.made"]
    assert (recipient, invited["url"] in text) == ("ada@example.com", True)
    assert "not an e-mail address" in migrated("user", "invite", "nonsense").err
