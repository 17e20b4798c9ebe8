"""A client that signs assertions (`private_key_jwt`)."""

import secrets
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from idp.oauth.client_auth.private_key_jwt import ASSERTION_TYPE
from idp.oauth.errors import InvalidClientError
from tests.support.client_auth import ISSUER, Reception

RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def jwk(private: Any, kid: str, **more: str) -> dict[str, Any]:
    kinds = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    kind = next(found for cls, found in kinds.items() if isinstance(private, cls))
    parameters = kind.to_jwk(private.public_key(), as_dict=True) | {"kid": kid, "use": "sig"} | more
    parameters.pop("key_ops", None)
    return parameters


JWKS = {"keys": [jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec"), jwk(ED_KEY, "ed")]}


class Signer:
    """The client: makes assertions, good ones unless told otherwise. None leaves a claim out."""

    def __init__(self, reception: Reception) -> None:
        self.reception = reception

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.reception.clock.now())
        good = {"iss": "bank", "sub": "bank", "aud": ISSUER, "iat": now, "exp": now + 60}
        return {n: v for n, v in {**good, "jti": secrets.token_hex(8), **changes}.items() if v is not None}

    def sign(
        self, *, key: Any = RSA_KEY, alg: str = "RS256", headers: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        return jwt.encode(
            self.claims(**changes), key, alg, headers={"kid": "rsa"} if headers is None else headers
        )

    async def send(self, assertion: str, **more: str) -> str:
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, **more}
        return (await self.reception.authenticate(form)).client_id

    async def refused(self, assertion: str) -> str:
        with pytest.raises(InvalidClientError) as refusal:
            await self.send(assertion)
        return str(refusal.value.description)
