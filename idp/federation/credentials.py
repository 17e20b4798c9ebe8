"""How we prove to a provider who we are (RFC 6749 §2.3.1, RFC 7523 §2.2)."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from idp.clock import Clock
from idp.config import UpstreamSettings
from idp.crypto import random_token
from idp.errors import ConfigurationError
from idp.keys.signing import signer, write_compact

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_TTL: Final = 120
"""Seconds."""


class UpstreamCredentials:
    """Our client id at a provider, and the secret or key that goes with it."""

    def __init__(
        self, name: str, issuer: str, settings: UpstreamSettings, clock: Clock, usual_method: str | None
    ) -> None:
        """Raise `ConfigurationError` with what is missing. `usual_method` is this kind of provider's."""
        self.client_id = settings.client_id
        self._name = name
        self._issuer = issuer
        self._settings = settings
        self._clock = clock
        self._usual_method = usual_method
        self._private_key = _read_key(name, settings)
        method = settings.token_endpoint_auth_method
        if method == "private_key_jwt" and self._private_key is None:
            raise ConfigurationError(f"The provider {name} needs a private_key for private_key_jwt.")
        if method in {"client_secret_basic", "client_secret_post"} and self.secret() is None:
            raise ConfigurationError(f"The provider {name} needs a client_secret.")

    def secret(self) -> str | None:
        """Return the client secret."""
        secret = self._settings.client_secret
        return secret.get_secret_value() if secret else None

    def method(self, offered: tuple[str, ...]) -> str:
        """Return the method that is used: what is configured, or what fits; `offered` is the provider's word."""
        chosen = self._settings.token_endpoint_auth_method or self._usual_method
        if chosen is not None:
            return chosen
        if self.secret() is None:
            return "none" if self._private_key is None else "private_key_jwt"
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    def present(self, offered: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the form fields and the headers of a request that authenticates."""
        client_id = self.client_id
        match self.method(offered):
            case "private_key_jwt":
                assertion = self.sign(
                    {"iss": client_id, "sub": client_id, "aud": self._issuer, "jti": random_token()}
                )
                return {
                    "client_id": client_id,
                    "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": assertion,
                }, {}
            case "client_secret_basic":
                pair = f"{quote(client_id, safe='')}:{quote(self.secret() or '', safe='')}"
                return {}, {"Authorization": "Basic " + b64encode(pair.encode()).decode()}
            case "client_secret_post":
                return {"client_id": client_id, "client_secret": self.secret() or ""}, {}
            case _:
                return {"client_id": client_id}, {}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return claims signed with our private key at this provider, good for two minutes."""
        if self._private_key is None:
            raise ConfigurationError(f"The provider {self._name} needs a private_key.")
        private, alg = self._private_key
        now = int(self._clock.now())
        return write_compact(
            signer(private),
            alg=alg,
            kid=self._settings.key_id or self._name,
            typ="JWT",
            claims={**claims, "iat": now, "exp": now + ASSERTION_TTL},
        )


class AppleCredentials(UpstreamCredentials):
    """Apple takes a token that is signed with a key of ours as the client secret."""

    def secret(self) -> str | None:
        """Sign the secret, unless one is configured and no key."""
        settings = self._settings
        if settings.private_key is None or not settings.team_id:
            return super().secret()
        return self.sign({"iss": settings.team_id, "sub": self.client_id, "aud": self._issuer})


def _read_key(name: str, settings: UpstreamSettings) -> tuple[Any, str] | None:
    if settings.private_key is None:
        return None
    try:
        key = load_pem_private_key(settings.private_key.get_secret_value().encode(), None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"The private_key of the provider {name} is no key in PEM form.") from error
    if isinstance(key, rsa.RSAPrivateKey):
        return key, "RS256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key, "ES256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key, "EdDSA"
    raise ConfigurationError(f"The private_key of the provider {name} must be RSA, P-256 or Ed25519.")
