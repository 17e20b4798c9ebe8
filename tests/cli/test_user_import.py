"""`idp user import`: the accounts of another system."""

import json
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests.cli.conftest import Idp

HASH = bcrypt.hashpw(b"correct horse battery", bcrypt.gensalt(4)).decode()
ADA: dict[str, Any] = {
    "email": "ada@example.com",
    "email_verified": True,
    "password_hash": HASH,
    "username": "ada",
    "name": "Ada",
    "given_name": "Ada",
    "roles": ["editor"],
    "tier": "gold",
}


def write(directory: Path, *users: Any) -> None:
    (directory / "users.json").write_text(json.dumps({"users": users}))


def test_accounts_come_with_their_hashes_names_and_roles(migrated: Idp, installation: Path) -> None:
    write(installation, ADA, {"email": "bob@example.com"})
    ada, bob = migrated("user", "import", "users.json", "--json").json["users"]
    assert (ada["username"], ada["roles"], ada["tier"], ada["has_password"]) == (
        "ada",
        ["editor"],
        "gold",
        True,
    )
    assert (bob["username"], bob["tier"], bob["has_password"], bob["email_verified"]) == (
        None,
        "free",
        False,
        False,
    )
    assert HASH not in str(ada)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"email": "nonsense"}, "Account 2"),
        ({"email": 1}, "type"),
        ({"password_hash": "secret"}, "bcrypt"),
        ({"password": "secret"}, "not a field"),
        ({"roles": "admin"}, "list"),
        ({"roles": ["No Role"]}, "not a role"),
        ({"tier": "No Tier"}, "not a tier"),
        ({"username": "ADA"}, "taken"),
        ({"username": "a b"}, "username"),
        ({"email": "ADA@example.com"}, "address"),
        ({"name": "https://evil.example"}, "name"),
        ({"website": "javascript:alert(1)"}, "https"),
    ],
)
def test_all_accounts_are_made_or_none(
    migrated: Idp, installation: Path, change: dict[str, Any], reason: str
) -> None:
    write(installation, ADA, {"email": "bob@example.com", **change})
    outcome = migrated("user", "import", "users.json")
    assert outcome.code == 1
    assert reason in outcome.err
    assert migrated("user", "list", "--json").json == {"users": []}
