"""What tokens say, read by a library that is not ours."""

import base64
import hashlib
import json

import jwt
import pytest

from idp.storage.models import User
from tests.support.provider import Browser, RelyingParty, RunningProvider

HASHES = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "EdDSA": hashlib.sha512}


@pytest.mark.parametrize("alg", HASHES)
async def test_an_id_token_is_signed_as_the_client_wants_and_says_who_when_and_how(
    provider: RunningProvider, person: User, browser: Browser, alg: str
) -> None:
    app = await provider.relying_party(id_token_signed_response_alg=alg)
    began = provider.clock.now()
    tokens = await app.tokens(browser)
    header = jwt.get_unverified_header(tokens["id_token"])
    claims = await app.id_claims(tokens)
    published = {key["kid"]: key for key in (await provider.http("GET", "/jwks")).json()["keys"]}
    assert header["alg"] == alg
    assert published[header["kid"]]["alg"] == alg
    assert (claims["iss"], claims["aud"], claims["sub"]) == (provider.issuer, app.client_id, person.id)
    assert claims["exp"] - claims["iat"] == provider.settings.tokens.id_token_ttl
    assert (claims["auth_time"], claims["amr"]) == (int(began), ["pwd"])
    assert claims["acr"]
    assert claims["sid"]
    half = HASHES[alg](tokens["access_token"].encode()).digest()
    half = half[: len(half) // 2]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


async def test_scope_claims_are_at_userinfo_and_not_in_the_id_token(
    relying_party: RelyingParty, browser: Browser
) -> None:
    claims = await relying_party.id_claims(await relying_party.tokens(browser))
    assert not {"email", "name"} & claims.keys()


async def test_a_client_that_reads_only_the_id_token_gets_the_claims_of_its_scopes_there(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    app = await provider.relying_party(id_token_claims=True)
    tokens = await app.tokens(browser, scope="openid email")
    claims = await app.id_claims(tokens)
    assert (claims["email"], claims["email_verified"]) == (person.email, True)
    assert "name" not in claims  # its scope was not asked for
    again = await app.post(
        "/token", {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    )
    assert jwt.decode(again.json()["id_token"], options={"verify_signature": False})["email"] == person.email


async def test_roles_go_to_a_client_that_is_registered_with_their_scope(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    """RFC 9068 §2.2.3.1 for the access token. Roles and groups are the same."""
    await provider.parts.accounts.change_roles(person.id, ["editor", "admin"], [])
    app = await provider.relying_party(scopes=("openid", "roles", "groups"), id_token_claims=True)
    tokens = await app.tokens(browser, scope="openid roles groups")
    access_token = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    for claims in (
        access_token,
        await app.id_claims(tokens),
        (await app.userinfo(tokens["access_token"])).json(),
    ):
        assert claims["roles"] == claims["groups"] == ["editor", "admin"]
    other = await provider.relying_party()
    claims = await other.id_claims(await other.tokens(browser, scope="openid roles"))
    assert "roles" not in claims


async def test_access_tokens_carry_the_claims_that_the_operator_lets_them(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    """For resource servers that read the token alone; never more than the scopes grant."""
    app = await provider.relying_party(access_token_claims=("email", "name"))
    tokens = await app.tokens(browser, scope="openid email")
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["email"] == person.email
    assert not {"name", "email_verified", "roles"} & claims.keys()


async def test_a_claim_asked_for_by_name_is_in_the_id_token(
    relying_party: RelyingParty, browser: Browser
) -> None:
    asked = json.dumps({"id_token": {"email": {"essential": True}}})
    claims = await relying_party.id_claims(await relying_party.tokens(browser, claims=asked))
    assert claims["email"] == "alice@example.com"
    assert "name" not in claims


PERSONAL = {"email": None, "tier": None, "name": {"essential": True}}


async def test_a_claim_of_a_scope_that_the_client_does_not_have_is_given_nowhere(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    """The parameter asks for less than a scope, never for more."""
    app = await provider.relying_party(first_party=True, scopes=("openid",))
    asked = json.dumps({"id_token": PERSONAL, "userinfo": PERSONAL})
    tokens = await app.tokens(browser, scope="openid", claims=asked)
    assert not PERSONAL.keys() & (await app.id_claims(tokens)).keys()
    told = (await app.userinfo(tokens["access_token"])).json()
    assert told == {"sub": person.id}


async def test_a_claim_is_not_refreshed_after_its_scope_was_taken_from_the_client(
    provider: RunningProvider, browser: Browser, person: User
) -> None:
    app = await provider.relying_party(first_party=True, scopes=("openid", "email", "offline_access"))
    asked = json.dumps({"id_token": {"email": None}})
    tokens = await app.tokens(browser, scope="openid offline_access", claims=asked)
    assert (await app.id_claims(tokens))["email"] == person.email
    clients = provider.parts.administration.clients
    await clients.change(app.client_id, {"scopes": ("openid", "offline_access")})
    provider.clock.advance(6)  # until every worker has read it
    refreshed = (await app.refresh(tokens["refresh_token"])).json()
    assert "email" not in await app.verify(refreshed["id_token"])


async def test_without_a_nonce_there_is_none(relying_party: RelyingParty, browser: Browser) -> None:
    tokens = await relying_party.tokens(browser, nonce=None)
    assert "nonce" not in await relying_party.verify(tokens["id_token"])


async def test_an_access_token_follows_rfc_9068(
    provider: RunningProvider, person: User, relying_party: RelyingParty, browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser)
    header = jwt.get_unverified_header(tokens["access_token"])
    claims = await relying_party.verify(tokens["access_token"], audience=provider.issuer)
    assert (header["typ"], header["alg"]) == ("at+jwt", "RS256")
    assert claims["sub"] == person.id
    assert claims["client_id"] == relying_party.client_id
    assert claims["scope"] == "openid profile email"
    assert claims["exp"] - claims["iat"] == 900
    assert claims["jti"]
    assert {"auth_time", "acr", "amr", "sid"} <= claims.keys()


@pytest.mark.parametrize(
    ("audiences", "expected"),
    [
        (("https://api.example",), "https://api.example"),
        (("https://api.example", "https://b.example"), ["https://api.example", "https://b.example"]),
    ],
)
async def test_an_access_token_is_for_the_audiences_of_its_client(
    provider: RunningProvider,
    person: User,
    browser: Browser,
    audiences: tuple[str, ...],
    expected: object,
) -> None:
    app = await provider.relying_party(audiences=audiences)
    claims = await app.verify((await app.tokens(browser))["access_token"], audience="https://api.example")
    assert claims["aud"] == expected


async def test_no_two_tokens_are_alike_in_the_same_instant(
    relying_party: RelyingParty, browser: Browser
) -> None:
    """better-auth GHSA-392p-2q2v-4372: time has seconds, tokens do not live by it."""
    first = await relying_party.tokens(browser)
    second = await relying_party.tokens(browser)
    assert first["access_token"] != second["access_token"]
    assert first["refresh_token"] != second["refresh_token"]
