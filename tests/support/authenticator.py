"""Authenticators without hardware: codes as RFC 6238 computes them, and passkeys as WebAuthn wants them.

Written from the specifications, not with the libraries that the provider checks with.
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

ES256, EDDSA, RS256 = -7, -8, -257
USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def totp(secret: str, at: float, *, digits: int = 6) -> str:
    """Return the code of a base32 secret at a time (RFC 6238 §4, RFC 4226 §5.3)."""
    key = base64.b32decode(secret)
    mac = hmac.new(key, int(at // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The reverse."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Passkey:
    """One credential on a software authenticator. Its fields may be changed to make it misbehave."""

    origin: str = "http://localhost:8000"
    rp_id: str = "localhost"
    algorithm: int = ES256
    notices_user: bool = True
    """Whether somebody has to touch it."""
    verifies_user: bool = True
    backup: int = 0
    """BACKUP_ELIGIBLE, BACKED_UP or both."""
    counts: bool = False
    """Whether it has a signature counter."""
    aaguid: bytes = bytes(16)
    client_data: dict[str, Any] = field(default_factory=dict)
    """Members of the client data to add or to overwrite."""
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    sign_count: int = 0
    user_handle: str | None = None

    def __post_init__(self) -> None:
        self._key: Any = {
            ES256: lambda: ec.generate_private_key(ec.SECP256R1()),
            EDDSA: ed25519.Ed25519PrivateKey.generate,
            RS256: lambda: rsa.generate_private_key(65537, 2048),
        }[self.algorithm]()

    def create(self, options: str) -> str:
        """Answer `navigator.credentials.create`, with attestation `none`."""
        wanted = json.loads(options)
        self.user_handle = wanted["user"]["id"]
        credential = self.aaguid + len(self.id).to_bytes(2, "big") + self.id + self._cose()
        data = self._authenticator_data(ATTESTED) + credential
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._document(
            clientDataJSON=b64(self._client_data("webauthn.create", wanted["challenge"])),
            attestationObject=b64(attestation),
            transports=["internal"],
        )

    def get(self, options: str) -> str:
        """Answer `navigator.credentials.get`."""
        client_data = self._client_data("webauthn.get", json.loads(options)["challenge"])
        data = self._authenticator_data(0)
        signature = self._sign(data + hashlib.sha256(client_data).digest())
        handle = {} if self.user_handle is None else {"userHandle": self.user_handle}
        return self._document(
            clientDataJSON=b64(client_data),
            authenticatorData=b64(data),
            signature=b64(signature),
            **handle,
        )

    def _document(self, **response: Any) -> str:
        document = {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response}
        return json.dumps({**document, "clientExtensionResults": {"credProps": {"rk": True}}})

    def _client_data(self, kind: str, challenge: str) -> bytes:
        members = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(members | self.client_data).encode()

    def _authenticator_data(self, flags: int) -> bytes:
        if self.counts:
            self.sign_count += 1
        flags |= self.backup | (USER_PRESENT if self.notices_user else 0)
        flags |= USER_VERIFIED if self.verifies_user else 0
        return (
            hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.sign_count.to_bytes(4, "big")
        )

    def _sign(self, data: bytes) -> bytes:
        if self.algorithm == ES256:
            signed: bytes = self._key.sign(data, ec.ECDSA(hashes.SHA256()))
        elif self.algorithm == RS256:
            signed = self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            signed = self._key.sign(data)
        return signed

    def _cose(self) -> bytes:
        """RFC 9053: the public key as a COSE_Key."""
        public = self._key.public_key()
        if self.algorithm == ES256:
            numbers = public.public_numbers()
            key = {
                1: 2,
                3: ES256,
                -1: 1,
                -2: numbers.x.to_bytes(32, "big"),
                -3: numbers.y.to_bytes(32, "big"),
            }
        elif self.algorithm == RS256:
            numbers = public.public_numbers()
            key = {1: 3, 3: RS256, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")}
        else:
            key = {1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes_raw()}
        return cbor2.dumps(key)
