"""A client signs an assertion with its own key (RFC 7523 §2.2, OIDC Core §9)."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, MissingClaimError

from idp import foreign
from idp.clock import Clock
from idp.foreign import Malformed
from idp.keys.published import NotVerified, read_key_set, verify, with_fresh_keys
from idp.oauth.bridge import wait
from idp.oauth.client_auth.key_sets import KeySetUnavailable, RemoteKeySets
from idp.oauth.client_auth.method import QueryClient
from idp.oauth.client_metadata import ISSUER_ALONE
from idp.oauth.clients import Client
from idp.oauth.errors import AuthlibInvalidClientError, InvalidClientError
from idp.oauth.http import CoreRequest
from idp.storage.single_use import SingleUse

ASSERTION_TYPE: str = JWTBearerClientAssertion.CLIENT_ASSERTION_TYPE
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
MAX_ASSERTION_LENGTH = 10_000
MAX_LIFETIME = 3600
"""Seconds: an assertion that is valid for longer would have to be remembered for longer."""


@dataclass(frozen=True, slots=True)
class AssertionAudience:
    """Which audience a client assertion may have. It always has one alone: an assertion meant for several could
    be passed on by one of them (CVE-2025-27370, CVE-2025-27371)."""

    issuer: str
    token_endpoint: str
    strict: bool = False
    """Take the issuer alone, of clients that say nothing else."""

    def of(self, client: Client, endpoint: str) -> list[str]:
        """Return what the client may send to `endpoint`: the issuer, the URL of the token endpoint (OIDC Core
        §9) or of the endpoint that is called (RFC 9126 §2); by the strict rule only the issuer."""
        rule = client.metadata.assertion_audience
        strict = self.strict if rule is None else rule == ISSUER_ALONE
        return [self.issuer] if strict else [self.issuer, self.token_endpoint, endpoint]


class PrivateKeyJwt(JWTBearerClientAssertion):
    """`private_key_jwt`.

    Authlib reads the assertion, finds the client by its `sub`, asks for its key, verifies and validates.
    Corrected here: the algorithms are an explicit list, the assertion has one audience, every time is read from
    our clock, and what is malformed is refused rather than a fault.
    """

    name = CLIENT_AUTH_METHOD = "private_key_jwt"
    waits = True
    _request: CoreRequest
    """The request that is authenticated, in the copy that does it."""

    def __init__(
        self,
        audience: AssertionAudience,
        single_use: SingleUse,
        clock: Clock,
        key_sets: RemoteKeySets,
        clock_skew: int,
    ) -> None:
        """`clock_skew`: seconds by which the clocks of clients may differ."""
        super().__init__(leeway=clock_skew)
        self._clock_skew = clock_skew
        self._audience = audience
        self._single_use = single_use
        self._clock = clock
        self._key_sets = key_sets
        self._claims = jwt.JWTClaimsRegistry(
            now=clock.now,  # type: ignore[arg-type]  # it compares only, so parts of seconds do
            leeway=clock_skew,
            iss={"essential": True},
            sub={"essential": True},
            aud={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
        )

    def client_id(self, request: CoreRequest) -> str | None:
        """Return the `sub` of the assertion, not yet verified."""
        form = request.form
        if "client_assertion" not in form and "client_assertion_type" not in form:
            return None
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidClientError("The client_assertion_type is not supported")
        _, claims = self.extract_assertion(form.get("client_assertion", ""))
        subject = claims.get("sub")
        if not foreign.is_text(subject) or not subject:
            raise InvalidClientError("The client assertion has no sub")
        return str(subject)

    # What Authlib calls --------------------------------------------------------------------------

    def __call__(self, query_client: QueryClient, request: CoreRequest) -> Client | None:
        """Return the client if its assertion is good. Authlib does not hand the request on to what it calls
        below, so a copy that knows the request does it."""
        method = copy(self)
        method._request = request  # noqa: SLF001  our own
        client: Client | None = super(PrivateKeyJwt, method).__call__(query_client, request)
        return client

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return header and claims, not yet verified."""
        if len(assertion) > MAX_ASSERTION_LENGTH or not assertion.isascii():
            raise InvalidClientError("The client assertion is malformed")
        try:
            extracted: tuple[dict[str, Any], dict[str, Any]] = super().extract_assertion(assertion)
        except (AuthlibInvalidClientError, ValueError, TypeError, RecursionError) as error:
            raise InvalidClientError("The client assertion is malformed") from error
        if not all(isinstance(part, dict) for part in extracted):
            raise InvalidClientError("The client assertion is malformed")
        return extracted

    def resolve_client_public_key(self, client: Client) -> Client:
        """Return the client itself: which of its keys is meant depends on the assertion."""
        if client.auth_method != self.name:  # before its assertion is looked at, and its `jti` used up
            raise InvalidClientError("The client does not use private_key_jwt")
        return client

    def process_assertion_claims(self, assertion: str, client: Client) -> Mapping[str, Any]:
        """Verify the signature, then the claims."""
        header, claims = self.extract_assertion(assertion)
        try:
            kid, alg = foreign.text(header, "kid"), foreign.text(header, "alg")
        except Malformed as error:
            raise InvalidClientError(f"The client assertion's header is malformed: {error}") from error
        if "crit" in header:  # RFC 7515 §4.1.11: there is none that we understand
            raise InvalidClientError("The client assertion's header has crit")
        if alg not in ALGORITHMS:
            raise InvalidClientError("The client assertion's algorithm is not supported")
        try:
            self._verify(assertion, client, kid, alg)
        except NotVerified as error:
            raise InvalidClientError("None of the client's keys verifies the assertion") from error
        except KeySetUnavailable as error:
            raise InvalidClientError("The client's jwks_uri cannot be read") from error
        self.verify_claims(claims)
        return claims

    def verify_claims(self, claims: dict[str, Any]) -> None:
        """Check the claims (RFC 7523 §3); single use comes last, when all else is proven."""
        try:
            audiences = foreign.one_or_more_texts(claims, "aud")
            jti = foreign.text(claims, "jti") or ""
            for name in ("iss", "sub"):
                foreign.text(claims, name)
            for name in ("exp", "iat", "nbf"):
                foreign.instant(claims, name)
            self._claims.validate(claims)
        except Malformed as error:
            raise InvalidClientError(f"The client assertion is malformed: {error}") from error
        except JoseError as error:
            raise InvalidClientError(_sentence(error)) from error
        now = self._clock.now()
        if claims["iss"] != claims["sub"]:  # Authlib found the client by `sub`
            raise InvalidClientError("The client assertion must have the client_id as iss and sub")
        accepted = self.get_audiences()
        if len(audiences) != 1 or audiences[0] not in accepted:
            wanted = " or ".join(dict.fromkeys(accepted))
            raise InvalidClientError(f"The client assertion must have one aud, which is {wanted}")
        if claims["exp"] > now + MAX_LIFETIME + self._clock_skew:
            raise InvalidClientError("The client assertion lives too long")
        if not jti or not jti.isprintable():
            raise InvalidClientError("The client assertion has no jti")
        if not self.validate_jti(claims, jti):  # RFC 7523 §3 (7), Hydra GHSA-3p3g-vpw6-4w66
            raise InvalidClientError("The client assertion was used before")

    def get_audiences(self) -> list[str]:
        """Return the audiences of which an assertion must have one."""
        client = self._request.client
        assert client is not None  # noqa: S101  Authlib has found it by now
        return self._audience.of(client, self._request.uri)

    def validate_jti(self, claims: Mapping[str, Any], jti: str) -> bool:
        """Tell whether this is the first use; remember it for as long as the assertion would verify."""
        ttl = claims["exp"] - self._clock.now() + self._clock_skew
        return wait(self._single_use.use("client-assertion", f"{claims['sub']} {jti}", ttl))

    # ---------------------------------------------------------------------------------------------

    def _verify(self, assertion: str, client: Client, kid: str | None, alg: str) -> None:
        jwks, jwks_uri = client.metadata.jwks, client.metadata.jwks_uri
        if jwks:
            verify(assertion, read_key_set(jwks), kid, alg)
        elif jwks_uri:
            keys = self._key_sets.at(jwks_uri)
            wait(with_fresh_keys(keys, lambda found: verify(assertion, found, kid, alg)))
        else:
            raise NotVerified("the client has no keys")


def _sentence(error: JoseError) -> str:
    if isinstance(error, ExpiredTokenError):
        return "The client assertion has expired"
    claim = getattr(error, "claim", "claims")
    if isinstance(error, MissingClaimError):
        return f"The client assertion has no {claim}"
    return f"The {claim} of the client assertion is wrong, or in the future"
