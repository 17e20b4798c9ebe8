"""Key material: making it, reading it from PEM, and the algorithm that it signs with."""

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from joserfc.jwk import ECKey, OKPKey, RSAKey

from idp.errors import ConfigurationError

Key = RSAKey | ECKey | OKPKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ALGORITHMS = ("RS256", "ES256", "EdDSA")
_KEY_CLASSES: dict[str, Any] = {"RS256": RSAKey, "ES256": ECKey, "EdDSA": OKPKey}
RSA_BITS = 2048
LEAST_RSA_BITS = 2048
"""RFC 7518 §3.3."""


def check_algorithms(algorithms: tuple[str, ...]) -> None:
    """Raise `ConfigurationError` for an algorithm that we do not sign with."""
    for alg in algorithms:
        if alg not in ALGORITHMS:
            raise ConfigurationError(
                f"IDP_KEYS__ALGORITHMS names {alg}; supported are {', '.join(ALGORITHMS)}."
            )
    if not algorithms:
        raise ConfigurationError("IDP_KEYS__ALGORITHMS is empty; name at least RS256.")


def generate(alg: str) -> PrivateKey:
    """Make a private key for `alg`. Takes up to a second for RSA: run it in a thread."""
    if alg == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    if alg == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    raise ConfigurationError(f"There is no signature algorithm {alg}.")


def algorithm_of(private: object) -> str | None:
    """Return the algorithm that a private key signs with, or None when we do not use such keys."""
    if isinstance(private, rsa.RSAPrivateKey):
        return "RS256" if private.key_size >= LEAST_RSA_BITS else None
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return "ES256" if isinstance(private.curve, ec.SECP256R1) else None
    return "EdDSA" if isinstance(private, ed25519.Ed25519PrivateKey) else None


def read_pem(path: Path) -> tuple[str, PrivateKey]:
    """Read a private key and its algorithm from a PEM file, or raise `ConfigurationError`."""
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigurationError(f"The signing key {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is not an unencrypted private key in PEM form; "
            "convert it with openssl pkey or remove it."
        ) from error
    alg = algorithm_of(private)
    if alg is None or not isinstance(private, PrivateKey):
        raise ConfigurationError(
            f"{path} holds a key that cannot sign here; use RSA of at least {LEAST_RSA_BITS} bits, "
            "P-256 or Ed25519."
        )
    return alg, private


def read_directory(directory: Path) -> list[tuple[Path, str, PrivateKey]]:
    """Read every `*.pem` of a directory, in the order of their names."""
    return [(path, *read_pem(path)) for path in sorted(directory.glob("*.pem"))]


def to_der(private: PrivateKey) -> bytes:
    """Return a private key as PKCS #8 DER."""
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def from_der(der: bytes) -> PrivateKey:
    """Read what `to_der` returned, which was authenticated when it was unsealed: an RSA key was checked when
    it was made or imported, and to check it again at every start would take longer than all else."""
    private = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, PrivateKey):
        raise ConfigurationError("A stored signing key is of a kind that is not supported.")
    return private


def public_jwk(alg: str, private: PrivateKey) -> dict[str, str]:
    """Return the public key as it is published, with its RFC 7638 thumbprint for `kid`."""
    key = _KEY_CLASSES[alg].import_key(private.public_key())
    members = {name: str(value) for name, value in key.as_dict(private=False).items() if name != "kid"}
    return members | {"use": "sig", "alg": alg, "kid": key.thumbprint()}


def verification_key(jwk: dict[str, str]) -> Key:
    """Read a published public key."""
    key: Key = _KEY_CLASSES[jwk["alg"]].import_key(jwk)
    return key
