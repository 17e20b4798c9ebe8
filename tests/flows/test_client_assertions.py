"""Signed client assertions at the endpoints: what is forged, stale, for somebody else or used before is a 401."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from idp.oauth.client_auth.private_key_jwt import ASSERTION_TYPE
from tests.support.provider import MakeProvider, RunningProvider
from tests.support.servers import RedisServer

KEY = rsa.generate_private_key(65537, 2048)
OTHER_KEY = rsa.generate_private_key(65537, 2048)


def public_jwk(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """Return the public half as a JWK."""
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "one"}


class Bank:
    """A client that authenticates with `private_key_jwt`."""

    def __init__(self, provider: RunningProvider, client_id: str) -> None:
        self.provider = provider
        self.client_id = client_id

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return good claims, but for what is changed; None leaves one out."""
        now = int(self.provider.clock.now())
        good = {"iss": self.client_id, "sub": self.client_id, "aud": self.provider.issuer}
        times = {"iat": now, "exp": now + 60, "jti": secrets.token_hex(8)}
        return {n: value for n, value in {**good, **times, **changes}.items() if value is not None}

    def sign(self, *, key: Any = KEY, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return an assertion."""
        return jwt.encode(self.claims(**changes), key, "RS256", headers={"kid": "one", **(headers or {})})

    async def ask(self, assertion: str, path: str = "/token", **form: str) -> httpx.Response:
        """Send a request with an assertion, by default for a token."""
        form = form or {"grant_type": "client_credentials", "scope": "accounts"}
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        return await self.provider.http("POST", path, data={**form, **proof})


@pytest.fixture
async def bank(provider: RunningProvider) -> Bank:
    return await bank_of(provider)


async def bank_of(provider: RunningProvider) -> Bank:
    """Register the client."""
    client = await provider.create_client(
        redirect_uris=(),
        grant_types=("client_credentials",),
        scopes=("accounts",),
        jwks={"keys": [public_jwk(KEY)]},
    )
    return Bank(provider, client.client_id)


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(bank: Bank) -> str:
    return f"{b64({'alg': 'none', 'kid': 'one'})}.{b64(bank.claims())}."


def signed_with_the_public_key_as_secret(bank: Bank) -> str:
    secret = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{b64({'alg': 'HS256', 'kid': 'one'})}.{b64(bank.claims())}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), hashlib.sha256))}"


ATTACKS: dict[str, Callable[[Bank], str]] = {
    "alg none": unsigned,
    "HS256 with the public key": signed_with_the_public_key_as_secret,
    "another key": lambda bank: bank.sign(key=OTHER_KEY),
    "its own key in the header": lambda bank: bank.sign(
        key=OTHER_KEY, headers={"jwk": public_jwk(OTHER_KEY)}
    ),
    "unknown crit": lambda bank: bank.sign(headers={"crit": ["x"], "x": 1}),
    "no aud": lambda bank: bank.sign(aud=None),
    "no exp": lambda bank: bank.sign(exp=None),
    "no jti": lambda bank: bank.sign(jti=None),
    "no iss": lambda bank: bank.sign(iss=None),
    "expired": lambda bank: bank.sign(exp=int(bank.provider.clock.now()) - 31),
    "good for a year": lambda bank: bank.sign(exp=int(bank.provider.clock.now()) + 365 * 86_400),
    "from the future": lambda bank: bank.sign(iat=int(bank.provider.clock.now()) + 60),
    "the token endpoint of somebody else": lambda bank: bank.sign(aud="https://other.example/token"),
    "this server and somebody else": lambda bank: bank.sign(aud=[bank.provider.issuer, "https://o.example"]),
    "another endpoint of ours": lambda bank: bank.sign(aud=bank.provider.url("/userinfo")),
    "two names of ours": lambda bank: bank.sign(aud=[bank.provider.issuer, bank.provider.url("/token")]),
    "not a token": lambda _: "a.b.c",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
async def test_an_assertion_that_is_not_good_is_refused(bank: Bank, path: str, attack: str) -> None:
    form = {} if path == "/token" else {"token": "x"}
    answer = await bank.ask(ATTACKS[attack](bank), path, **form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
async def test_the_audience_is_the_issuer_the_token_endpoint_or_the_endpoint_called(
    bank: Bank, path: str
) -> None:
    """RFC 7523 §3 (3), OIDC Core §9, RFC 9126 §2."""
    form = {} if path == "/token" else {"token": "x"}
    for audience in (bank.provider.issuer, bank.provider.url("/token"), bank.provider.url(path)):
        assert (await bank.ask(bank.sign(aud=audience), path, **form)).status_code == 200


async def test_the_strict_setting_takes_the_issuer_alone(make_provider: MakeProvider) -> None:
    bank = await bank_of(await make_provider(clients={"assertion_audience": "issuer"}))
    assert (await bank.ask(bank.sign())).status_code == 200
    refusal = await bank.ask(bank.sign(aud=bank.provider.url("/token")))
    assert refusal.status_code == 401
    assert refusal.json()["error_description"].endswith(f"which is {bank.provider.issuer}")


@pytest.mark.parametrize("elsewhere", ["/token", "/introspect", "/revoke"])
async def test_an_assertion_counts_once_at_whatever_endpoint(bank: Bank, elsewhere: str) -> None:
    assertion = bank.sign()
    assert (await bank.ask(assertion)).status_code == 200
    form = {} if elsewhere == "/token" else {"token": "x"}
    assert (await bank.ask(assertion, elsewhere, **form)).status_code == 401


async def test_the_assertion_of_one_client_is_none_of_another(bank: Bank, provider: RunningProvider) -> None:
    other = await provider.create_client(jwks={"keys": [public_jwk(OTHER_KEY)]})
    assert (await bank.ask(bank.sign(sub=other.client_id))).status_code == 401
    answer = await bank.ask(
        bank.sign(), grant_type="client_credentials", scope="accounts", client_id=other.client_id
    )
    assert answer.status_code == 400


async def test_an_assertion_that_was_used_stays_so_while_redis_is_away_and_when_it_is_back(
    make_provider: MakeProvider, private_redis: RedisServer
) -> None:
    """F7 of the attacks: the mark was in a store that forgets."""
    bank = await bank_of(await make_provider(redis_url=private_redis.url))
    assertion = bank.sign()
    assert (await bank.ask(assertion)).status_code == 200
    private_redis.flush()
    assert (await bank.ask(assertion)).status_code == 401
    private_redis.stop()
    assert (await bank.ask(assertion)).status_code == 401
    private_redis.start()
    assert (await bank.ask(assertion)).status_code == 401
