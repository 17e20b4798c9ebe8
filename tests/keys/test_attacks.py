"""What has been tried against the token verification of others, tried on ours."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from idp.keys import InvalidToken, Keyring, material, signing
from idp.keys.material import to_der

CLAIMS = {"sub": "ada", "iss": "https://id.example.com"}
HEADERS_THAT_NAME_A_KEY = ["jku", "x5u", "x5c", "x5t", "x5t#S256"]


def encode(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forge(header: dict[str, Any], key: rsa.RSAPrivateKey, claims: Any = CLAIMS) -> str:
    """A token under any header, with a valid RS256 signature by `key`."""
    signed = f"{encode(header)}.{encode(claims)}"
    return f"{signed}.{encode(signing.signer(key)(signed.encode()))}"


def with_our_key(keyring: Keyring, claims: Any = CLAIMS, **header: Any) -> str:
    """A token with our own signature under a header of the attacker's choice."""
    key = keyring.signing_key()
    assert isinstance(key.private, rsa.RSAPrivateKey)
    return forge({"alg": "RS256", "kid": key.kid} | header, key.private, claims)


def refused(keyring: Keyring, token: str, typ: str | None = None, **options: Any) -> str:
    """The private reason for which a token is refused; the public one is always the same."""
    with pytest.raises(InvalidToken) as caught:
        keyring.verify(token, typ=typ, **options)
    assert caught.value.sentence == "The token is not valid."
    return caught.value.detail or ""


@pytest.fixture
def attacker() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


async def test_own_forgery_tool_makes_a_token_that_passes(keyring: Keyring) -> None:
    assert keyring.verify(with_our_key(keyring), typ=None) == CLAIMS


async def test_key_in_the_header_is_not_trusted(keyring: Keyring, attacker: rsa.RSAPrivateKey) -> None:
    """CVE-2026-27962: header `jwk` trusted."""
    jwk = material.public_jwk("RS256", attacker)
    for kid in (jwk["kid"], keyring.signing_key().kid):
        token = forge({"alg": "RS256", "kid": kid, "jwk": jwk}, attacker)
        assert "'jwk'" in refused(keyring, token)
    refused(keyring, forge({"alg": "RS256", "kid": jwk["kid"]}, attacker))
    refused(keyring, forge({"alg": "RS256", "kid": keyring.signing_key().kid}, attacker))
    refused(keyring, forge({"alg": "RS256"}, attacker))


@pytest.mark.parametrize("name", HEADERS_THAT_NAME_A_KEY)
async def test_key_fetched_from_the_header_is_not_trusted(keyring: Keyring, name: str) -> None:
    """CVE-2026-27962, by reference: refused even with our own signature."""
    assert f"'{name}'" in refused(keyring, with_our_key(keyring, **{name: "https://attacker.example/keys"}))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("allowed", [None, ["none", "RS256"]])
async def test_unsigned_token_is_refused(keyring: Keyring, alg: str, allowed: list[str] | None) -> None:
    """CVE-2026-28802: `alg=none`. Not even a careless caller can allow it."""
    kid = keyring.signing_key().kid
    head, body = encode({"alg": alg, "kid": kid}), encode(CLAIMS)
    signature = with_our_key(keyring).rpartition(".")[2]
    for token in (f"{head}.{body}.", f"{head}.{body}", f"{head}.{body}.AA", f"{head}.{body}.{signature}"):
        refused(keyring, token, algorithms=allowed)


async def test_public_key_is_no_secret_for_hmac(keyring: Keyring) -> None:
    """CVE-2026-11800, CVE-2026-55669: algorithm confusion, HS256 with the public key."""
    key = keyring.signing_key()
    public = key.private.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(key.public_jwk).encode(),
        keyring.jwks_bytes,
    ]
    signed = f"{encode({'alg': 'HS256', 'kid': key.kid})}.{encode(CLAIMS)}"
    for secret in forms:
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        refused(keyring, f"{signed}.{encode(mac)}")
        refused(keyring, f"{signed}.{encode(mac)}", algorithms=["HS256", "RS256"])


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256", "RS512", "RS256 ", ["RS256"], None, 7])
async def test_algorithm_has_to_be_that_of_the_published_key(keyring: Keyring, alg: object) -> None:
    """CVE-2026-11800: an algorithm other than the key's, known or unknown."""
    refused(keyring, with_our_key(keyring, alg=alg))
    assert keyring.verification_key(keyring.signing_key().kid, "ES256") is None


async def test_algorithm_that_the_caller_does_not_allow_is_refused(keyring: Keyring) -> None:
    """CVE-2026-28498: an unexpected algorithm must not pass."""
    assert refused(keyring, with_our_key(keyring), algorithms=["ES256"]) == "algorithm not allowed"
    assert refused(keyring, with_our_key(keyring), algorithms=[]) == "algorithm not allowed"


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"zip": "DEF"},
    ],
)
async def test_critical_or_unknown_header_parameters_are_refused(
    keyring: Keyring, header: dict[str, Any]
) -> None:
    """CVE-2025-59420: unknown `crit` accepted."""
    assert "header parameter" in refused(keyring, with_our_key(keyring, **header))


async def test_one_kind_of_token_does_not_pass_for_another(keyring: Keyring) -> None:
    """RFC 8725 §3.11: an access token is no ID token, nor the reverse."""
    access, identity = keyring.sign(CLAIMS, typ="at+jwt"), keyring.sign(CLAIMS)
    assert keyring.verify(access, typ="at+jwt") == CLAIMS
    assert keyring.verify(with_our_key(keyring, typ="application/AT+JWT"), typ="at+jwt") == CLAIMS
    assert keyring.verify(with_our_key(keyring, typ="JWT"), typ=None) == CLAIMS
    for token, typ in ((access, None), (identity, "at+jwt"), (access, "logout+jwt")):
        assert refused(keyring, token, typ) == "typ is not the one expected"


async def test_changed_payload_or_signature_is_refused(keyring: Keyring) -> None:
    head, body, signature = keyring.sign(CLAIMS).split(".")
    refused(keyring, f"{head}.{encode(CLAIMS | {'sub': 'admin'})}.{signature}")
    refused(keyring, f"{head}.{body}.{signature[:-8]}")
    refused(keyring, f"{head}.{body}.{'A' * len(signature)}")


async def test_signature_of_zeros_is_refused_for_every_algorithm(keyring: Keyring) -> None:
    """CVE-2022-21449: an all-zero ECDSA signature passed for any message."""
    for alg in ("RS256", "ES256", "EdDSA"):
        signed = f"{encode({'alg': alg, 'kid': keyring.signing_key(alg).kid})}.{encode(CLAIMS)}"
        for length in (1, 63, 64, 65, 256):
            refused(keyring, f"{signed}.{encode(bytes(length))}")


async def test_huge_token_is_refused_before_it_is_read(keyring: Keyring) -> None:
    """CVE-2026-4634: a very large parameter exhausts the processor."""
    assert refused(keyring, "a" * 50_000) == "longer than any token of ours"
    nested = b'{"alg":' + b"[" * 6000
    assert refused(keyring, f"{encode(nested)}.e30.AA") == "header is not JSON"


@pytest.mark.parametrize("payload", [["sub"], "sub", 7, None, b"\xff\xfe", b"{"])
async def test_payload_that_is_no_object_is_refused(keyring: Keyring, payload: Any) -> None:
    assert refused(keyring, with_our_key(keyring, payload)).startswith("payload is not")


@pytest.mark.parametrize("kid", [None, 7, ["x"], {"x": 1}, "", "../../etc/passwd", "' OR 1=1"])
async def test_odd_key_ids_find_no_key(keyring: Keyring, kid: object) -> None:
    assert refused(keyring, with_our_key(keyring, kid=kid)) == "signed by no published key"


async def test_other_serialisations_and_stray_characters_are_refused(keyring: Keyring) -> None:
    token = keyring.sign(CLAIMS)
    head, body, signature = token.split(".")
    flattened = json.dumps({"protected": head, "payload": body, "signature": signature})
    for odd in (
        flattened,
        "",
        "..",
        f" {token}",
        f"{token}\n",
        f"{token}=",
        f"{token}.x",
        f"{head}.{body}",
        "é.é.é",
    ):
        assert refused(keyring, odd) == "not a compact JWS"


@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(header=st.recursive(st.none() | st.booleans() | st.text(), st.lists) | st.binary(), tail=st.text())
def test_no_input_raises_anything_but_invalid_token(header: Any, tail: str) -> None:
    def find(_kid: str, _alg: str) -> None:
        return None

    for token in (tail, f"{encode(header)}.{encode(CLAIMS)}.{tail}", f"{tail}.{encode(header)}.AA"):
        with pytest.raises(InvalidToken):
            signing.read_compact(token, typ=None, algorithms=["RS256"], find_key=find)


async def test_private_keys_open_only_as_what_they_were_sealed_for(keyring: Keyring) -> None:
    key = keyring.signing_key()
    sealed = keyring._master_key.seal(to_der(key.private), context="signing-key:other")
    with pytest.raises(Exception, match="altered or belongs to another record"):
        keyring._master_key.open(sealed, context=f"signing-key:{key.kid}")
