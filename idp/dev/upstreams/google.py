"""The stand-in for Google: an OpenID provider with its paths and claims."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.dev.upstreams.standin import CLIENT_ID, Code, StandIn
from idp.keys.signing import signer, write_compact

LIFETIME = 3600


@dataclass
class StandInKey:
    """A key with its id."""

    kid: str = field(default_factory=lambda: secrets.token_hex(8))
    private: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )

    @property
    def jwk(self) -> dict[str, str]:
        """The public part."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.kid,
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        }


@dataclass
class GoogleStandIn(StandIn):
    """Google, as far as a sign-in goes."""

    label: ClassVar[str] = "Google"
    keys: list[StandInKey] = field(default_factory=list)
    """The published keys; the last one signs. Made when the first is needed."""
    extra_claims: dict[str, Any] = field(default_factory=dict)
    """What ID tokens say beside, or instead of, the truth, for tests; None leaves a claim out."""

    def routes(self) -> list[Route]:
        """Google's paths."""
        return [
            *super().routes(),
            Route("/.well-known/openid-configuration", self.endpoint("discovery", self.discovery)),
            Route("/o/oauth2/v2/auth", self.endpoint("authorize", self.authorize), methods=["GET", "POST"]),
            Route("/token", self.endpoint("token", self.token), methods=["POST"]),
            Route("/oauth2/v3/certs", self.endpoint("jwks", self.jwks)),
            Route("/v1/userinfo", self.endpoint("userinfo", self.userinfo)),
        ]

    async def discovery(self, _request: Request) -> Response:
        """OIDC Discovery §4."""
        return JSONResponse(self.metadata())

    def metadata(self) -> dict[str, Any]:
        """Return the discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/o/oauth2/v2/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/v1/userinfo",
            "jwks_uri": f"{self.issuer}/oauth2/v3/certs",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile", "name"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["plain", "S256"],
        }

    async def jwks(self, _request: Request) -> Response:
        """The published keys."""
        self.signing_key()
        return JSONResponse({"keys": [key.jwk for key in self.keys]})

    def signing_key(self) -> StandInKey:
        """Return the key that signs."""
        if not self.keys:
            self.keys.append(StandInKey())
        return self.keys[-1]

    def rotate(self) -> None:
        """Sign with a new key; the old one is gone."""
        self.keys = [StandInKey()]

    async def token(self, request: Request) -> Response:
        """Redeem a code or a refresh token."""
        form = dict(parse_qsl((await request.body()).decode()))
        if self.mode in {"token_error", "rate_limited"}:
            return JSONResponse({"error": "invalid_grant", "error_description": "Bad Request"}, 400)
        if not self.knows_client(request, form):
            return JSONResponse({"error": "invalid_client", "error_description": "Unauthorized"}, 401)
        if form.get("grant_type") == "refresh_token":
            code = self.refresh_tokens.get(form.get("refresh_token", ""))
        else:
            code = self.redeem(form)
        if code is None:
            return JSONResponse({"error": "invalid_grant", "error_description": "Bad Request"}, 400)
        access_token, refresh_token = "ya29." + secrets.token_urlsafe(24), "1//" + secrets.token_urlsafe(24)
        self.access_tokens[access_token] = self.refresh_tokens[refresh_token] = code
        return JSONResponse(
            {
                "access_token": access_token,
                "refresh_token": refresh_token,
                "expires_in": LIFETIME,
                "scope": code.scope,
                "token_type": "Bearer",
                "id_token": self.id_token(code),
            }
        )

    def id_token(self, code: Code) -> str:
        """Return the ID token."""
        now = int(self.now())
        claims = {
            "iss": self.issuer,
            "azp": CLIENT_ID,
            "aud": CLIENT_ID,
            "sub": str(code.person.number),
            "nonce": code.nonce,
            "iat": now,
            "exp": now + LIFETIME,
            **self.profile(code),
            **self.extra_claims,
        }
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return signed claims."""
        key = self.signing_key()
        return write_compact(signer(key.private), alg="RS256", kid=key.kid, typ="JWT", claims=claims)

    def profile(self, code: Code) -> dict[str, Any]:
        """Return what the scopes let the client know."""
        person = code.person
        given, _, family = person.name.partition(" ")
        return {
            "hd": person.hosted_domain,
            "email": person.email,
            "email_verified": person.verified if person.email else None,
            "name": person.name,
            "given_name": given,
            "family_name": family,
        }

    async def userinfo(self, request: Request) -> Response:
        """OIDC Core §5.3."""
        code = self.bearer(request)
        if code is None:
            return JSONResponse({"error": "invalid_request"}, 401)
        claims = {"sub": str(code.person.number), **self.profile(code)}
        return JSONResponse({name: value for name, value in claims.items() if value is not None})


def _number(value: int) -> str:
    return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
