"""Revocation: giving a token back, whatever it was (RFC 7009)."""

import pytest

from tests.support.provider import Browser, RelyingParty, RunningProvider


async def active(app: RelyingParty, token: str) -> bool:
    return bool((await app.post("/introspect", {"token": token})).json()["active"])


async def revoke(app: RelyingParty, token: str, **more: str) -> int:
    return (await app.post("/revoke", {"token": token, **more})).status_code


async def test_a_refresh_token_takes_everything_of_its_grant_with_it(
    relying_party: RelyingParty, browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser)
    newer = (await relying_party.refresh(tokens["refresh_token"])).json()
    response = await relying_party.post("/revoke", {"token": newer["refresh_token"]})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["cache-control"] == "no-store"
    for token in (tokens["access_token"], newer["access_token"], newer["refresh_token"]):
        assert not await active(relying_party, token)
    assert (await relying_party.refresh(newer["refresh_token"])).json()["error"] == "invalid_grant"


async def test_an_access_token_ends_alone(relying_party: RelyingParty, browser: Browser) -> None:
    tokens = await relying_party.tokens(browser)
    assert await revoke(relying_party, tokens["access_token"]) == 200
    assert not await active(relying_party, tokens["access_token"])
    assert (await relying_party.userinfo(tokens["access_token"])).status_code == 401
    assert (await relying_party.refresh(tokens["refresh_token"])).is_success


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_a_wrong_hint_does_no_harm(
    relying_party: RelyingParty, browser: Browser, name: str, hint: str
) -> None:
    tokens = await relying_party.tokens(browser)
    assert await revoke(relying_party, tokens[name], token_type_hint=hint) == 200
    assert not await active(relying_party, tokens[name])


async def test_twice_and_an_unknown_token_are_no_errors(
    relying_party: RelyingParty, browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser)
    for token in (tokens["access_token"], tokens["refresh_token"]) * 2:
        assert await revoke(relying_party, token) == 200
    for token in ("unknown", "a.b.c", "\x00", tokens["id_token"]):
        assert await revoke(relying_party, token) == 200


async def test_a_token_of_another_client_is_refused_and_stays(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    other = await provider.relying_party()
    tokens = await relying_party.tokens(browser)
    for name in ("access_token", "refresh_token"):
        assert await revoke(other, tokens[name]) == 400
        assert await active(relying_party, tokens[name])


async def test_a_public_client_may_give_its_tokens_back(public_app: RelyingParty, browser: Browser) -> None:
    tokens = await public_app.tokens(browser)
    assert await revoke(public_app, tokens["refresh_token"]) == 200
    assert (await public_app.refresh(tokens["refresh_token"])).status_code == 400


async def test_a_confidential_client_must_prove_itself(relying_party: RelyingParty, browser: Browser) -> None:
    tokens = await relying_party.tokens(browser)
    form = {"token": tokens["refresh_token"], "client_id": relying_party.client_id}
    response = await relying_party.provider.http("POST", "/revoke", data=form)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert await active(relying_party, tokens["refresh_token"])


async def test_a_token_is_needed(relying_party: RelyingParty) -> None:
    assert (await relying_party.post("/revoke", {})).json()["error"] == "invalid_request"
