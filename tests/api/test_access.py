"""Who may do what with whose account."""

from typing import Any

import pytest

from idp.crypto import digest
from tests.support.api import Api, code_of, fields_of
from tests.support.provider import EMAIL, PASSWORD, Browser, RelyingParty, RunningProvider

PRIVATE = (
    ("GET", "/users/me"),
    ("PUT", "/users/me"),
    ("DELETE", "/users/me"),
    ("POST", "/users/me/password"),
    ("POST", "/users/change-password"),
    ("POST", "/users/me/email"),
    ("POST", "/users/me/email/confirm"),
    ("GET", "/users/me/sessions"),
    ("DELETE", "/users/me/sessions/x"),
    ("GET", "/users/me/apps"),
    ("DELETE", "/users/me/apps/x"),
    ("GET", "/users/me/data"),
)


@pytest.mark.parametrize(("method", "path"), PRIVATE)
async def test_nothing_about_a_person_is_done_without_a_good_token(api: Api, method: str, path: str) -> None:
    missing = await api.ask(method, path)
    assert code_of(missing) == (401, "authentication_required")
    assert missing.headers["www-authenticate"] == 'Bearer realm="api"'
    for bad in ("nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.e30."):
        api.tokens = {"access_token": bad}
        refused = await api.ask(method, path)
        assert code_of(refused) == (401, "invalid_token")
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def test_a_token_without_the_scope_account_is_refused(
    api: Api, relying_party: RelyingParty, browser: Browser
) -> None:
    api.tokens = await relying_party.tokens(browser)
    refused = await api.get("/users/me")
    assert code_of(refused) == (403, "insufficient_scope")
    assert 'scope="account"' in refused.headers["www-authenticate"]


async def test_a_token_for_another_resource_server_is_refused(
    api: Api, provider: RunningProvider, browser: Browser, person: object
) -> None:
    app = await provider.relying_party(scopes=("openid", "account"), audiences=("https://other.example",))
    api.tokens = await app.tokens(browser, scope="openid account")
    assert code_of(await api.get("/users/me")) == (401, "invalid_token")


async def test_a_client_cannot_get_the_scope_account_for_itself(provider: RunningProvider) -> None:
    app = await provider.relying_party(
        grant_types=("client_credentials",), redirect_uris=(), scopes=("account", "reports")
    )
    asked = await app.post("/token", {"grant_type": "client_credentials", "scope": "account"})
    assert asked.json()["error"] == "invalid_scope"
    api = Api(provider)
    api.tokens = (await app.post("/token", {"grant_type": "client_credentials"})).json()
    assert code_of(await api.get("/users/me")) == (403, "insufficient_scope")


async def test_a_token_is_dead_as_soon_as_it_its_grant_or_its_person_is(
    alice: Api, provider: RunningProvider, person: Any
) -> None:
    form = {"token": alice.tokens["access_token"], "client_id": "idp-api"}
    assert (await provider.http("POST", "/revoke", data=form)).status_code == 200
    assert code_of(await alice.get("/users/me")) == (401, "invalid_token")
    await alice.log_in()
    assert (await alice.post("/auth/logout")).status_code == 204
    assert code_of(await alice.get("/users/me")) == (401, "invalid_token")
    assert code_of(await alice.post("/auth/refresh", {"refresh_token": alice.tokens["refresh_token"]})) == (
        401,
        "invalid_grant",
    )
    await alice.log_in()
    await provider.parts.accounts.disable(person.id)
    assert code_of(await alice.get("/users/me")) == (401, "invalid_token")


async def test_a_refresh_token_used_again_after_the_grace_ends_the_family(alice: Api) -> None:
    first = alice.tokens["refresh_token"]
    alice.tokens = (await alice.post("/auth/refresh", {"refresh_token": first})).json()
    alice.provider.clock.advance(alice.provider.settings.tokens.refresh_grace)
    assert code_of(await alice.post("/auth/refresh", {"refresh_token": first})) == (401, "invalid_grant")
    assert code_of(await alice.get("/users/me")) == (401, "invalid_token")
    newest = {"refresh_token": alice.tokens["refresh_token"]}
    assert code_of(await alice.post("/auth/refresh", newest)) == (401, "invalid_grant")


@pytest.mark.parametrize(
    "field",
    [
        *("id", "sub", "email", "email_verified", "tier", "roles", "password", "password_hash"),
        *(
            "phone_number_verified",
            "disabled_at",
            "disabled_by_operator_at",
            "delete_at",
            "verification_due",
            "profile.tier",
            "is_admin",
        ),
    ],
)
async def test_a_field_that_is_not_the_persons_to_set_is_refused_by_name(alice: Api, field: str) -> None:
    before = (await alice.get("/users/me")).json()
    assert fields_of(await alice.put("/users/me", {field: "admin", "nickname": "x"})) == [field]
    assert (await alice.get("/users/me")).json() == before


@pytest.mark.parametrize("field", ["tier", "roles", "email_verified", "verification_due", "id"])
async def test_nobody_registers_with_more_than_they_may_say(api: Api, field: str) -> None:
    body = {"email": "new@example.com", "password": PASSWORD, field: True}
    assert fields_of(await api.post("/auth/register", body)) == [field]


async def test_sessions_are_listed_in_pages_and_ended(alice: Api, provider: RunningProvider) -> None:
    for number in range(3):
        provider.clock.advance(1)
        await (await provider.browser(f"198.51.100.{number}")).log_in()
    first = (await alice.get("/users/me/sessions", params={"limit": 2})).json()
    assert [item["address"] for item in first["items"]] == ["198.51.100.2", "198.51.100.1"]
    rest = (await alice.get("/users/me/sessions", params={"cursor": first["next_cursor"]})).json()
    assert ([item["address"] for item in rest["items"]], rest["next_cursor"]) == (["198.51.100.0"], None)
    ended = f"/users/me/sessions/{rest['items'][0]['id']}"
    assert (await alice.delete(ended)).status_code == 204
    assert code_of(await alice.delete(ended)) == (404, "not_found")
    assert len((await alice.get("/users/me/sessions")).json()["items"]) == 2


async def test_the_session_that_a_token_comes_from_is_marked_and_ends_with_it(
    provider: RunningProvider, browser: Browser, person: object
) -> None:
    app = await provider.relying_party(scopes=("openid", "account"))
    api = Api(provider)
    api.tokens = await app.tokens(browser, scope="openid account")
    items = (await api.get("/users/me/sessions")).json()["items"]
    assert [item["current"] for item in items] == [True]
    assert (await api.delete(f"/users/me/sessions/{items[0]['id']}")).status_code == 204
    assert code_of(await api.get("/users/me")) == (401, "invalid_token")


async def test_nobody_sees_or_ends_what_is_another_persons(
    alice: Api, mallory: Api, browser: Browser, relying_party: RelyingParty
) -> None:
    tokens = await relying_party.tokens(browser)
    session = (await alice.get("/users/me/sessions")).json()["items"][0]["id"]
    assert (await mallory.get("/users/me/sessions")).json()["items"] == []
    assert code_of(await mallory.delete(f"/users/me/sessions/{session}")) == (404, "not_found")
    app = f"/users/me/apps/{relying_party.client_id}"
    assert code_of(await mallory.delete(app)) == (404, "not_found")
    assert [i["client_id"] for i in (await mallory.get("/users/me/apps")).json()["items"]] == ["idp-api"]
    assert len((await alice.get("/users/me/sessions")).json()["items"]) == 1
    assert (await relying_party.userinfo(tokens["access_token"])).status_code == 200


async def test_apps_are_listed_in_pages_and_lose_their_tokens(
    alice: Api, browser: Browser, relying_party: RelyingParty
) -> None:
    tokens = await relying_party.tokens(browser)
    first = (await alice.get("/users/me/apps", params={"limit": 1})).json()
    assert first["items"][0]["name"] == "Example app"
    assert first["items"][0]["scopes"] == ["email", "openid", "profile"]
    rest = (await alice.get("/users/me/apps", params={"cursor": first["next_cursor"]})).json()
    assert [item["client_id"] for item in rest["items"]] == ["idp-api"]
    assert (await alice.delete(f"/users/me/apps/{relying_party.client_id}")).status_code == 204
    assert (await relying_party.userinfo(tokens["access_token"])).status_code == 401


@pytest.mark.parametrize("cursor", ["%%%", "e30", "WzFd", "W1sxXSwgImEiXQ", "WyJhIiwgMV0", "WyJhIiwgImIiXQ"])
async def test_a_cursor_of_nobodys_making_is_refused(alice: Api, browser: Browser, cursor: str) -> None:
    await browser.log_in()
    assert fields_of(await alice.get("/users/me/sessions", params={"cursor": cursor})) == ["cursor"]


async def test_only_first_party_clients_with_the_grant_take_passwords(
    api: Api, provider: RunningProvider, person: object
) -> None:
    third = await provider.create_client(grant_types=("password",), public=True)
    no_grant = await provider.create_client(first_party=True, public=True)
    credentials = {"email": EMAIL, "password": PASSWORD}
    for client_id in (third.client_id, no_grant.client_id, "unknown", "\x00", "ü"):
        refused = await api.post("/auth/login", {**credentials, "client_id": client_id})
        assert code_of(refused) == (403, "client_not_allowed")
    # An operator who wants none of it disables the client, and it stays so.
    async with provider.database.unit_of_work() as uow:
        record = await uow.clients.get("idp-api")
        assert record is not None
        record.disabled_at = provider.clock.now()
        await uow.clients.save(record)
    provider.clock.advance(60)
    assert code_of(await api.post("/auth/login", credentials)) == (403, "client_not_allowed")


async def test_a_confidential_first_party_client_shows_its_secret(
    api: Api, provider: RunningProvider, person: object
) -> None:
    client = await provider.create_client(
        first_party=True, grant_types=("password", "refresh_token"), redirect_uris=()
    )
    credentials = {"email": EMAIL, "password": PASSWORD, "client_id": client.client_id}
    assert code_of(await api.post("/auth/login", credentials)) == (401, "invalid_client")
    wrong = {**credentials, "client_secret": "wrong"}
    assert code_of(await api.post("/auth/login", wrong)) == (401, "invalid_client")
    right = await api.post("/auth/login", {**credentials, "client_secret": client.secret})
    assert right.status_code == 200
    stolen = await api.post("/auth/refresh", {"refresh_token": right.json()["refresh_token"]})
    assert code_of(stolen) == (401, "invalid_grant")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "POST",
            "/users/me/password",
            {"current_password": PASSWORD, "new_password": "a password of the app"},
        ),
        ("POST", "/users/me/email", {"current_password": PASSWORD, "email": "app@evil.example"}),
        ("POST", "/users/me/email/confirm", {"code": "123456"}),
        ("DELETE", "/users/me", {"current_password": PASSWORD}),
    ],
)
async def test_an_app_of_others_never_changes_what_the_user_signs_in_with(
    provider: RunningProvider, browser: Browser, person: Any, method: str, path: str, body: dict[str, str]
) -> None:
    app = await provider.relying_party(scopes=("openid", "account"))
    api = Api(provider)
    api.tokens = await app.tokens(browser, scope="openid account")
    assert (await api.get("/users/me")).status_code == 200
    assert code_of(await api.ask(method, path, body)) == (403, "client_not_allowed")
    assert await provider.parts.login.authenticate(EMAIL, PASSWORD, "127.0.0.1") is not None


async def test_an_account_without_password_is_deleted_only_after_a_recent_sign_in(
    provider: RunningProvider, browser: Browser, person: Any
) -> None:
    app = await provider.relying_party(first_party=True, scopes=("openid", "account"))
    api = Api(provider)
    api.tokens = await app.tokens(browser, scope="openid account")
    async with provider.database.unit_of_work() as uow:  # as with somebody who comes from elsewhere
        user = await uow.users.get(person.id)
        assert user is not None
        user.password_hash = None
        await uow.users.save(user)
    provider.clock.advance(provider.settings.accounts.recent_sign_in - 1)
    body = {"new_password": "a first password of mine"}
    provider.clock.advance(2)
    assert code_of(await api.post("/users/me/password", body)) == (401, "reauthentication_required")
    assert code_of(await api.delete("/users/me")) == (401, "reauthentication_required")


async def test_tier_is_told_under_its_scope_only(
    provider: RunningProvider, browser: Browser, person: Any
) -> None:
    app = await provider.relying_party(scopes=("openid", "profile", "tier"))
    without = await app.tokens(browser, scope="openid profile")
    assert "tier" not in (await app.userinfo(without["access_token"])).json()
    told = await app.tokens(browser, scope="openid tier")
    assert (await app.userinfo(told["access_token"])).json()["tier"] == "free"
    assert (await app.verify(told["access_token"], audience=provider.issuer))["tier"] == "free"
    assert "tier" not in await app.verify(without["access_token"], audience=provider.issuer)


async def test_what_is_kept_of_tokens_is_not_what_was_sent(alice: Api) -> None:
    async with alice.provider.database.reading() as uow:
        assert await uow.refresh_tokens.find(digest(alice.tokens["refresh_token"])) is not None
        assert await uow.refresh_tokens.find(alice.tokens["refresh_token"]) is None
