"""Python Social Auth in a Django server of its own: it maps the claim `groups` to the groups of the project."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.person import Person
from tests.support.running import Account, ServedProvider
from tests.support.servers import free_port

SERVER = Path(__file__).with_name("social_auth_app.py")


@pytest.fixture
def site(running_provider: ServedProvider, application: Callable[..., None]) -> str:
    """The URL of a Django project that is registered as the catalogue says."""
    port = free_port()
    base_url = f"http://localhost:{port}"
    client = running_provider.create_client("Django", "--for", "social-auth", "--url", base_url)
    given = {"issuer": running_provider.issuer, "port": port} | client
    application([sys.executable, SERVER, json.dumps(given)], ready=f"http://127.0.0.1:{port}/")
    return base_url


def sign_in(site: str, account: Account) -> httpx.Response:
    """Sign in with a new browser and return the page that the project shows."""
    with Person(account) as person:
        return person.press(person.open(f"{site}/"), "/login/oidc/")


def test_a_role_is_a_group_of_the_project_for_as_long_as_the_user_has_it(
    site: str, running_provider: ServedProvider
) -> None:
    editor = running_provider.create_user("mary@example.com", "Mary Somerville")
    running_provider.cli("user", "roles", editor.email, "--add", "editors")
    known = {"sub": editor.id, "email": editor.email, "full_name": editor.name}
    assert sign_in(site, editor).json() == known | {"groups": ["Editors"]}
    running_provider.cli("user", "roles", editor.email, "--remove", "editors")
    assert sign_in(site, editor).json() == known | {"groups": []}
