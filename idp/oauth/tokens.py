"""Minting the tokens: access tokens (RFC 9068), ID tokens (OIDC Core §2), and reading them back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oauth2.rfc9068.claims import JWTAccessTokenClaimsValidator
from authlib.oidc.core.util import create_half_hash
from joserfc.errors import JoseError

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import TokenSettings
from idp.crypto import random_token
from idp.keys.keyring import Keyring
from idp.keys.signing import InvalidToken
from idp.oauth.claims import ClaimsRequest
from idp.oauth.clients import Client
from idp.oauth.scopes import claims_of
from idp.oauth.subject import Subject
from idp.storage.hot_path import TokenUser

ACCESS_TOKEN_TYPE = "at+jwt"  # RFC 9068 §2.1
ACCESS_TOKEN_ALGORITHMS = ("RS256",)
REQUIRED_CLAIMS = ("iss", "exp", "aud", "sub", "client_id", "jti")
"""Those that are read here, of RFC 9068 §2.2."""


@dataclass(frozen=True, slots=True)
class AccessToken(TokenMixin):
    """A verified access token."""

    claims: Mapping[str, Any]
    revoked: bool = False
    """Whether it was revoked, or what it stands on has ended: what the database said, if it was asked."""
    user: TokenUser | None = None
    """The user that it is about, if introspection asked the database."""

    @property
    def jti(self) -> str:
        """Its identifier."""
        return str(self.claims["jti"])

    @property
    def client_id(self) -> str:
        """The client that it was issued to."""
        return str(self.claims["client_id"])

    @property
    def grant_id(self) -> str | None:
        """The grant that it hangs from; None for a client's own token."""
        return self.claims.get("gid")

    @property
    def scopes(self) -> tuple[str, ...]:
        """What it allows."""
        return tuple(str(self.claims.get("scope", "")).split())

    @property
    def audiences(self) -> tuple[str, ...]:
        """The resource servers that it is for."""
        audience = self.claims["aud"]
        return (audience,) if isinstance(audience, str) else tuple(audience)

    # What Authlib asks (its TokenMixin) ----------------------------------------------------------

    def check_client(self, client: Client) -> bool:
        """Tell whether it was issued to the client."""
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        """Return what it allows."""
        return str(self.claims.get("scope", ""))

    def is_expired(self) -> bool:
        """Return False: an expired token is not read."""
        return False

    def is_revoked(self) -> bool:
        """Tell whether the database said that it was revoked."""
        return self.revoked


class TokenMint:
    """Makes and reads the tokens that we sign."""

    def __init__(self, issuer: str, keyring: Keyring, settings: TokenSettings, clock: Clock) -> None:
        self.issuer = issuer
        self.settings = settings
        self._keyring = keyring
        self._clock = clock
        options: dict[str, dict[str, object]] = {name: {"essential": True} for name in REQUIRED_CLAIMS}
        options["iss"]["value"] = issuer
        self._claims = JWTAccessTokenClaimsValidator(now=clock.now, **options)

    def access_token(
        self,
        client: Client,
        *,
        subject: str,
        scope: str,
        grant_id: str | None = None,
        authentication: Authentication | None = None,
        session_id: str | None = None,
        about: Mapping[str, object] | None = None,
        confirmation: Mapping[str, str] | None = None,
    ) -> str:
        """Return a signed access token. `about` are claims for resource servers; `confirmation` is the key that
        it is bound to (`cnf`, RFC 7800 §3.1)."""
        now = int(self._clock.now())
        claims: dict[str, Any] = {
            **(about or {}),
            "iss": self.issuer,
            "sub": subject,
            "aud": _one_or_many(client.audiences) or self.issuer,
            "client_id": client.client_id,
            "iat": now,
            "exp": now + self.settings.access_token_ttl,
            "jti": random_token(16),
        }
        if scope:  # RFC 6749 §3.3: never an empty one
            claims["scope"] = scope
        if grant_id is not None:
            claims["gid"] = grant_id
        if confirmation is not None:
            claims["cnf"] = dict(confirmation)
        if authentication is not None:
            claims.update(_authentication_claims(authentication, session_id))
        return self._keyring.sign(claims, alg="RS256", typ=ACCESS_TOKEN_TYPE)

    def id_token(
        self,
        client: Client,
        subject: Subject,
        authentication: Authentication,
        *,
        session_id: str | None,
        access_token: str,
        claims_request: ClaimsRequest,
        scopes: Iterable[str] = (),
        nonce: str | None = None,
    ) -> str:
        """Return a signed ID token. The claims of `scopes` are at userinfo (OIDC Core §5.4). Here are those that
        the `claims` parameter asked for by name, and for a client with `id_token_claims` those of the scopes too."""
        now = int(self._clock.now())
        alg = client.id_token_alg
        asked = set(claims_request.id_token)
        if client.metadata.id_token_claims:
            asked |= claims_of(scopes)
        claims: dict[str, Any] = {name: value for name, value in subject.claims.items() if name in asked}
        claims.update(
            iss=self.issuer,
            sub=subject.id,
            aud=client.client_id,
            iat=now,
            exp=now + self.settings.id_token_ttl,
            at_hash=create_half_hash(access_token, alg).decode(),
        )
        claims.update(_authentication_claims(authentication, session_id))
        if nonce is not None:
            claims["nonce"] = nonce
        return self._keyring.sign(claims, alg=alg, typ="JWT")

    def read_access_token(self, token: str) -> AccessToken | None:
        """Return the token if we signed it and it has not expired; else None.

        Whether it or its grant was revoked is for the caller to ask the database.
        """
        try:
            claims = self._keyring.verify(token, typ=ACCESS_TOKEN_TYPE, algorithms=ACCESS_TOKEN_ALGORITHMS)
            self._claims.validate({name: claims.get(name) for name in REQUIRED_CLAIMS})
        except (InvalidToken, JoseError):
            return None
        return AccessToken(claims)


def _authentication_claims(authentication: Authentication, session_id: str | None) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "auth_time": int(authentication.auth_time),
        "acr": authentication.acr,
        "amr": list(authentication.amr),
    }
    if session_id is not None:
        claims["sid"] = session_id
    return claims


def _one_or_many(values: Sequence[str]) -> str | list[str] | None:
    if not values:
        return None
    return values[0] if len(values) == 1 else list(values)
