"""Compact JWS (RFC 7515 §3.1): writing it on the hot path, reading it with every precaution.

Writing is done here, with the key that is named and nothing to choose: around an ES256 signature
joserfc takes longer than the signature itself, which is to be the largest cost of a token (around RS256
it hardly shows). Reading goes through joserfc, with an explicit key and an explicit algorithm, after the header
has been looked at.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry

from idp.errors import IdpError
from idp.keys.material import Key, PrivateKey

LONGEST_TOKEN = 16 * 1024
"""Characters; a longer one is refused before anything of it is decoded."""

HEADER_PARAMETERS = frozenset({"alg", "kid", "typ"})
"""All that a token of ours has. Anything else (`jwk`, `jku`, `x5u`, `crit`, `b64`, …) is not from here."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_PADDING, _HASH, _ECDSA = PKCS1v15(), SHA256(), ec.ECDSA(SHA256())

Signer = Callable[[bytes], bytes]


class InvalidToken(IdpError):
    """A token is not one that this provider signed, or not of the kind asked for."""

    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__("The token is not valid.", detail=detail)


def signer(private: PrivateKey) -> Signer:
    """Return the function that signs with `private`, in the form of RFC 7518 §3 and RFC 8037 §3.1."""
    if isinstance(private, rsa.RSAPrivateKey):
        return lambda data: private.sign(data, _PADDING, _HASH)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign
    return lambda data: _raw_p256(private.sign(data, _ECDSA))


def _raw_p256(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def write_compact(sign: Signer, *, alg: str, kid: str, typ: str | None, claims: Mapping[str, Any]) -> str:
    """Return `claims` as a signed token."""
    signed = _header(alg, kid, typ) + b"." + _encode(claims)
    return (signed + b"." + urlsafe_b64encode(sign(signed)).rstrip(b"=")).decode("ascii")


@lru_cache(maxsize=256)
def _header(alg: str, kid: str, typ: str | None) -> bytes:
    return _encode({"alg": alg, "kid": kid} | ({"typ": typ} if typ else {}))


def _encode(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return urlsafe_b64encode(text.encode()).rstrip(b"=")


def read_compact(
    token: str,
    *,
    typ: str | None,
    algorithms: Collection[str],
    find_key: Callable[[str, str], Key | None],
) -> dict[str, Any]:
    """Return the claims of a token whose signature holds, or raise `InvalidToken`.

    `find_key` is asked for the key of a `kid` and an `alg`; the token's own idea of its key is never used.
    """
    if len(token) > LONGEST_TOKEN:
        raise InvalidToken("longer than any token of ours")
    if _COMPACT.fullmatch(token) is None:
        raise InvalidToken("not a compact JWS")
    header = _read_object(token.partition(".")[0], "header")
    unknown = header.keys() - HEADER_PARAMETERS
    if unknown:
        raise InvalidToken(f"header parameter {min(unknown)[:40]!r} is not one that we write")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or alg not in algorithms:
        raise InvalidToken("algorithm not allowed")
    _check_typ(header.get("typ"), typ)
    key = find_key(kid, alg) if isinstance(kid, str) else None
    if key is None:
        raise InvalidToken("signed by no published key")
    try:
        jws.deserialize_compact(token, key, registry=AllowedAlgorithms(algorithms=[alg]))
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidToken(f"signature does not hold: {type(error).__name__}") from error
    return _read_object(token.split(".")[1], "payload")


def _check_typ(found: object, expected: str | None) -> None:
    # RFC 8725 §3.11: one kind of token must not pass for another. Ours without a `typ` of its own is an
    # ID token, which may say JWT.
    if expected is None:
        accepted = found is None or found == "JWT"
    else:
        # RFC 7515 §4.1.9: media types, without "application/" or with it, in any case.
        accepted = isinstance(found, str) and (
            found.lower().removeprefix("application/") == expected.lower().removeprefix("application/")
        )
    if not accepted:
        raise InvalidToken("typ is not the one expected")


def _read_object(segment: str, part: str) -> dict[str, Any]:
    try:
        value = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"{part} is not JSON") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"{part} is not a JSON object")
    return value


class AllowedAlgorithms(JWSRegistry):
    """joserfc's registry without its warning that RFC 9864 renames EdDSA: OpenID Connect clients know
    Ed25519 keys only under the old name, and only Ed25519 keys are kept for it."""

    def get_alg(self, name: str) -> Any:
        if not self.allowed or name not in self.allowed or name not in self.algorithms:
            raise UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]
