"""A client signs an assertion with its own key (RFC 7523 §2.2, OIDC Core §9)."""

import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from idp.clock import Clock
from idp.crypto import digest
from idp.keys.signing import AllowedAlgorithms
from idp.oauth.client_auth.key_sets import MIN_INTERVAL, TTL, RemoteKeySets
from idp.oauth.clients import Client
from idp.oauth.errors import InvalidClientError
from idp.oauth.http import CoreRequest
from idp.storage.ephemeral import EphemeralStore

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
MAX_ASSERTION_LENGTH = 10_000
MAX_LIFETIME = 3600
"""Seconds: an assertion that is valid for longer would have to be remembered for longer."""
LEEWAY = 30
"""Seconds by which clocks may differ."""


class PrivateKeyJwt:
    """`private_key_jwt`."""

    name = "private_key_jwt"

    def __init__(
        self, audiences: tuple[str, ...], store: EphemeralStore, clock: Clock, key_sets: RemoteKeySets
    ) -> None:
        """Accept assertions for `audiences`: our issuer first, then other names of ours."""
        self._audiences = audiences
        self._store = store
        self._clock = clock
        self._key_sets = key_sets

    def client_id(self, request: CoreRequest) -> str | None:
        """Return the `sub` of the assertion, not yet verified."""
        if "client_assertion" not in request.form and "client_assertion_type" not in request.form:
            return None
        if request.form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidClientError("The client_assertion_type is not supported")
        subject = _unverified_payload(request.form.get("client_assertion", "")).get("sub")
        if not isinstance(subject, str) or not subject:
            raise InvalidClientError("The client assertion has no sub")
        return subject

    async def verify(self, request: CoreRequest, client: Client) -> bool:
        """Check signature, claims and single use."""
        if client.auth_method != self.name:
            return False
        assertion = request.form["client_assertion"]
        header = _unverified_header(assertion)
        key = await self._key(client, header)
        registry = AllowedAlgorithms(algorithms=list(ALGORITHMS))  # refuses other algorithms and unknown crit
        try:
            verified = jws.deserialize_compact(assertion, key, registry=registry)
            claims = json.loads(verified.payload)
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidClientError("The client assertion does not verify") from error
        expires_at = self._check_claims(claims, client.client_id)
        replay_key = f"jti:{digest(client.client_id + ' ' + claims['jti'])}"
        uses = await self._store.increment(replay_key, expires_at - self._clock.now() + LEEWAY)
        if uses > 1:  # RFC 7523 §3 (7), Hydra GHSA-3p3g-vpw6-4w66
            raise InvalidClientError("The client assertion was used before")
        return True

    def _check_claims(self, claims: Mapping[str, Any], client_id: str) -> float:
        now = self._clock.now()
        expires_at, audience, jti = claims.get("exp"), claims.get("aud"), claims.get("jti")
        if claims.get("iss") != client_id or claims.get("sub") != client_id:
            raise InvalidClientError("The client assertion must have the client_id as iss and sub")
        audiences = audience if isinstance(audience, list) else [audience]
        # One audience, and it is us: an assertion meant for several could be passed on by one of them, and the
        # URL of a token endpoint can be a lie that the client was told (CVE-2025-27370, CVE-2025-27371).
        if len(audiences) != 1 or audiences[0] not in self._audiences:
            raise InvalidClientError(f"The client assertion must have {self._audiences[0]} as its only aud")
        if not isinstance(expires_at, int | float) or isinstance(expires_at, bool):
            raise InvalidClientError("The client assertion has no exp")
        if not now - LEEWAY < expires_at <= now + MAX_LIFETIME + LEEWAY:
            raise InvalidClientError("The client assertion has expired or lives too long")
        for name, value in (("iat", claims.get("iat")), ("nbf", claims.get("nbf", now))):
            if not isinstance(value, int | float) or value > now + LEEWAY:
                raise InvalidClientError(f"The client assertion has no {name}, or one in the future")
        if not isinstance(jti, str) or not jti or not jti.isprintable():
            raise InvalidClientError("The client assertion has no jti")
        return float(expires_at)

    async def _key(self, client: Client, header: Mapping[str, Any]) -> Key:
        kid, alg = header.get("kid"), header.get("alg")
        if alg not in ALGORITHMS:
            raise InvalidClientError("The client assertion's algorithm is not supported")
        jwks: Any = client.metadata.jwks
        jwks_uri = client.metadata.jwks_uri
        if jwks:
            key = _choose(KeySet.import_key_set(jwks), kid, alg)
        elif jwks_uri:
            key = await self._remote_key(jwks_uri, kid, alg)
        else:
            key = None
        if key is None:
            raise InvalidClientError("None of the client's keys fits the assertion")
        return key

    async def _remote_key(self, uri: str, kid: object, alg: str) -> Key | None:
        for max_age in (TTL, MIN_INTERVAL):  # the second time, as it may have been rotated since we looked
            keys = await self._key_sets.get(uri, max_age)
            if keys is None:
                raise InvalidClientError("The client's jwks_uri cannot be read")
            key = _choose(keys, kid, alg)
            if key is not None:
                return key
        return None


_KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


def _choose(keys: KeySet, kid: object, alg: str) -> Key | None:
    """Return the key for `alg`: the one named, or the only one that fits when none is named."""
    fitting = [
        key
        for key in keys.keys
        if key.key_type == _KEY_TYPES[alg]
        and key.get("use") in {None, "sig"}
        and key.get("alg") in {None, alg}
        and (kid is None or key.kid == kid)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _unverified_header(assertion: str) -> Mapping[str, Any]:
    return _extract(assertion).headers()


def _unverified_payload(assertion: str) -> Mapping[str, Any]:
    try:
        payload = json.loads(_extract(assertion).payload)
    except (ValueError, RecursionError) as error:
        raise InvalidClientError("The client assertion is malformed") from error
    if not isinstance(payload, dict):
        raise InvalidClientError("The client assertion is malformed")
    return payload


def _extract(assertion: str) -> jws.CompactSignature:
    if len(assertion) > MAX_ASSERTION_LENGTH or not assertion.isascii():
        raise InvalidClientError("The client assertion is malformed")
    try:
        return jws.extract_compact(assertion.encode())
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise InvalidClientError("The client assertion is malformed") from error
