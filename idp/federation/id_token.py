"""Verifying a provider's ID token (OIDC Core §3.1.3.7), with every precaution of RFC 8725."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from typing import Any, Final

from idp import foreign
from idp.crypto import equal
from idp.foreign import Malformed
from idp.keys.published import KeySet, verify

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
)  # fmt: skip
"""Signatures by a key that only the provider has: no `none`, no HMAC."""

_HASHES: Final = {
    "256": hashlib.sha256,
    "384": hashlib.sha384,
    "512": hashlib.sha512,
    "EdDSA": hashlib.sha512,
}
LONGEST: Final = 32 * 1024
LONGEST_SUBJECT: Final = 255
"""Characters (OIDC Core §2)."""


class BadIdToken(Exception):
    """An ID token is not what it should be; the reason is for the log."""


def read_header(token: str, allowed: Collection[str]) -> tuple[str | None, str]:
    """Return `kid` and `alg` of the header: which key and algorithm to try, and nothing else is believed of it.
    Keys in it (`jwk`, `jku`, `x5c`) are never looked at."""
    if len(token) > LONGEST or token.count(".") != 2:
        raise BadIdToken("it is not a compact JWS of a reasonable length")
    header = _object(token.partition(".")[0], "header")
    if "crit" in header:  # RFC 7515 §4.1.11: there is none that we understand
        raise BadIdToken("its header has crit")
    try:
        alg, kid, typ = (foreign.text(header, name) for name in ("alg", "kid", "typ"))
    except Malformed as error:
        raise BadIdToken(f"its header is malformed: {error}") from error
    if typ is not None and typ.lower().removeprefix("application/") != "jwt":
        raise BadIdToken("its typ is that of another kind of token")
    if alg is None or alg not in allowed or alg not in ALGORITHMS:
        raise BadIdToken(f"its algorithm {str(alg)[:20]!r} is not allowed")
    return kid, alg


def verified_claims(token: str, keys: KeySet, kid: str | None, alg: str) -> dict[str, Any]:
    """Return the claims if the signature holds by one of the provider's keys; else raise `NotVerified`."""
    verify(token, keys, kid, alg)
    return _object(token.split(".")[1], "payload")


def check_claims(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
    access_token: str,
    alg: str,
    clock_skew: float,
) -> None:
    """Check everything that the provider says about the token itself. `clock_skew` is in seconds."""
    try:
        _check_issue(claims, issuer=issuer, client_id=client_id)
        _check_times(claims, now, clock_skew)
        told = foreign.text(claims, "nonce")
        if told is None or not equal(told, nonce):
            raise BadIdToken("its nonce is not the one of this sign-in")
        _check_at_hash(foreign.text(claims, "at_hash"), access_token, alg)
        subject = foreign.text(claims, "sub", LONGEST_SUBJECT)
    except Malformed as error:
        raise BadIdToken(f"its claims are malformed: {error}") from error
    if not subject or not subject.isprintable():
        raise BadIdToken("its sub is missing or malformed")


def _check_issue(claims: Mapping[str, Any], *, issuer: str, client_id: str) -> None:
    found = foreign.text(claims, "iss")
    if found != issuer:
        raise BadIdToken(f"its iss is {str(found)[:200]!r}")
    audiences = foreign.one_or_more_texts(claims, "aud")
    if client_id not in audiences:
        raise BadIdToken("its aud is not this client")
    azp = foreign.text(claims, "azp")
    if azp not in {None, client_id} or (len(audiences) > 1 and azp is None):
        raise BadIdToken("its azp is not this client")


def _check_times(claims: Mapping[str, Any], now: float, clock_skew: float) -> None:
    expires, issued, not_before = (foreign.instant(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None or expires + clock_skew <= now:
        raise BadIdToken("it has expired, or does not say when")
    if issued is None or issued - clock_skew > now:
        raise BadIdToken("it is from the future, or does not say from when")
    if not_before is not None and not_before - clock_skew > now:
        raise BadIdToken("it is not valid yet")


def check_userinfo(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, now: float, clock_skew: float
) -> None:
    """Check what a signed userinfo answer says about itself (OIDC Core §5.3.2): it has `iss` and `aud`."""
    try:
        _check_issue(claims, issuer=issuer, client_id=client_id)
        expires = foreign.instant(claims, "exp")
    except Malformed as error:
        raise BadIdToken(f"its claims are malformed: {error}") from error
    if expires is not None and expires + clock_skew <= now:
        raise BadIdToken("it has expired")


def _check_at_hash(told: str | None, access_token: str, alg: str) -> None:
    if told is None:
        return
    digest = _HASHES[alg if alg == "EdDSA" else alg[2:]](access_token.encode()).digest()
    right = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not equal(told, right):
        raise BadIdToken("its at_hash is not that of the access token")


def _object(segment: str, part: str) -> dict[str, Any]:
    try:
        return foreign.json_object(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError as error:
        raise BadIdToken(f"its {part} is malformed: {error}") from error
