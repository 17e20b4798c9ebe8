"""The apps in examples/, run as a reader would run them."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.support.person import Person
from tests.support.running import Account, ServedProvider
from tests.support.servers import free_port

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def site() -> str:
    """Where the example will be."""
    return f"http://localhost:{free_port()}"


def credentials(client: dict[str, Any]) -> dict[str, str]:
    return {"CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"]}


def register(provider: ServedProvider, site: str) -> dict[str, Any]:
    """Register as the comment at the top of the web apps says."""
    return provider.create_client(
        "Example", "--redirect-uri", f"{site}/callback", "--post-logout-redirect-uri", f"{site}/"
    )


def port_of(site: str) -> str:
    return site.rpartition(":")[2]


def install(example: Path, node: Path, directory: Path) -> Path:
    """Copy an example for Node.js and give it the packages that `npm install` would."""
    copy = Path(shutil.copytree(example, directory / example.name))
    (copy / "node_modules").symlink_to(node / "node_modules")
    return copy


def assert_signs_in_and_out(site: str, person: Person) -> None:
    home = person.open(f"{site}/login")
    assert str(home.url) == f"{site}/"
    assert f"Hello, {person.account.name}." in home.text
    goodbye = person.press(home, "/logout")
    assert goodbye.url.copy_with(query=None) == f"{site}/"  # some send a state along
    assert "Sign in" in goodbye.text
    person.asked.clear()
    person.open(f"{site}/login")
    assert person.asked == ["login"], "the provider's session had ended too"


def test_the_starlette_app_signs_in_and_out(
    running_provider: ServedProvider, application: Callable[..., None], person: Person, site: str
) -> None:
    client = register(running_provider, site)
    application(
        [sys.executable, "-m", "uvicorn", "starlette_app:app", "--port", port_of(site)],
        ready=f"http://127.0.0.1:{port_of(site)}/",
        cwd=EXAMPLES,
        ISSUER=running_provider.issuer,
        BASE_URL=site,
        **credentials(client),
    )
    assert_signs_in_and_out(site, person)


def test_the_node_app_signs_in_and_out(
    node: Path,
    running_provider: ServedProvider,
    application: Callable[..., None],
    person: Person,
    site: str,
    tmp_path: Path,
) -> None:
    client = register(running_provider, site)
    application(
        ["node", "app.mjs"],
        ready=f"{site}/",
        cwd=install(EXAMPLES / "node_app", node, tmp_path),
        ISSUER=running_provider.issuer,
        BASE_URL=site,
        **credentials(client),
    )
    assert_signs_in_and_out(site, person)


async def test_the_browser_app_signs_in_refreshes_and_signs_out(
    node: Path,
    running_provider: ServedProvider,
    application: Callable[..., None],
    ada: Account,
    page: Page,
    site: str,
    tmp_path: Path,
) -> None:
    client = running_provider.create_client(
        "Example", "--public", "--redirect-uri", f"{site}/", "--post-logout-redirect-uri", f"{site}/"
    )
    application(
        [sys.executable, "-m", "http.server", port_of(site), "--bind", "127.0.0.1"],
        ready=f"http://127.0.0.1:{port_of(site)}/",
        cwd=install(EXAMPLES / "spa", node, tmp_path),
    )
    await page.goto(f"{site}/?client_id={client['client_id']}&issuer={running_provider.issuer}")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Email").fill(ada.email)
    await page.get_by_label("Password").fill(ada.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Allow").click()
    await expect(page.get_by_text(f"Hello, {ada.name}.")).to_be_visible()
    async with page.expect_response(f"{running_provider.issuer}/token") as refreshed:
        await page.get_by_role("button", name="Refresh tokens").click()
    assert (await refreshed.value).status == 200
    await expect(page.get_by_text(f"Hello, {ada.name}.")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("You are not signed in.")).to_be_visible()
    assert page.url.startswith(site)


def test_the_resource_server_lets_in_who_has_a_token_for_it(
    running_provider: ServedProvider, application: Callable[..., None], site: str
) -> None:
    client = running_provider.create_client(
        "Job", "--grant", "client_credentials", "--scope", "reports", "--audience", "https://api.example.com"
    )
    application(
        [sys.executable, "-m", "uvicorn", "resource_server:app", "--port", port_of(site)],
        ready=f"http://127.0.0.1:{port_of(site)}/",
        cwd=EXAMPLES,
        ISSUER=running_provider.issuer,
        AUDIENCE="https://api.example.com",
    )
    with httpx.Client(base_url=site, trust_env=False) as api:
        assert api.get("/").status_code == 401
        form = {"grant_type": "client_credentials", "scope": "reports"}
        auth = (client["client_id"], client["client_secret"])
        token = api.post(f"{running_provider.issuer}/token", data=form, auth=auth).json()["access_token"]
        answer = api.get("/", headers={"Authorization": f"Bearer {token}"})
        assert answer.json() == {"hello": client["client_id"], "scope": "reports"}
        garbled = api.get("/", headers={"Authorization": f"Bearer {token[:-6]}AAAAAA"})
        assert garbled.status_code == 401


def test_the_resource_server_asks_for_two_factors_where_it_matters(
    running_provider: ServedProvider, application: Callable[..., None], site: str
) -> None:
    """RFC 9470 §3."""
    client = running_provider.create_client(
        "Job", "--grant", "client_credentials", "--scope", "reports", "--audience", "https://api.example.com"
    )
    application(
        [sys.executable, "-m", "uvicorn", "resource_server:app", "--port", port_of(site)],
        ready=f"http://127.0.0.1:{port_of(site)}/",
        cwd=EXAMPLES,
        ISSUER=running_provider.issuer,
        AUDIENCE="https://api.example.com",
    )
    with httpx.Client(base_url=site, trust_env=False) as api:
        form = {"grant_type": "client_credentials", "scope": "reports"}
        auth = (client["client_id"], client["client_secret"])
        token = api.post(f"{running_provider.issuer}/token", data=form, auth=auth).json()["access_token"]
        answer = api.get("/transfer", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert (
        'error="insufficient_user_authentication", acr_values="urn:idp:acr:mfa", max_age="300"' in challenge
    )
