"""Verifying a provider's ID token (OIDC Core §3.1.3.7), with every precaution of RFC 8725."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from idp.crypto import equal
from idp.keys.signing import AllowedAlgorithms

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
)  # fmt: skip
"""Signatures by a key that only the provider has: no `none`, no HMAC."""

_KEY_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
_HASHES: Final = {
    "256": hashlib.sha256,
    "384": hashlib.sha384,
    "512": hashlib.sha512,
    "EdDSA": hashlib.sha512,
}
LEEWAY: Final = 60
"""Seconds by which clocks may differ."""
LONGEST: Final = 32 * 1024
LONGEST_SUBJECT: Final = 255
"""Characters (OIDC Core §2)."""


class BadIdToken(Exception):
    """An ID token is not what it should be; the reason is for the log."""


def header_of(token: str) -> dict[str, Any]:
    """Return the header, of which nothing is to be believed but which key and algorithm to try."""
    if len(token) > LONGEST or token.count(".") != 2:
        raise BadIdToken("it is not a compact JWS of a reasonable length")
    header = _object(token.partition(".")[0], "header")
    if "crit" in header:  # RFC 7515 §4.1.11: there is none that we understand
        raise BadIdToken("its header has crit")
    if header.get("typ") not in {None, "JWT", "jwt"}:
        raise BadIdToken("its typ is that of another kind of token")
    return header


def key_for(header: Mapping[str, Any], keys: Sequence[Mapping[str, Any]], allowed: Collection[str]) -> Any:
    """Choose the provider's key; keys in the header (`jwk`, `jku`, `x5c`) are never looked at."""
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or alg not in allowed or alg not in ALGORITHMS:
        raise BadIdToken(f"its algorithm {str(alg)[:20]!r} is not allowed")
    fitting = [key for key in keys if _fits(key, alg) and (kid is None or key.get("kid") == kid)]
    if len(fitting) != 1:
        raise BadIdToken(f"{len(fitting)} published keys fit its kid {str(kid)[:80]!r} and {alg}")
    public = {name: value for name, value in fitting[0].items() if name in _PUBLIC_MEMBERS}
    try:
        return import_key(public)
    except (JoseError, ValueError, TypeError) as error:
        raise BadIdToken(f"the provider's key cannot be read: {type(error).__name__}") from error


_PUBLIC_MEMBERS: Final = frozenset({"kty", "n", "e", "crv", "x", "y", "kid"})


def _fits(key: Mapping[str, Any], alg: str) -> bool:
    return (
        key.get("kty") == _KEY_TYPES[alg[:2]]
        and key.get("use") in {None, "sig"}
        and key.get("alg") in {None, alg}
        and _CURVES.get(alg) in {None, key.get("crv")}
    )


def verified_claims(token: str, key: Any, alg: str) -> dict[str, Any]:
    """Return the claims if the signature holds."""
    try:
        jws.deserialize_compact(token, key, registry=AllowedAlgorithms(algorithms=[alg]))
    except (JoseError, ValueError, TypeError) as error:
        raise BadIdToken(f"its signature does not hold: {type(error).__name__}") from error
    return _object(token.split(".")[1], "payload")


def check_claims(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
    access_token: str | None,
    alg: str,
) -> None:
    """Check everything that the provider says about the token itself."""
    if claims.get("iss") != issuer:
        raise BadIdToken(f"its iss is {str(claims.get('iss'))[:200]!r}")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise BadIdToken("its aud is not this client")
    azp = claims.get("azp")
    if azp not in {None, client_id} or (len(audiences) > 1 and azp is None):
        raise BadIdToken("its azp is not this client")
    expires, issued, not_before = (_instant(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None or expires + LEEWAY <= now:
        raise BadIdToken("it has expired, or does not say when")
    if issued is None or issued - LEEWAY > now:
        raise BadIdToken("it is from the future, or does not say from when")
    if not_before is not None and not_before - LEEWAY > now:
        raise BadIdToken("it is not valid yet")
    told = claims.get("nonce")
    if not isinstance(told, str) or not equal(told, nonce):
        raise BadIdToken("its nonce is not the one of this sign-in")
    _check_at_hash(claims.get("at_hash"), access_token, alg)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise BadIdToken("its sub is missing or malformed")


def _check_at_hash(told: object, access_token: str | None, alg: str) -> None:
    if told is None or access_token is None:
        return
    digest = _HASHES[alg if alg == "EdDSA" else alg[2:]](access_token.encode()).digest()
    right = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not isinstance(told, str) or not equal(told, right):
        raise BadIdToken("its at_hash is not that of the access token")


def _instant(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadIdToken(f"its {name} is not a number")
    return float(value)


def _object(segment: str, part: str) -> dict[str, Any]:
    try:
        value = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError) as error:
        raise BadIdToken(f"its {part} is not JSON") from error
    if not isinstance(value, dict):
        raise BadIdToken(f"its {part} is not a JSON object")
    return value
