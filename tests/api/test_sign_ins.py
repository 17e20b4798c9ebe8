"""Sign-ins by the API and the password grant, as the operator sees them."""

import pytest

from tests.support.api import Api
from tests.support.identity import audit_events
from tests.support.provider import EMAIL, PASSWORD, Browser, RunningProvider

CREDENTIALS = {"email": EMAIL, "password": PASSWORD}


@pytest.mark.parametrize("path", ["/auth/login", "/auth/access-token"])
async def test_a_sign_in_is_in_the_audit_trail_with_its_address(provider: RunningProvider, path: str) -> None:
    person = await provider.create_user()
    api = Api(provider, "192.0.2.77")
    if path == "/auth/login":
        assert (await api.post(path, CREDENTIALS)).status_code == 200
    else:
        form = {"username": EMAIL, "password": PASSWORD}
        assert (await api.ask("POST", path, data=form)).status_code == 200
    [event] = [each for each in await audit_events(provider.database) if each.name == "grant.signed_in"]
    assert (event.user_id, event.client_id, event.address) == (person.id, "idp-api", "192.0.2.77")
    assert event.detail["amr"] == ["pwd"]


async def test_sign_ins_in_apps_are_listed_told_apart_and_ended_one_by_one(provider: RunningProvider) -> None:
    await provider.create_user()
    phone, tablet = Api(provider, "192.0.2.1"), Api(provider, "198.51.100.2")
    for api, agent in ((phone, "Phone/1"), (tablet, "Tablet/2")):
        answer = await api.post("/auth/login", CREDENTIALS, headers={"User-Agent": agent})
        api.tokens = answer.json()
        provider.clock.advance(10)
    refreshed = await tablet.post("/auth/refresh", {"refresh_token": tablet.tokens["refresh_token"]})
    tablet.tokens = refreshed.json()
    items = (await phone.get("/users/me/sign-ins")).json()["items"]
    seen = [(item["user_agent"], item["address"], item["current"], item["client_id"]) for item in items]
    assert seen == [
        ("Tablet/2", "198.51.100.2", False, "idp-api"),
        ("Phone/1", "192.0.2.1", True, "idp-api"),
    ]
    assert [item["last_used_at"] - item["created_at"] for item in items] == [10, 0]
    assert (await phone.delete(f"/users/me/sign-ins/{items[0]['id']}")).status_code == 204
    assert (await tablet.get("/users/me")).status_code == 401
    assert (await phone.get("/users/me")).status_code == 200
    assert [item["current"] for item in (await phone.get("/users/me/sign-ins")).json()["items"]] == [True]
    assert (await phone.delete(f"/users/me/sign-ins/{items[0]['id']}")).status_code == 404


async def test_all_other_sign_ins_are_ended_at_once_and_nobody_ends_another_persons(
    provider: RunningProvider,
) -> None:
    await provider.create_user()
    await provider.create_user("bob@example.com")
    here, there, bob = Api(provider), Api(provider), Api(provider)
    for api in (here, there):
        await api.log_in()
    await bob.log_in("bob@example.com")
    [theirs] = (await bob.get("/users/me/sign-ins")).json()["items"]
    assert (await here.delete(f"/users/me/sign-ins/{theirs['id']}")).status_code == 404
    assert (await here.delete("/users/me/sign-ins")).status_code == 204
    assert (await there.get("/users/me")).status_code == 401
    assert [(await api.get("/users/me")).status_code for api in (here, bob)] == [200, 200]


async def test_a_grant_of_a_browser_is_no_sign_in_of_an_app(
    provider: RunningProvider, browser: Browser
) -> None:
    await provider.create_user()
    app = await provider.relying_party(scopes=("openid", "account"))
    api = Api(provider)
    api.tokens = await app.tokens(browser, scope="openid account")
    assert (await api.get("/users/me/sign-ins")).json()["items"] == []


async def test_the_page_of_sessions_lists_sign_ins_in_apps_and_ends_them(
    provider: RunningProvider, browser: Browser
) -> None:
    await provider.create_user()
    api = await Api(provider, "192.0.2.77").log_in()
    await browser.log_in()
    page = await browser.get("/account/sessions")
    assert "First-party API" in page.text
    assert "192.0.2.77" in page.text
    page = await browser.submit(page, decision="end_sign_in")
    assert "First-party API" not in page.text
    assert (await api.get("/users/me")).status_code == 401
