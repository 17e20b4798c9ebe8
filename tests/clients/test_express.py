"""express-openid-connect in an Express app of its own: it reads claims from the ID token and never asks userinfo."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.person import Person
from tests.support.running import ServedProvider
from tests.support.servers import free_port


@pytest.fixture
def site(node: Path, running_provider: ServedProvider, application: Callable[..., None]) -> str:
    """The URL of an Express app that is registered as the catalogue says."""
    base_url = f"http://localhost:{free_port()}"
    client = running_provider.create_client("Express", "--for", "express", "--url", base_url)
    given = {
        "issuer": running_provider.issuer,
        "base_url": base_url,
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
    }
    application(["node", node / "express_app.mjs", json.dumps(given)], ready=f"{base_url}/")
    return base_url


def test_reads_the_name_from_the_id_token_and_signs_out(site: str, person: Person) -> None:
    claims = person.open(f"{site}/login").json()
    assert (claims["sub"], claims["name"]) == (person.account.id, person.account.name)
    assert (claims["email"], claims["email_verified"]) == (person.account.email, True)
    goodbye = person.open(f"{site}/logout")
    assert str(goodbye.url) == f"{site}/"
    assert goodbye.json() is None
    person.asked.clear()
    person.open(f"{site}/login")
    assert person.asked == ["login"], "the provider's session has ended too, and consent is remembered"


def test_lets_in_by_group(site: str, running_provider: ServedProvider, person: Person) -> None:
    editor = running_provider.create_user("grace@example.com", "Grace Hopper")
    running_provider.cli("user", "roles", editor.email, "--add", "editors")
    assert "editors" not in person.open(f"{site}/login").json().get("groups", [])
    assert person.open(f"{site}/editors").status_code == 401
    with Person(editor) as grace:
        assert grace.open(f"{site}/login").json()["groups"] == ["editors"]
        assert grace.open(f"{site}/editors").json() == "Welcome"
