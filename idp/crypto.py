"""Random values, digests and encryption at rest.

Random tokens, codes and secrets are stored only as SHA-256: they carry 256 bits of their own, so a
slow hash would protect nothing (passwords are another matter, see `idp.identity.passwords`).
What must be read back (private keys, TOTP secrets, upstream tokens) is sealed with AES-256-GCM under
a key derived from the master key, with the key's id in the envelope so that it can be replaced.
"""

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from idp.errors import ConfigurationError

TOKEN_BYTES = 32
"""Entropy of every random token, code and secret, in bytes."""

_ENVELOPE_VERSION = "v1"
_NONCE_BYTES = 12


def random_token(size: int = TOKEN_BYTES) -> str:
    """Return `size` random bytes as base64url text without padding."""
    return secrets.token_urlsafe(size)


def digest(token: str) -> str:
    """Return the SHA-256 of a random token, in hex: the only form in which it is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def equal(left: str, right: str) -> bool:
    """Compare two texts in time that does not depend on where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())


class MasterKey:
    """The installation's root secret: seals values at rest and derives keys for single purposes."""

    def __init__(self, secret: bytes, previous: tuple[bytes, ...] = ()) -> None:
        """Take the 32-byte current secret, and earlier ones that may still have sealed something."""
        for candidate in (secret, *previous):
            if len(candidate) != TOKEN_BYTES:
                raise ConfigurationError(
                    f"The master key must be {TOKEN_BYTES} bytes in base64url; "
                    "make one with: idp keys generate-master"
                )
        self._sealers = {self._key_id(s): AESGCM(self._derive(s, "seal")) for s in (secret, *previous)}
        self._current_id = self._key_id(secret)
        self._secret = secret

    @classmethod
    def parse(cls, text: str) -> "MasterKey":
        """Read one or more base64url keys separated by commas: the first seals, the rest only open."""
        try:
            keys = [base64.urlsafe_b64decode(part.strip() + "==") for part in text.split(",")]
        except ValueError as error:
            raise ConfigurationError("The master key is not valid base64url.") from error
        return cls(keys[0], tuple(keys[1:]))

    @staticmethod
    def generate() -> str:
        """Return a new master key in the form that `parse` reads."""
        return random_token(TOKEN_BYTES)

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one `purpose`; it tells nothing about any other."""
        return self._derive(self._secret, purpose)

    def seal(self, plaintext: bytes, *, context: str) -> str:
        """Encrypt `plaintext`; it opens only with the same `context` (for example `signing-key:kid`)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._sealers[self._current_id].encrypt(nonce, plaintext, context.encode())
        body = base64.urlsafe_b64encode(nonce + sealed).decode()
        return f"{_ENVELOPE_VERSION}.{self._current_id}.{body}"

    def open(self, envelope: str, *, context: str) -> bytes:
        """Decrypt what `seal` returned; raise `ConfigurationError` when no key at hand opens it."""
        version, _, rest = envelope.partition(".")
        key_id, _, body = rest.partition(".")
        sealer = self._sealers.get(key_id)
        if version != _ENVELOPE_VERSION or sealer is None:
            raise ConfigurationError(
                "A stored secret was sealed under another master key; "
                "give that key too, after a comma, in IDP_MASTER_KEY."
            )
        raw = base64.urlsafe_b64decode(body)
        try:
            return sealer.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
        except InvalidTag as error:
            raise ConfigurationError("A stored secret was altered or belongs to another record.") from error

    def is_current(self, envelope: str) -> bool:
        """Tell whether `envelope` was sealed under the current key (if not, it wants re-sealing)."""
        return envelope.startswith(f"{_ENVELOPE_VERSION}.{self._current_id}.")

    @staticmethod
    def _key_id(secret: bytes) -> str:
        return hashlib.sha256(b"idp-master-key-id" + secret).hexdigest()[:8]

    @staticmethod
    def _derive(secret: bytes, purpose: str) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"idp:{purpose}".encode()).derive(secret)
