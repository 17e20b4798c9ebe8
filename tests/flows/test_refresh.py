"""Refresh tokens: they rotate, a retry gets a sibling, a copy ends the family."""

from typing import Any

import httpx
import pytest

from idp.crypto import digest
from idp.storage.models import User
from tests.support.identity import audit_names
from tests.support.provider import Browser, MakeProvider, RelyingParty, RunningProvider

GRACE = 10


async def active(app: RelyingParty, token: str) -> bool:
    return bool((await app.post("/introspect", {"token": token})).json()["active"])


async def refreshed(app: RelyingParty, token: str, **changes: str) -> dict[str, Any]:
    response = await app.refresh(token, **changes)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(app: RelyingParty, token: str, **changes: str) -> str:
    response = await app.refresh(token, **changes)
    assert response.status_code == 400, response.text
    return response.json()["error"]


async def test_each_use_rotates_the_token(relying_party: RelyingParty, browser: Browser) -> None:
    seen = [(await relying_party.tokens(browser))["refresh_token"]]
    for _ in range(3):
        seen.append((await refreshed(relying_party, seen[-1]))["refresh_token"])
    assert len(set(seen)) == 4


async def test_within_the_grace_window_the_same_token_gets_a_sibling(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    first = (await relying_party.tokens(browser))["refresh_token"]
    one = await refreshed(relying_party, first)
    provider.clock.advance(GRACE - 1)
    other = await refreshed(relying_party, first)
    assert one["refresh_token"] != other["refresh_token"]
    await refreshed(relying_party, one["refresh_token"])
    await refreshed(relying_party, other["refresh_token"])


async def test_after_the_grace_window_reuse_revokes_the_whole_family(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    first = (await relying_party.tokens(browser))["refresh_token"]
    one, sibling = await refreshed(relying_party, first), await refreshed(relying_party, first)
    provider.clock.advance(GRACE)
    assert await refused(relying_party, first) == "invalid_grant"
    for tokens in (one, sibling):
        assert await refused(relying_party, tokens["refresh_token"]) == "invalid_grant"
        assert not await active(relying_party, tokens["access_token"])


async def test_the_grace_window_counts_from_the_first_use(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    first = (await relying_party.tokens(browser))["refresh_token"]
    await refreshed(relying_party, first)
    provider.clock.advance(GRACE - 1)
    await refreshed(relying_party, first)
    provider.clock.advance(1)
    assert await refused(relying_party, first) == "invalid_grant"


async def test_without_a_grace_window_the_second_use_is_an_alarm(make_provider: MakeProvider) -> None:
    provider = await make_provider(tokens={"refresh_grace": 0})
    await provider.create_user()
    app = await provider.relying_party()
    first = (await app.tokens(await provider.browser()))["refresh_token"]
    second = (await refreshed(app, first))["refresh_token"]
    assert await refused(app, first) == "invalid_grant"
    assert await refused(app, second) == "invalid_grant"


async def test_an_authentication_that_ends_during_a_refresh_is_no_reuse(
    make_provider: MakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = await make_provider(tokens={"refresh_grace": 0})
    person = await provider.create_user()
    app, hot_path = await provider.relying_party(), provider.parts.core.hot_path
    first, rotate = (await app.tokens(await provider.browser()))["refresh_token"], hot_path.rotate

    async def end_and_rotate(*arguments: Any) -> bool:
        async with provider.database.unit_of_work() as uow:
            user = await uow.users.get(person.id)
            assert user is not None
            user.generation += 1
            await uow.users.save(user)
        return await rotate(*arguments)

    monkeypatch.setattr(hot_path, "rotate", end_and_rotate)
    assert await refused(app, first) == "invalid_grant"
    assert not [name for name in await audit_names(provider.database) if "reused" in name]


async def test_reuse_is_in_the_audit_trail_once(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    first = (await relying_party.tokens(browser))["refresh_token"]
    await refreshed(relying_party, first)
    provider.clock.advance(GRACE)
    for _ in range(3):
        await refused(relying_party, first)
    async with provider.database.reading() as uow:
        names = [event.name for event in await uow.audit.page(None, 100)]
    assert sum("reused" in name for name in names) == 1


async def test_the_scope_may_shrink_for_one_answer_and_is_whole_again_after(
    relying_party: RelyingParty, browser: Browser
) -> None:
    """RFC 6749 §6."""
    first = (await relying_party.tokens(browser))["refresh_token"]
    narrow = await refreshed(relying_party, first, scope="openid")
    assert narrow["scope"] == "openid"
    assert "email" not in (await relying_party.userinfo(narrow["access_token"])).json()
    assert (await refreshed(relying_party, narrow["refresh_token"]))["scope"] == "openid profile email"


@pytest.mark.parametrize("scope", ["openid address", "admin", "openid\tprofile", 'open"id', "ö"])
async def test_the_scope_cannot_grow(relying_party: RelyingParty, browser: Browser, scope: str) -> None:
    first = (await relying_party.tokens(browser))["refresh_token"]
    assert await refused(relying_party, first, scope=scope) == "invalid_scope"
    await refreshed(relying_party, first)  # and nothing is spent


async def test_an_app_may_repeat_the_scopes_that_it_first_asked_for(
    relying_party: RelyingParty, browser: Browser
) -> None:
    """Those that its client does not have were ignored then and are ignored now."""
    first = await relying_party.tokens(browser, scope="openid admin email")
    assert first["scope"] == "openid email"
    again = await refreshed(relying_party, first["refresh_token"], scope="openid admin email")
    assert again["scope"] == "openid email"


async def test_without_openid_in_the_request_there_is_no_id_token(
    relying_party: RelyingParty, browser: Browser
) -> None:
    first = (await relying_party.tokens(browser))["refresh_token"]
    assert "id_token" not in await refreshed(relying_party, first, scope="email")


async def test_a_token_of_another_client_is_unknown_and_stays_whole(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    thief = await provider.relying_party()
    first = (await relying_party.tokens(browser))["refresh_token"]
    assert await refused(thief, first) == await refused(thief, "made up") == "invalid_grant"
    await refreshed(relying_party, first)


async def test_a_public_client_can_refresh_and_only_its_own(
    provider: RunningProvider, public_app: RelyingParty, browser: Browser
) -> None:
    other = await provider.relying_party(public=True)
    first = (await public_app.tokens(browser))["refresh_token"]
    assert await refused(other, first) == "invalid_grant"
    await refreshed(public_app, first)


async def test_an_unused_token_expires(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    first = (await relying_party.tokens(browser))["refresh_token"]
    provider.clock.advance(provider.settings.tokens.refresh_token_ttl - 1)
    second = (await refreshed(relying_party, first))["refresh_token"]
    provider.clock.advance(provider.settings.tokens.refresh_token_ttl)
    assert await refused(relying_party, second) == "invalid_grant"


async def test_a_grant_ends_however_often_it_is_refreshed(make_provider: MakeProvider) -> None:
    provider = await make_provider(tokens={"refresh_token_ttl": 100, "grant_ttl": 250})
    await provider.create_user()
    app = await provider.relying_party()
    token = (await app.tokens(await provider.browser()))["refresh_token"]
    for _ in range(2):
        provider.clock.advance(99)
        token = (await refreshed(app, token))["refresh_token"]
    provider.clock.advance(52)
    assert await refused(app, token) == "invalid_grant"


async def test_a_disabled_account_refreshes_nothing(
    provider: RunningProvider, person: User, relying_party: RelyingParty, browser: Browser
) -> None:
    first = (await relying_party.tokens(browser))["refresh_token"]
    await provider.parts.accounts.disable(person.id)
    assert await refused(relying_party, first) == "invalid_grant"


async def test_a_client_that_lost_the_grant_type_refreshes_nothing(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    first = (await relying_party.tokens(browser))["refresh_token"]
    async with provider.database.unit_of_work() as uow:
        record = await uow.clients.get(relying_party.client_id)
        assert record is not None
        record.grant_types = ["authorization_code"]
        await uow.clients.save(record)
    provider.clock.advance(6)  # clients are believed for five seconds
    assert await refused(relying_party, first) == "unauthorized_client"


async def test_a_scope_taken_from_the_client_is_not_refreshed(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    """authentik CVE-2024-52287: scopes are checked at every grant."""
    first = (await relying_party.tokens(browser))["refresh_token"]
    async with provider.database.unit_of_work() as uow:
        record = await uow.clients.get(relying_party.client_id)
        assert record is not None
        record.scopes = ["openid", "profile"]
        await uow.clients.save(record)
    provider.clock.advance(6)
    assert (await refreshed(relying_party, first))["scope"] == "openid profile"


async def test_a_refresh_does_not_change_when_and_how_the_person_signed_in(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    """OIDC Core §12.2."""
    tokens = await relying_party.tokens(browser)
    before = await relying_party.id_claims(tokens)
    provider.clock.advance(500)
    after = await relying_party.verify((await refreshed(relying_party, tokens["refresh_token"]))["id_token"])
    same = ("iss", "sub", "aud", "auth_time", "acr", "amr", "sid")
    assert {name: before[name] for name in same} == {name: after[name] for name in same}
    assert after["iat"] == before["iat"] + 500
    assert "nonce" not in after


@pytest.mark.parametrize(("scope", "survives"), [("openid", False), ("openid offline_access", True)])
async def test_sign_out_ends_grants_without_offline_access(
    relying_party: RelyingParty, browser: Browser, scope: str, survives: bool
) -> None:
    """OIDC Core §11."""
    tokens = await relying_party.tokens(browser, scope=scope, prompt="consent")
    await browser.get(f"/end_session?id_token_hint={tokens['id_token']}")
    assert await active(relying_party, tokens["access_token"]) is survives
    assert (await relying_party.refresh(tokens["refresh_token"])).is_success is survives


async def test_a_malformed_token_is_an_invalid_grant(relying_party: RelyingParty) -> None:
    for token in ("x", "x" * 9000, "\x00", "ä", "a.b.c"):
        assert await refused(relying_party, token) == "invalid_grant"


async def test_a_client_that_gets_no_refresh_token_is_not_told_that_it_has_offline_access(
    provider: RunningProvider, browser: Browser, person: User
) -> None:
    """OIDC Core §11."""
    app = await provider.relying_party(grant_types=("authorization_code",))
    tokens = await app.tokens(browser, scope="openid offline_access")
    assert tokens["scope"] == "openid"
    assert "refresh_token" not in tokens


async def refreshed_from(
    app: RelyingParty, token: str, address: str = "198.51.100.7", agent: str = "App/1"
) -> httpx.Response:
    """Redeem a refresh token of a public app from a network address, with a user agent."""
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": app.client_id}
    async with app.provider.client(address) as client:
        return await client.post(app.provider.url("/token"), data=form, headers={"user-agent": agent})


@pytest.mark.parametrize(
    ("address", "agent", "is_taken"),
    [
        ("198.51.100.7", "App/1", True),
        ("198.51.100.200", "App/1", True),  # behind the same address translation
        ("2001:db8:1:2::7", "App/1", True),  # two connections at once may take IPv4 and IPv6
        ("203.0.113.9", "App/1", False),
        ("198.51.100.7", "curl/8", False),
    ],
)
async def test_within_the_window_a_public_apps_token_is_a_retry_only_from_where_it_was_used_first(
    public_app: RelyingParty, browser: Browser, address: str, agent: str, is_taken: bool
) -> None:
    """A thief who uses a copy within the window is found: one of the two is elsewhere."""
    first = (await public_app.tokens(browser))["refresh_token"]
    one = (await refreshed_from(public_app, first)).json()["refresh_token"]
    assert (await refreshed_from(public_app, first, address, agent)).is_success == is_taken
    assert (await refreshed_from(public_app, one)).is_success == is_taken


async def test_only_for_a_public_app_it_is_kept_from_where_its_token_was_used(
    provider: RunningProvider, relying_party: RelyingParty, public_app: RelyingParty, browser: Browser
) -> None:
    for app in (relying_party, public_app):
        token = (await app.tokens(browser))["refresh_token"]
        await refreshed(app, token)
        async with provider.database.reading() as uow:
            found = await uow.refresh_tokens.find(digest(token))
        assert found is not None
        assert (found.token.used_from is not None) is (app is public_app)


async def test_a_client_with_a_secret_may_retry_from_another_of_its_machines(
    relying_party: RelyingParty, browser: Browser
) -> None:
    """A copy of its token is of no use without the secret."""
    first = (await relying_party.tokens(browser))["refresh_token"]
    for address in ("198.51.100.7", "203.0.113.9"):
        async with relying_party.provider.client(address) as client:
            response = await client.post(
                relying_party.provider.url("/token"),
                data={"grant_type": "refresh_token", "refresh_token": first},
                auth=(relying_party.client_id, relying_party.client.secret or ""),
            )
        assert response.is_success
