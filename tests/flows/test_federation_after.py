"""What follows from a sign-in elsewhere: factors, freshness, tokens, signing out."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.responses import JSONResponse

from tests.flows.test_federation_linking import connections_page, press
from tests.support.provider import RelyingParty, RunningProvider, callback_of
from tests.support.upstreams import (
    UPSTREAMS,
    MakeFederated,
    SignInElsewhere,
    Upstreams,
    link_to,
    path_of,
)

CORP = {
    "type": "oidc",
    "issuer": f"{UPSTREAMS}/upstreams/google",
    "client_id": "idp-dev",
    "client_secret": "idp-dev-secret",
}


async def with_corp(make_federated: MakeFederated, **settings: Any) -> RunningProvider:
    """Start a provider with an OpenID provider of the operator's own, too."""
    return await make_federated(federation={"corp": {**CORP, **settings}})


# Second factors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "amr", "told", "asked"),
    [
        ("always", ["pwd", "mfa"], "urn:idp:acr:1fa", True),
        ("never", [], "urn:idp:acr:1fa", False),
        ("unless_proven", ["pwd", "mfa"], "urn:idp:acr:mfa", False),
        ("unless_proven", ["pwd"], "urn:idp:acr:1fa", True),
    ],
)
async def test_the_second_factor_here_follows_the_policy_and_the_tokens_tell_the_truth(
    make_federated: MakeFederated,
    upstreams: Upstreams,
    elsewhere: SignInElsewhere,
    policy: str,
    amr: list[str],
    told: str,
    asked: bool,
) -> None:
    provider = await with_corp(make_federated, second_factor=policy)
    upstreams.google.extra_claims = {"amr": amr}
    await elsewhere(await provider.browser(), "corp", "vera")
    rp = await provider.relying_party(first_party=True)
    page = await elsewhere(await provider.browser(), "corp", "vera", rp.authorization_url())
    claims = await rp.id_claims((await rp.redeem(callback_of(page)["code"])).json())
    assert claims["acr"] == told
    assert claims["amr"] == (["fed", "mfa"] if told.endswith("mfa") else ["fed"])
    await _enrol(provider)
    page = await elsewhere(await provider.browser(), "corp", "vera")
    assert path_of(page).startswith("/mfa") is asked


async def test_a_client_that_insists_on_two_factors_gets_them_whatever_the_policy(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await with_corp(make_federated, second_factor="never")
    await elsewhere(await provider.browser(), "corp", "vera")
    await _enrol(provider)
    rp = await provider.relying_party(first_party=True, require_second_factor=True)
    page = await elsewhere(await provider.browser(), "corp", "vera", rp.authorization_url())
    assert path_of(page).startswith("/mfa")


async def _enrol(provider: RunningProvider) -> None:
    from idp.storage.models import TotpCredential

    user = await provider.parts.accounts.find("vera@example.com")
    assert user is not None
    async with provider.database.unit_of_work() as uow:
        await uow.factors.add(
            TotpCredential(user_id=user.id, name="App", sealed_secret="x", created_at=0.0, last_used_at=None)
        )


# Freshness ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "age", "fresh"),
    [
        ({"max_age": "60"}, 0, True),
        ({"max_age": "60"}, 600, False),
        ({"max_age": "60"}, None, False),
        ({"prompt": "login"}, 0, True),
        ({"prompt": "login"}, 600, False),
        ({}, 600, True),
    ],
)
async def test_a_sign_in_there_is_as_fresh_as_the_app_asks(
    make_federated: MakeFederated,
    upstreams: Upstreams,
    elsewhere: SignInElsewhere,
    asked: dict[str, str],
    age: int | None,
    fresh: bool,
) -> None:
    provider = await with_corp(make_federated)
    rp = await provider.relying_party(first_party=True)
    then = None if age is None else provider.clock.now() - age
    upstreams.google.extra_claims = {"auth_time": then}
    page = await elsewhere(await provider.browser(), "corp", "vera", rp.authorization_url(**asked))
    if not fresh:
        assert path_of(page) == "/login"
        assert "did not ask you to sign in again" in page.text
        return
    claims = await rp.id_claims((await rp.redeem(callback_of(page)["code"])).json())
    assert claims["auth_time"] == then
    (query,) = [query for name, query in upstreams.google.requests if name == "authorize"][:1]
    for name, value in asked.items():
        assert parse_qs(query)[name] == [value]


# Tokens -------------------------------------------------------------------------------------------------


@pytest.fixture
async def keeping(make_federated: MakeFederated) -> RunningProvider:
    """A provider that keeps the tokens of Google."""
    return await make_federated(google={"keep_tokens": True})


async def app_of(provider: RunningProvider) -> RelyingParty:
    """Return an app that may have tokens of Google."""
    return await provider.relying_party(first_party=True, scopes=("openid", "email", "upstream:google"))


async def signed_in(
    provider: RunningProvider, rp: RelyingParty, elsewhere: SignInElsewhere, scope: str
) -> str:
    """Sign in with Google, and return an access token of ours."""
    page = await elsewhere(await provider.browser(), "google", "vera", rp.authorization_url(scope=scope))
    return str((await rp.redeem(callback_of(page)["code"])).json()["access_token"])


async def test_an_app_with_the_scope_gets_the_persons_token_there(
    keeping: RunningProvider, upstreams: Upstreams, elsewhere: SignInElsewhere
) -> None:
    rp = await app_of(keeping)
    token = await signed_in(keeping, rp, elsewhere, "openid upstream:google")
    headers = {"Authorization": f"Bearer {token}"}
    first = (await keeping.http("GET", "/federation/google/token", headers=headers)).json()
    assert first["access_token"] in upstreams.google.access_tokens
    assert "refresh_token" not in first
    again = (await keeping.http("GET", "/federation/google/token", headers=headers)).json()
    assert again == first


async def test_consent_to_the_persons_token_there_is_asked_for_in_words(
    keeping: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    rp = await keeping.relying_party(scopes=("openid", "upstream:google"))
    browser = await keeping.browser()
    page = await elsewhere(browser, "google", "vera", rp.authorization_url(scope="openid upstream:google"))
    assert "Use your Google account in your name" in page.text
    assert "upstream:google" not in page.text
    await browser.submit(page, decision="allow")
    page = await browser.get("/account/apps")
    assert "Use your Google account in your name" in page.text


async def test_an_expired_token_is_refreshed_and_kept(
    make_federated: MakeFederated, upstreams: Upstreams, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated(google={"keep_tokens": True}, tokens={"access_token_ttl": 7200})
    rp = await app_of(provider)
    token = await signed_in(provider, rp, elsewhere, "openid upstream:google")
    headers = {"Authorization": f"Bearer {token}"}
    first = (await provider.http("GET", "/federation/google/token", headers=headers)).json()
    provider.clock.advance(3600)
    second = (await provider.http("GET", "/federation/google/token", headers=headers)).json()
    assert second["access_token"] != first["access_token"]
    assert (await provider.http("GET", "/federation/google/token", headers=headers)).json() == second


async def test_without_the_scope_the_operators_wish_or_the_link_there_is_no_token(
    make_federated: MakeFederated, keeping: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    path = "/federation/google/token"
    rp = await app_of(keeping)
    token = await signed_in(keeping, rp, elsewhere, "openid")
    refused = await keeping.http("GET", path, headers={"Authorization": f"Bearer {token}"})
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
    assert (await keeping.http("GET", path)).status_code == 401
    plain = await make_federated()
    token = await signed_in(plain, await app_of(plain), elsewhere, "openid upstream:google")
    assert (await plain.http("GET", path, headers={"Authorization": f"Bearer {token}"})).status_code == 404


async def test_tokens_are_stored_sealed_and_go_with_the_link(
    keeping: RunningProvider, upstreams: Upstreams, elsewhere: SignInElsewhere
) -> None:
    rp = await app_of(keeping)
    token = await signed_in(keeping, rp, elsewhere, "openid upstream:google")
    user = await keeping.parts.accounts.find("vera@example.com")
    assert user is not None
    (link,) = await keeping.parts.federation.connections.of_user(user.id)
    assert link.sealed_tokens is not None
    assert not any(known in link.sealed_tokens for known in upstreams.google.access_tokens)
    browser = await keeping.browser()
    await elsewhere(browser, "google", "vera")
    keeping.clock.advance(1)  # the second link is younger, so the first is listed and unlinked first
    left = await press(browser, await connections_page(browser), "link")
    page = await browser.get(await upstreams.choose(left, "noel"))
    await press(browser, page, "unlink")
    headers = {"Authorization": f"Bearer {token}"}
    answer = await keeping.http("GET", "/federation/google/token", headers=headers)
    assert answer.status_code == 404


# Signing out --------------------------------------------------------------------------------------------


async def test_signing_out_here_leads_on_to_signing_out_there_and_back(
    make_federated: MakeFederated, upstreams: Upstreams, elsewhere: SignInElsewhere
) -> None:
    ends = f"{UPSTREAMS}/upstreams/google/logout"
    metadata = {**upstreams.google.metadata(), "end_session_endpoint": ends}
    upstreams.google.answers["discovery"] = lambda _: JSONResponse(metadata)
    provider = await with_corp(make_federated, logout=True)
    rp = await provider.relying_party(first_party=True)
    browser = await provider.browser()
    page = await elsewhere(browser, "corp", "vera", rp.authorization_url())
    tokens = (await rp.redeem(callback_of(page)["code"])).json()
    after = "https://app.example/signed-out"
    left = await browser.get(
        f"/end_session?id_token_hint={tokens['id_token']}&post_logout_redirect_uri={after}"
    )
    there = urlsplit(left.headers["location"])
    query = {name: value[0] for name, value in parse_qs(there.query).items()}
    assert left.headers["location"].startswith(ends)
    assert query["post_logout_redirect_uri"] == provider.url("/federation/corp/signed-out")
    assert path_of(await browser.get("/account")) == "/login"
    back = await browser.get(f"/federation/corp/signed-out?state={query['state']}")
    assert back.headers["location"] == after
    again = await browser.get(f"/federation/corp/signed-out?state={query['state']}")
    assert "location" not in again.headers


async def test_a_session_from_elsewhere_ends_here_alone_unless_the_operator_wants_more(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "vera")
    page = await browser.submit(await browser.get("/end_session"), decision="yes")
    assert page.status_code == 200
    assert path_of(await browser.get("/account")) == "/login"
    assert link_to(await browser.get("/login"), "google")
