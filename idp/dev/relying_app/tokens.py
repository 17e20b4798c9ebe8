"""Verifying tokens offline against the provider's JWKS, with an explicit list of algorithms."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, InvalidKeyIdError, JoseError, MissingClaimError
from joserfc.jwk import KeySet

from idp.dev.relying_app.errors import ProviderUnreachableError, TokenRejectedError

# Never taken from the token: `none` and the HMAC family are not here (RFC 8725 §3.1).
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
AT_HASH_DIGESTS = {
    "RS256": hashlib.sha256,
    "PS256": hashlib.sha256,
    "ES256": hashlib.sha256,
    "EdDSA": hashlib.sha512,
}
LEEWAY_SECONDS = 30
# An unknown kid means that keys were rotated, or that somebody invents kids: ask again, but not each time.
JWKS_PAUSE_SECONDS = 5

WRONG_CLAIM = {
    "iss": "it comes from another issuer",
    "aud": "it was made for somebody else",
    "nonce": "it was not made for this sign-in (its nonce is another one)",
    "iat": "it claims to come from the future",
    "azp": "it was issued to another app",
    "at_hash": "it does not belong to the access token that came with it",
    "sub": "it is about another person",
}


class Keys:
    """The provider's public keys, fetched when first needed and again when an unknown kid turns up."""

    def __init__(self, fetch: Callable[[], Awaitable[dict[str, Any]]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched_at = 0.0

    async def decode(self, token: str, kind: str) -> jwt.Token:
        keys = self._keys or await self._refresh()
        try:
            try:
                return jwt.decode(token, keys, algorithms=ALGORITHMS)
            except InvalidKeyIdError:
                if self._clock() - self._fetched_at < JWKS_PAUSE_SECONDS:
                    raise
                return jwt.decode(token, await self._refresh(), algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise TokenRejectedError(
                f"The {kind} was refused: its signature does not verify against the provider's keys."
            ) from error

    async def _refresh(self) -> KeySet:
        document = await self._fetch()
        try:
            public = [key for key in document["keys"] if key.get("kty") != "oct" and key.get("use") != "enc"]
            self._keys = KeySet.import_key_set({"keys": public})
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProviderUnreachableError(
                "The provider's JWKS holds no key that this app can use."
            ) from error
        self._fetched_at = self._clock()
        return self._keys


class TokenVerifier:
    def __init__(self, *, issuer: str, client_id: str, keys: Keys, clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._keys = keys
        self._clock = clock

    async def id_token(
        self,
        token: str,
        *,
        access_token: str,
        nonce: str,
        refreshed_subject: str | None = None,
    ) -> dict[str, Any]:
        """The verified claims (OIDC Core §3.1.3.7).

        With `refreshed_subject`, the rules for an ID token that a refresh brought: the subject is the
        same, and the nonce may be absent but not another one (OIDC Core §12.2).
        """
        refreshed = refreshed_subject is not None
        decoded = await self._keys.decode(token, "ID token")
        claims = decoded.claims
        registry = self._registry(
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": not refreshed, "value": nonce},
        )
        _validate(registry, claims, "ID token")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client_id) != self._client_id:
            raise _wrong("ID token", "azp")
        if refreshed and claims["sub"] != refreshed_subject:
            raise _wrong("ID token", "sub")
        # Optional in the code flow (OIDC Core §3.1.3.6), binding when present.
        if "at_hash" in claims:
            expected = at_hash(access_token, str(decoded.header["alg"]))
            if not hmac.compare_digest(str(claims["at_hash"]).encode(), expected.encode()):
                raise _wrong("ID token", "at_hash")
        return claims

    async def access_token(self, token: str, *, audience: str) -> dict[str, Any]:
        """The verified claims of a JWT access token (RFC 9068 §4)."""
        decoded = await self._keys.decode(token, "access token")
        # The type first: an ID token is signed by the same keys (RFC 8725 §3.11).
        if str(decoded.header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
            raise TokenRejectedError("The access token was refused: it is not of type at+jwt.")
        registry = self._registry(
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            client_id={"essential": True},
        )
        _validate(registry, decoded.claims, "access token")
        return decoded.claims

    def _registry(self, **options: Any) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(now=int(self._clock()), leeway=LEEWAY_SECONDS, **options)


def at_hash(access_token: str, algorithm: str) -> str:
    digest = AT_HASH_DIGESTS[algorithm](access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def read_unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Header and claims for display only, or None when the token is opaque."""
    try:
        header, claims = (
            json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            for part in token.split(".")[:2]
        )
    except ValueError:
        return None
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def _validate(registry: jwt.JWTClaimsRegistry, claims: dict[str, Any], kind: str) -> None:
    try:
        registry.validate(claims)
    except ExpiredTokenError as error:
        raise TokenRejectedError(f"The {kind} was refused: it has expired.") from error
    except MissingClaimError as error:
        raise TokenRejectedError(
            f"The {kind} was refused: it lacks {error.claim.replace(',', ', ')}."
        ) from error
    except ClaimError as error:
        raise _wrong(kind, error.claim) from error
    except (JoseError, TypeError) as error:
        raise TokenRejectedError(f"The {kind} was refused: its claims cannot be read.") from error


def _wrong(kind: str, claim: str) -> TokenRejectedError:
    return TokenRejectedError(
        f"The {kind} was refused: {WRONG_CLAIM.get(claim, f'its {claim} is not valid')}."
    )
