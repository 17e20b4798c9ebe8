"""The password grant: for clients that are registered with it, under the throttle of the sign-in page."""

from typing import Any

import httpx
import pytest

from idp.storage.models import User
from tests.support.provider import EMAIL, PASSWORD, Browser, RelyingParty, RunningProvider, the_form


@pytest.fixture
async def old_app(provider: RunningProvider, person: User) -> RelyingParty:
    """An app from before redirects that is registered with the grant."""
    return await provider.relying_party(grant_types=("password", "refresh_token"), redirect_uris=())


async def ask(
    app: RelyingParty, username: str = EMAIL, password: str = PASSWORD, **more: str
) -> httpx.Response:
    return await app.post(
        "/token", {"grant_type": "password", "username": username, "password": password, **more}
    )


async def test_it_is_off_unless_a_client_has_it_by_name(relying_party: RelyingParty) -> None:
    response = await ask(relying_party)
    assert (response.status_code, response.json()["error"]) == (400, "unauthorized_client")


async def test_a_password_gets_tokens_that_say_how(old_app: RelyingParty, person: User) -> None:
    body = (await ask(old_app, scope="openid email offline_access")).json()
    claims = await old_app.verify(body["id_token"])
    assert (claims["sub"], claims["amr"]) == (person.id, ["pwd"])
    assert "sid" not in claims
    assert (await old_app.userinfo(body["access_token"])).json()["email"] == EMAIL
    assert (await old_app.refresh(body["refresh_token"])).is_success


async def test_without_the_refresh_grant_there_is_no_offline_access(
    provider: RunningProvider, person: User
) -> None:
    """OIDC Core §11."""
    app = await provider.relying_party(grant_types=("password",))
    body = (await ask(app, scope="openid offline_access")).json()
    assert body["scope"] == "openid"
    assert "refresh_token" not in body


async def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(old_app: RelyingParty) -> None:
    answers = [
        await ask(old_app, password="wrong"),
        await ask(old_app, username="nobody@example.com"),
        await ask(old_app, username="not an address"),
        await ask(old_app, username="\x00"),
    ]
    assert {answer.status_code for answer in answers} == {400}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].json()["error"] == "invalid_grant"


async def test_a_disabled_person_gets_the_answer_of_an_unknown_one(
    provider: RunningProvider, old_app: RelyingParty, person: User
) -> None:
    unknown = await ask(old_app, username="nobody@example.com")
    await provider.parts.accounts.disable(person.id)
    assert (await ask(old_app)).text == unknown.text


@pytest.mark.parametrize("missing", ["username", "password"])
async def test_both_halves_are_needed(old_app: RelyingParty, missing: str) -> None:
    values: dict[str, Any] = {"username": EMAIL, "password": PASSWORD, missing: ""}
    assert (await ask(old_app, **values)).json()["error"] == "invalid_request"


async def test_a_scope_that_is_not_the_clients_is_refused_before_the_password_is_tried(
    old_app: RelyingParty,
) -> None:
    assert (await ask(old_app, password="wrong", scope="admin")).json()["error"] == "invalid_scope"


async def test_guessing_is_slowed_down(provider: RunningProvider, old_app: RelyingParty) -> None:
    statuses = [(await ask(old_app, password=f"guess {n}")).status_code for n in range(12)]
    assert statuses[0] == 400
    slowed = await ask(old_app, password="guess")
    assert slowed.status_code == statuses[-1] == 429
    assert slowed.json()["error"] == "temporarily_unavailable"
    wait = int(slowed.headers["retry-after"])
    assert (await ask(old_app)).status_code == 429  # the right one too, or the wait would tell
    provider.clock.advance(wait)
    assert (await ask(old_app)).status_code == 200  # nobody is locked out


async def test_the_throttle_is_that_of_the_page(
    provider: RunningProvider, old_app: RelyingParty, browser: Browser
) -> None:
    """Keycloak CVE-2026-9798: not round the throttle through another channel, in either direction."""
    for number in range(6):
        await ask(old_app, password=f"guess {number}")
    page = await browser.log_in(EMAIL, PASSWORD)
    assert page.status_code == 429
    assert int(page.headers["retry-after"]) >= 1


async def test_guesses_at_the_page_count_for_the_grant(old_app: RelyingParty, browser: Browser) -> None:
    page = await browser.get("/login")
    for number in range(6):
        page = await browser.submit(page, email=EMAIL, password=f"guess {number}")
        page = page if "password" in the_form(page).fields else await browser.get("/login")
    assert (await ask(old_app)).status_code == 429


async def test_a_password_is_the_same_in_every_unicode_form(
    provider: RunningProvider, old_app: RelyingParty
) -> None:
    """RFC 8265 §4.2.2 wants NFC, NIST SP 800-63B NFKC or NFKD; what matters is that keyboards differ."""
    await provider.create_user("bjoern@example.com", "Bj\u00f6rns Gro\u00dfe \ufb01sche")
    response = await ask(old_app, "bjoern@example.com", "Bjo\u0308rns Gro\u00dfe fische")
    assert response.status_code == 200
