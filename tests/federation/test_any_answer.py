"""Whatever a provider answers in any of its documents, it is an identity or an error with a sentence."""

import base64
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp.clock import ManualClock
from idp.config import UpstreamSettings
from idp.dev.upstreams.google import StandInKey
from idp.federation.identity import UpstreamIdentity
from idp.federation.registry import build_upstream
from idp.federation.upstream import PendingAuthorization, UpstreamError
from idp.keys.signing import signer
from idp.outgoing import Outgoing
from tests.support.any_json import ANY_JSON, altered

KEY = StandInKey()
NOW = 1_800_000_000
ISSUER = "https://id.example"
MEMORY = PendingAuthorization("https://us.example/callback", "verifier", "the-nonce", NOW, max_age=600)
DISCOVERY = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "end_session_endpoint": f"{ISSUER}/logout",
    "scopes_supported": ["openid"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    "authorization_response_iss_parameter_supported": False,
}
HEADER = {"alg": "RS256", "kid": KEY.kid, "typ": "JWT"}
CLAIMS = {
    "iss": ISSUER, "aud": "us", "azp": "us", "sub": "1", "nonce": "the-nonce", "exp": NOW + 60, "iat": NOW, "nbf": NOW,
    "auth_time": NOW, "amr": ["pwd"], "acr": "1", "email": "vera@example.com", "email_verified": True, "name": "Vera",
    "locale": "de", "zoneinfo": "Europe/Berlin",
}  # fmt: skip
TOKENS = {
    "access_token": "a-token", "token_type": "Bearer", "expires_in": 60, "refresh_token": "another", "scope": "openid",
}  # fmt: skip
JWKS = {"keys": [KEY.jwk]}
USERINFO = {"sub": "1", "email": "vera@example.com", "email_verified": True, "name": "Vera"}
DOCUMENTS = ("discovery", "header", "claims", "token", "jwks", "userinfo", "signed userinfo")
USER = {"id": 7, "login": "vera", "name": "Vera", "email": None}
EMAILS = [{"email": "vera@example.com", "primary": True, "verified": True}]


def segment(value: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def signed(header: object, claims: object) -> str:
    text = segment(header) + b"." + segment(claims)
    return (text + b"." + base64.urlsafe_b64encode(signer(KEY.private)(text)).rstrip(b"=")).decode()


def answers(changed: str, alter: Callable[[dict[str, Any]], Any]) -> dict[str, tuple[Any, str]]:
    """Return what the provider answers at each path, with one document altered."""

    def of(name: str, document: dict[str, Any]) -> Any:
        return alter(document) if name == changed else document

    token = of("token", {**TOKENS, "id_token": signed(of("header", HEADER), of("claims", CLAIMS))})
    userinfo: tuple[Any, str] = (of("userinfo", USERINFO), "application/json")
    if changed == "signed userinfo":
        claims = alter({**USERINFO, "iss": ISSUER, "aud": "us"})
        userinfo = (signed(HEADER, claims), "application/jwt")
    return {
        "/.well-known/openid-configuration": (of("discovery", DISCOVERY), "application/json"),
        "/token": (token, "application/json"),
        "/jwks": (of("jwks", JWKS), "application/json"),
        "/userinfo": userinfo,
    }


async def come_back(kind: str, told: Mapping[str, tuple[Any, str]]) -> UpstreamIdentity:
    """Come back from a provider that answers so."""

    def answer(request: httpx.Request) -> httpx.Response:
        body, media_type = told.get(urlsplit(str(request.url)).path, ({}, "application/json"))
        content = body.encode() if media_type == "application/jwt" else json.dumps(body).encode()
        return httpx.Response(200, stream=httpx.ByteStream(content), headers={"content-type": media_type})

    outgoing = Outgoing(allow_private=False, setting="-", transport=httpx.MockTransport(answer))
    place = {"base_url": ISSUER, "organizations": ["acme"]} if kind == "github" else {"issuer": ISSUER}
    configured = UpstreamSettings.model_validate(
        {"type": kind, "client_id": "us", "client_secret": "secret", **place}
    )
    upstream = build_upstream("theirs", configured, outgoing, ManualClock(NOW))
    try:
        return await upstream.finish({"code": "a-code"}, MEMORY)
    finally:
        await outgoing.aclose()


def check(identity: UpstreamIdentity) -> None:
    """An identity can be stored on every database and sent to everybody."""
    text = json.dumps(asdict(identity), ensure_ascii=False, allow_nan=False).encode().decode()
    assert "\\u0000" not in text
    assert identity.email_verified in {True, False}


@pytest.mark.parametrize("document", DOCUMENTS)
async def test_the_right_documents_are_an_identity(document: str) -> None:
    identity = await come_back("oidc", answers(document, lambda right: right))
    assert (identity.subject, identity.email, identity.email_verified) == ("1", "vera@example.com", True)


# These two draw before the event loop runs: Hypothesis ends an example with an exception that is not an `Exception`,
# and one that crosses the loop of a test takes that loop down for all tests after it.
@pytest.mark.parametrize("document", DOCUMENTS)
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_answer_of_an_openid_provider_is_an_identity_or_a_sentence(
    document: str, data: st.DataObject
) -> None:
    told = answers(document, lambda right: altered(right, data))
    with contextlib.suppress(UpstreamError):
        check(anyio.run(come_back, "oidc", told))


@pytest.mark.parametrize("document", ["token", "user", "emails", "membership"])
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_answer_of_github_is_an_identity_or_a_sentence(document: str, data: st.DataObject) -> None:
    right: dict[str, tuple[str, Any]] = {
        "token": ("/login/oauth/access_token", TOKENS),
        "user": ("/api/v3/user", USER),
        "emails": ("/api/v3/user/emails", EMAILS),
        "membership": ("/api/v3/user/memberships/orgs/acme", {"state": "active"}),
    }
    told = {path: (body, "application/json") for path, body in right.values()}
    path, body = right[document]
    if document == "emails":  # a list: of an altered entry beside the right one, or any JSON
        changed = data.draw(ANY_JSON | st.just([altered(EMAILS[0], data), *EMAILS]))
    else:
        changed = altered(body, data)
    told[path] = (changed, "application/json")
    with contextlib.suppress(UpstreamError):
        check(anyio.run(come_back, "github", told))


@pytest.mark.parametrize(
    ("document", "changes"),
    [
        ("claims", {"email_verified": [True]}),
        ("claims", {"email_verified": {}}),
        ("claims", {"acr": []}),
        ("claims", {"auth_time": 1e308}),
        ("jwks", {"keys": [{**KEY.jwk, "use": ["sig"]}, KEY.jwk]}),
        ("jwks", {"keys": [{**KEY.jwk, "kty": [], "kid": []}, KEY.jwk, None, 7]}),
        ("discovery", {"scopes_supported": {"openid": 1}}),
        ("token", {"expires_in": {}, "access_token": "\ud800"}),
    ],
)
async def test_members_of_another_type_that_were_faults(document: str, changes: dict[str, Any]) -> None:
    try:
        identity = await come_back("oidc", answers(document, lambda right: {**right, **changes}))
    except UpstreamError:
        assert document in {"token", "claims"}
    else:
        assert identity.email_verified is (document != "claims" or "email_verified" not in changes)


async def test_signed_userinfo_that_is_altered_or_for_another_is_refused() -> None:
    for changes in ({"aud": "another"}, {"iss": "https://evil.example"}, {"exp": NOW - 100}, {"sub": "2"}):
        with pytest.raises(UpstreamError):
            await come_back("oidc", answers("signed userinfo", lambda right, c=changes: {**right, **c}))  # type: ignore[misc]
    told = answers("signed userinfo", lambda right: right)
    head, _, signature = told["/userinfo"][0].split(".")
    forged = segment({**USERINFO, "iss": ISSUER, "aud": "us", "email": "evil@example.com"}).decode()
    for token in (f"{head}.{forged}.{signature}", "not a token", "a.b.c.d.e", ""):
        with pytest.raises(UpstreamError):
            await come_back("oidc", {**told, "/userinfo": (token, "application/jwt")})
