"""Client assertions: every claim is needed, each is used once, and only the client's own keys count."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from idp.oauth.client_auth import key_sets
from idp.oauth.client_auth.private_key_jwt import ASSERTION_TYPE
from idp.oauth.errors import InvalidClientError, InvalidRequestError
from idp.outgoing import Limits
from tests.support.client_auth import ISSUER, TOKEN_URL, Reception, basic

RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def jwk(private: Any, kid: str, **more: str) -> dict[str, Any]:
    kinds = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    kind = next(found for cls, found in kinds.items() if isinstance(private, cls))
    parameters = kind.to_jwk(private.public_key(), as_dict=True) | {"kid": kid, "use": "sig"} | more
    parameters.pop("key_ops", None)
    return parameters


JWKS = {"keys": [jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec"), jwk(ED_KEY, "ed")]}


class Signer:
    """The client: makes assertions, good ones unless told otherwise. None leaves a claim out."""

    def __init__(self, reception: Reception) -> None:
        self.reception = reception

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.reception.clock.now())
        good = {"iss": "bank", "sub": "bank", "aud": ISSUER, "iat": now, "exp": now + 60}
        return {n: v for n, v in {**good, "jti": secrets.token_hex(8), **changes}.items() if v is not None}

    def sign(
        self, *, key: Any = RSA_KEY, alg: str = "RS256", headers: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        return jwt.encode(
            self.claims(**changes), key, alg, headers={"kid": "rsa"} if headers is None else headers
        )

    async def send(self, assertion: str, **more: str) -> str:
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, **more}
        return (await self.reception.authenticate(form)).client_id

    async def refused(self, assertion: str) -> str:
        with pytest.raises(InvalidClientError) as refusal:
            await self.send(assertion)
        return str(refusal.value.description)


@pytest.fixture
async def bank(reception: Reception) -> Signer:
    await reception.register("bank", jwks=JWKS)
    return Signer(reception)


@pytest.mark.parametrize("audience", [ISSUER, TOKEN_URL, [ISSUER]])
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


# A key set at an address of the client's ----------------------------------------------------------------


class KeyHost:
    """The client's own web server: answers with `body`, and counts."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, json.dumps(JWKS).encode(), {}
        self.asked = self.connected = 0
        self.drip = False
        self.reached, self.closing = Event(), Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked += 1
                host.reached.set()
                self.send_response(host.status)
                for name, value in host.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    if host.drip:
                        while host.drip and not host.closing.wait(0.02):
                            self.wfile.write(b" ")
                            self.wfile.flush()
                    self.wfile.write(host.body)
                except OSError:
                    pass  # the provider went away, as it should

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def verify_request(self, *_: object) -> bool:
                host.connected += 1
                return True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks"


@pytest.fixture
def key_host() -> Iterator[KeyHost]:
    host = KeyHost()
    thread = Thread(target=host.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield host
    host.closing.set()
    host.server.shutdown()
    thread.join()
    host.server.server_close()


@pytest.fixture
async def remote_bank(reception: Reception, key_host: KeyHost) -> Signer:
    await reception.register("bank", jwks_uri=key_host.url)
    return Signer(reception)


async def test_keys_are_fetched_once_and_believed_for_a_while(remote_bank: Signer, key_host: KeyHost) -> None:
    for _ in range(3):
        await remote_bank.send(remote_bank.sign())
    assert key_host.asked == 1
    remote_bank.reception.clock.advance(key_sets.TTL)
    await remote_bank.send(remote_bank.sign())
    assert key_host.asked == 2


async def test_a_rotated_key_is_found_without_waiting_for_the_cache(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    await remote_bank.send(remote_bank.sign())
    key_host.body = json.dumps({"keys": [jwk(OTHER_KEY, "new")]}).encode()
    remote_bank.reception.clock.advance(key_sets.MIN_INTERVAL)
    assert await remote_bank.send(remote_bank.sign(key=OTHER_KEY, headers={"kid": "new"})) == "bank"
    await remote_bank.refused(remote_bank.sign())


async def test_made_up_key_ids_cause_no_traffic(remote_bank: Signer, key_host: KeyHost) -> None:
    for number in range(5):
        await remote_bank.refused(remote_bank.sign(headers={"kid": f"made up {number}"}))
    assert key_host.asked == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (302, json.dumps(JWKS).encode()),
        (200, b"<!doctype html><p>Sign in"),
        (200, b""),
        (200, b"\xff\xfe"),
        (200, b"[]"),
        (200, b"null"),
        (200, b"7"),
        (200, b'{"keys": 7}'),
        (200, b'{"keys": [7]}'),
        (200, b'{"keys": [{"kty": "RSA"}]}'),
        (200, b'{"keys": [{"kty": "RSA", "n": 7, "e": []}]}'),
        (200, b'{"keys": []}'),
        (200, b"[" * 100_000),
        (200, b" " * (key_sets.LIMITS.longest + 1)),
    ],
)
async def test_whatever_the_address_answers_it_is_a_refusal(
    remote_bank: Signer, key_host: KeyHost, status: int, body: bytes
) -> None:
    key_host.status, key_host.body = status, body
    key_host.headers = {"Location": key_host.url + "/elsewhere"} if status == 302 else {}
    await remote_bank.refused(remote_bank.sign())
    assert key_host.asked == 1  # a redirect is not followed


async def test_an_address_that_does_not_answer_is_not_asked_again_at_once(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    key_host.status = 503
    for _ in range(5):
        await remote_bank.refused(remote_bank.sign())
    assert key_host.asked == 1
    key_host.status = 200
    remote_bank.reception.clock.advance(key_sets.MIN_INTERVAL)
    assert await remote_bank.send(remote_bank.sign()) == "bank"


async def test_a_key_set_that_trickles_in_does_not_hold_the_request(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    remote_bank.reception.outgoing.limits = Limits(total=0.3)
    key_host.drip = True
    async with asyncio.timeout(5):
        await remote_bank.refused(remote_bank.sign())


async def test_of_many_assertions_at_once_one_fetches_the_keys(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    sent = [remote_bank.send(remote_bank.sign()) for _ in range(20)]
    assert await asyncio.gather(*sent) == ["bank"] * 20
    assert key_host.asked == 1


async def test_a_request_that_is_given_up_does_not_take_the_keys_of_the_others_along(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    key_host.drip = True
    first, second = (asyncio.create_task(remote_bank.send(remote_bank.sign())) for _ in range(2))
    assert await asyncio.to_thread(key_host.reached.wait, 5)
    first.cancel()
    key_host.drip = False
    assert await second == "bank"
    assert key_host.asked == 1


async def test_keys_that_were_read_still_count_when_looking_for_a_made_up_one_fails(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    await remote_bank.send(remote_bank.sign())
    remote_bank.reception.clock.advance(key_sets.MIN_INTERVAL)
    key_host.status = 503
    await remote_bank.refused(remote_bank.sign(headers={"kid": "made up"}))
    assert await remote_bank.send(remote_bank.sign()) == "bank"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433"])
async def test_no_address_of_a_client_leads_into_our_own_network(
    reception: Reception, key_host: KeyHost, host: str
) -> None:
    reception.outgoing.allow_private = False
    await reception.register("bank", jwks_uri=f"https://{host}:{urlsplit(key_host.url).port}/jwks")
    bank = Signer(reception)
    await bank.refused(bank.sign())
    assert key_host.connected == 0
