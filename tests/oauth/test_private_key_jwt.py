"""Client assertions: every claim is needed, each is used once, and only the client's own keys count."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from idp.oauth.client_auth.private_key_jwt import ASSERTION_TYPE, AssertionAudience
from idp.oauth.client_auth.registry import ClientAuthentication, client_auth_methods
from idp.oauth.clients import ClientRegistry
from idp.oauth.errors import InvalidClientError, InvalidRequestError
from idp.storage.single_use import SingleUse
from tests.support.assertions import EC_KEY, ED_KEY, JWKS, OTHER_KEY, RSA_KEY, Signer, jwk
from tests.support.client_auth import ISSUER, TOKEN_URL, Reception, basic


@pytest.fixture
async def bank(reception: Reception) -> Signer:
    await reception.register("bank", jwks=JWKS)
    return Signer(reception)


@pytest.mark.parametrize("audience", [ISSUER, [ISSUER], TOKEN_URL, [TOKEN_URL]])
async def test_an_assertion_for_this_server_proves_the_client(bank: Signer, audience: Any) -> None:
    assert await bank.send(bank.sign(aud=audience)) == "bank"


@pytest.mark.parametrize(
    ("key", "alg", "kid"),
    [(RSA_KEY, "RS256", "rsa"), (RSA_KEY, "PS256", "rsa"), (EC_KEY, "ES256", "ec"), (ED_KEY, "EdDSA", "ed")],
)
async def test_every_announced_algorithm_verifies(bank: Signer, key: Any, alg: str, kid: str) -> None:
    assert await bank.send(bank.sign(key=key, alg=alg, headers={"kid": kid})) == "bank"


async def test_a_key_id_can_be_left_out_where_one_key_fits(bank: Signer) -> None:
    assert await bank.send(bank.sign(key=EC_KEY, alg="ES256", headers={})) == "bank"


@pytest.mark.parametrize("skew", [0, 30, 300])
async def test_a_clients_clock_may_differ_by_what_the_setting_says(reception: Reception, skew: int) -> None:
    await reception.register("bank", jwks=JWKS)
    methods = client_auth_methods(
        AssertionAudience(ISSUER, TOKEN_URL),
        SingleUse(reception.database, reception.clock),
        reception.clock,
        reception.outgoing,
        skew,
    )
    reception.authentication = ClientAuthentication(
        ClientRegistry(reception.database, reception.clock), methods
    )
    bank, now = Signer(reception), int(reception.clock.now())
    assert await bank.send(bank.sign(exp=now - skew + 1, iat=now + skew)) == "bank"
    await bank.refused(bank.sign(exp=now - skew - 1))
    await bank.refused(bank.sign(iat=now + skew + 1))


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "jti"])
async def test_no_claim_can_be_missing(bank: Signer, name: str) -> None:
    """CVE-2025-27370, CVE-2025-27371, Zitadel CVE-2026-55669."""
    await bank.refused(bank.sign(**{name: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"sub": "other"},
        {"aud": "https://other.example.com"},
        {"aud": "https://other.example.com/token"},
        {"aud": [ISSUER, "https://other.example.com"]},
        {"aud": [ISSUER, TOKEN_URL]},
        {"aud": []},
        {"aud": ISSUER + "/"},
        {"aud": [[ISSUER]]},
        {"aud": [{"a": 1}]},
        {"aud": 7},
        {"jti": ""},
        {"jti": 7},
        {"jti": "\ud800"},
        {"exp": "soon"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": [1]},
        {"iat": "now"},
        {"nbf": [1]},
    ],
    ids=str,
)
async def test_no_claim_can_be_wrong(bank: Signer, changes: dict[str, Any]) -> None:
    form = json.dumps(bank.claims(**changes)).encode()  # as PyJWT checks types itself
    await bank.refused(jwt.api_jws.encode(form, RSA_KEY, "RS256", headers={"kid": "rsa"}))


@pytest.mark.parametrize(("name", "seconds"), [("exp", -31), ("exp", 3600 + 31), ("iat", 31), ("nbf", 31)])
async def test_an_assertion_has_a_short_life_that_is_now(bank: Signer, name: str, seconds: int) -> None:
    await bank.refused(bank.sign(**{name: int(bank.reception.clock.now()) + seconds}))


async def test_the_time_of_issue_may_be_missing(bank: Signer) -> None:
    """RFC 7523 §3 (6)."""
    assert await bank.send(bank.sign(iat=None, nbf=int(bank.reception.clock.now()))) == "bank"


@pytest.mark.parametrize(("rule", "taken"), [("issuer", [ISSUER]), ("endpoint", [ISSUER, TOKEN_URL])])
async def test_a_client_may_have_a_rule_of_its_own_for_the_audience(
    reception: Reception, rule: str, taken: list[str]
) -> None:
    await reception.register("bank", jwks=JWKS, assertion_audience=rule)
    bank = Signer(reception)
    for audience in (ISSUER, TOKEN_URL):
        if audience in taken:
            assert await bank.send(bank.sign(aud=audience)) == "bank"
        else:
            assert ISSUER in await bank.refused(bank.sign(aud=audience))


async def test_an_assertion_is_used_once(bank: Signer) -> None:
    """Hydra GHSA-3p3g-vpw6-4w66."""
    assertion = bank.sign()
    await bank.send(assertion)
    assert "before" in await bank.refused(assertion)


async def test_of_fifty_uses_at_once_one_counts(bank: Signer) -> None:
    assertion = bank.sign()
    results = await asyncio.gather(*(bank.send(assertion) for _ in range(50)), return_exceptions=True)
    assert results.count("bank") == 1
    assert sum(isinstance(result, InvalidClientError) for result in results) == 49


async def test_it_stays_used_for_as_long_as_it_would_verify(bank: Signer) -> None:
    assertion = bank.sign()
    await bank.send(assertion)
    bank.reception.clock.advance(60 + 29)
    assert "before" in await bank.refused(assertion)
    bank.reception.clock.advance(1)
    assert "expired" in await bank.refused(assertion)


async def test_an_assertion_that_was_refused_does_not_spend_its_jti(bank: Signer) -> None:
    await bank.refused(bank.sign(key=OTHER_KEY, jti="one"))
    assert await bank.send(bank.sign(jti="one")) == "bank"


async def test_the_same_jti_of_two_clients_is_no_replay(bank: Signer) -> None:
    await bank.reception.register("shop", jwks=JWKS)
    await bank.send(bank.sign(jti="one"))
    assert await bank.send(bank.sign(jti="one", iss="shop", sub="shop")) == "shop"


async def test_another_key_does_not_do(bank: Signer) -> None:
    await bank.refused(bank.sign(key=OTHER_KEY))


async def test_the_payload_cannot_be_changed(bank: Signer) -> None:
    header, _, signature = bank.sign().split(".")
    payload = bank.sign(jti="another").split(".")[1]
    await bank.refused(f"{header}.{payload}.{signature}")


def unsigned(header: object, payload: object, signature: str = "") -> str:
    def part(value: object) -> str:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    return f"{part(header)}.{part(payload)}.{signature}"


@pytest.mark.parametrize("alg", ["none", "None", "", None, 7, ["RS256"]], ids=str)
async def test_an_unsigned_assertion_is_refused(bank: Signer, alg: object) -> None:
    """Authlib CVE-2026-28802."""
    await bank.refused(unsigned({"alg": alg, "kid": "rsa"}, bank.claims()))
    await bank.refused(unsigned({"kid": "rsa"}, bank.claims(), "AAAA"))


async def test_a_public_key_is_no_hmac_secret(bank: Signer) -> None:
    """Keycloak CVE-2026-11800."""
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, json.dumps(JWKS["keys"][0]).encode()):
        signed = unsigned({"alg": "HS256", "kid": "rsa"}, bank.claims()).rstrip(".")
        mac = (
            base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), hashlib.sha256))
            .rstrip(b"=")
            .decode()
        )
        await bank.refused(f"{signed}.{mac}")


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": jwk(OTHER_KEY, "rsa")},
        {"jwk": jwk(OTHER_KEY, "rsa"), "kid": None},
        {"jku": "https://attacker.example/jwks"},
        {"x5u": "https://attacker.example/x"},
    ],
)
async def test_a_key_in_the_header_counts_for_nothing(bank: Signer, header: dict[str, Any]) -> None:
    """Authlib CVE-2026-27962."""
    headers = {name: value for name, value in ({"kid": "rsa"} | header).items() if value is not None}
    await bank.refused(bank.sign(key=OTHER_KEY, headers=headers))


@pytest.mark.parametrize("crit", [["x"], ["exp"], [], "x", {}], ids=str)
async def test_an_unknown_critical_header_is_refused(bank: Signer, crit: object) -> None:
    """Authlib CVE-2025-59420."""
    await bank.refused(bank.sign(headers={"kid": "rsa", "crit": crit, "x": 1}))


@pytest.mark.parametrize(
    "assertion",
    [
        "",
        "x",
        "a.b.c",
        "....",
        "ä.ä.ä",
        "." * 9000,
        "A" * 20_000,
        unsigned(["RS256"], {"sub": "bank"}, "AA"),
        unsigned({"alg": "RS256"}, ["bank"], "AA"),
        unsigned({"alg": "RS256"}, {"sub": "\ud800"}, "AA"),
        unsigned({"alg": "RS256"}, {"sub": "bank\x00"}, "AA"),
        unsigned({"alg": "RS256"}, {"sub": 7}, "AA"),
        unsigned({"alg": "RS256", "kid": {"a": 1}}, {"sub": "bank"}, "AA"),
        unsigned({"alg": "RS256"}, b"[" * 7000, "AA"),
        unsigned(b"[" * 7000, {"sub": "bank"}, "AA"),
        unsigned(b'{"alg":' + b"[" * 6000, {"sub": "bank"}, "AA"),
        unsigned(b"\xff", b"\xff", "AA"),
    ],
    ids=lambda text: text[:12] + str(len(text)),
)
async def test_a_malformed_assertion_is_a_refusal_and_no_fault(bank: Signer, assertion: str) -> None:
    await bank.refused(assertion)


async def test_another_assertion_type_is_refused(bank: Signer) -> None:
    with pytest.raises(InvalidClientError):
        await bank.send(bank.sign(), client_assertion_type="urn:example:saml")


async def test_an_assertion_beside_a_secret_is_one_method_too_many(bank: Signer) -> None:
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": bank.sign()}
    with pytest.raises(InvalidRequestError):
        await bank.reception.authenticate(form, basic("bank", "secret"))


async def test_a_client_with_a_secret_cannot_use_an_assertion(bank: Signer) -> None:
    await bank.reception.register("shop")
    await bank.refused(bank.sign(iss="shop", sub="shop"))


async def test_a_key_for_encryption_signs_nothing(bank: Signer) -> None:
    keys = [jwk(RSA_KEY, "rsa", use="enc"), jwk(OTHER_KEY, "es", alg="PS256")]
    await bank.reception.register("shop", jwks={"keys": keys})
    await bank.refused(bank.sign(iss="shop", sub="shop"))
    await bank.refused(bank.sign(iss="shop", sub="shop", key=OTHER_KEY, headers={"kid": "es"}))


@pytest.mark.parametrize("part", ["header", "claims"])
async def test_whatever_an_assertion_says_it_is_taken_or_refused(bank: Signer, part: str) -> None:
    """Any JSON as each member in turn: never an error of ours, and never a client that signed no such thing."""
    hostile = [None, True, 1, -1, 1e308, 2**70, "", "\x00", "\ud800", [], {}, ["bank"], [1], {"a": 1}]
    header, claims = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}, bank.claims()
    for name in (*(header if part == "header" else claims), "nbf", "crit", "b64", "jwk"):
        for value in hostile:
            head = {**header, name: value} if part == "header" else header
            body = {**bank.claims(), name: value} if part == "claims" else bank.claims()
            text = segment(head) + b"." + segment(body)
            signature = RSA_KEY.sign(text, PKCS1v15(), SHA256())
            assertion = text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")
            with contextlib.suppress(InvalidClientError):
                assert await bank.send(assertion.decode()) == "bank"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308])
async def test_an_assertion_that_never_expires_is_refused(bank: Signer, value: float) -> None:
    text = segment({"alg": "RS256", "kid": "rsa"}) + b"." + segment({**bank.claims(), "exp": value})
    signature = base64.urlsafe_b64encode(RSA_KEY.sign(text, PKCS1v15(), SHA256())).rstrip(b"=")
    await bank.refused((text + b"." + signature).decode())


def segment(value: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
