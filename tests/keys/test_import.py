"""Keys that people bring along."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from idp.clock import ManualClock
from idp.config import DAY, Settings
from idp.errors import ConfigurationError
from idp.keys import Keyring, material, rotation
from idp.keys.material import PrivateKey

NewKeyring = Callable[[], Keyring]


def write(directory: Path, name: str, private: PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    directory.mkdir(exist_ok=True)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / name).write_bytes(pem)
    alg = material.algorithm_of(private)
    return material.public_jwk(alg, private)["kid"] if alg else ""


async def test_pem_keys_sign_from_the_first_start_and_are_taken_in_once(
    new_keyring: NewKeyring, settings: Settings
) -> None:
    directory = settings.keys.directory
    brought = {
        "RS256": write(directory, "a.pem", rsa.generate_private_key(65537, 3072)),
        "ES256": write(directory, "b.pem", ec.generate_private_key(ec.SECP256R1())),
        "EdDSA": write(directory, "c.pem", ed25519.Ed25519PrivateKey.generate()),
    }
    for _ in range(2):
        keyring = new_keyring()
        await keyring.ensure()
        assert {key.alg: key.kid for key in keyring.keys} == brought
    token = keyring.sign({"sub": "ada"})
    assert keyring.verify(token, typ=None) == {"sub": "ada"}


async def test_pem_key_brought_later_signs_and_the_old_one_goes_on_verifying(
    keyring: Keyring, settings: Settings, clock: ManualClock
) -> None:
    token = keyring.sign({"sub": "ada"})
    clock.advance(DAY)
    kid = write(settings.keys.directory, "own.pem", rsa.generate_private_key(65537, 2048))
    assert await keyring.import_pem(settings.keys.directory) == [kid]
    await keyring.maintain()
    assert keyring.signing_key().kid == kid
    assert keyring.verify(token, typ=None) == {"sub": "ada"}


async def test_a_dropped_key_whose_file_is_still_there_never_comes_back(
    keyring: Keyring, new_keyring: NewKeyring, settings: Settings, clock: ManualClock
) -> None:
    kid = write(settings.keys.directory, "own.pem", rsa.generate_private_key(65537, 2048))
    await keyring.import_pem(settings.keys.directory)
    await keyring.rotate_now("RS256", emergency=True)
    clock.advance(rotation.KEEP_EXPIRED + DAY)
    await keyring.maintain()
    restarted = new_keyring()
    await restarted.ensure()
    assert kid not in {jwk["kid"] for jwk in restarted.jwks()["keys"]}


@pytest.mark.parametrize(
    "private",
    [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1())],
    ids=["short RSA", "P-384"],
)
async def test_weak_or_unknown_pem_is_refused_by_name(
    new_keyring: NewKeyring, settings: Settings, private: PrivateKey
) -> None:
    write(settings.keys.directory, "bad.pem", private)
    with pytest.raises(ConfigurationError, match=r"bad\.pem holds a key that cannot sign here"):
        await new_keyring().ensure()


async def test_file_that_is_no_key_is_refused_by_name(new_keyring: NewKeyring, settings: Settings) -> None:
    settings.keys.directory.mkdir()
    (settings.keys.directory / "junk.pem").write_text("junk")
    with pytest.raises(ConfigurationError, match=r"junk\.pem is not an unencrypted private key"):
        await new_keyring().ensure()
