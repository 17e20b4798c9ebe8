"""Any OpenID provider, by its issuer (OIDC Core §3.1, code flow with PKCE and nonce)."""

import hashlib
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from idp.clock import Clock
from idp.config import Upstream as UpstreamSettings
from idp.crypto import random_token
from idp.errors import ConfigurationError
from idp.federation import id_token as tokens
from idp.federation.http import ProviderHttp
from idp.federation.id_token import BadIdToken
from idp.federation.identity import UpstreamIdentity, UpstreamTokens
from idp.federation.metadata import MetadataSource, ProviderMetadata
from idp.federation.upstream import (
    Ask,
    AuthorizationRedirect,
    Cancelled,
    Memory,
    Report,
    UpstreamDown,
    UpstreamError,
    UpstreamRefused,
    parameters,
)
from idp.keys.signing import signer, write_compact
from idp.text import Text

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_TTL = 120
"""Seconds."""
CLOCK_SKEW = 60
CANCELLATIONS = frozenset(
    {"access_denied", "user_cancelled_authorize", "user_cancelled_login", "consent_required"}
)
DOWN = frozenset({"server_error", "temporarily_unavailable"})
LONGEST_VALUE = 400
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
PLAIN_CLAIMS = (
    "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "locale", "zoneinfo"
)  # fmt: skip
CLAIMS = (*PLAIN_CLAIMS, "email", "email_verified")
MULTI_FACTOR_AMR = "mfa"  # RFC 8176 §2


@dataclass(frozen=True, slots=True)
class Preset:
    """What is known of a well-known provider, so that nobody has to configure it."""

    label: str
    issuer: str | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    prompt: str | None = None
    """What to ask for when nothing else is asked for."""
    response_mode: str | None = None
    auth_method: str | None = None
    asks_again: bool = True
    """Whether prompt=login means something there."""
    issuer_form: str = "https://id.example.com"


class OpenIdUpstream:
    """An OpenID provider."""

    preset: ClassVar[Preset] = Preset(label="")

    def __init__(self, name: str, settings: UpstreamSettings, http: ProviderHttp, clock: Clock) -> None:
        self.name = name
        self.settings = settings
        self.label = label_of(name, settings, self.preset.label)
        issuer = settings.issuer or self.preset.issuer
        if not issuer:
            raise ConfigurationError(
                f"The provider {name} needs its issuer, such as {self.preset.issuer_form}: "
                f"IDP_FEDERATION__{name.upper()}__ISSUER or --issuer."
            )
        if not settings.client_id:
            raise ConfigurationError(f"The provider {name} needs a client_id; the provider gives it to you.")
        self.issuer = issuer
        self._http = http
        self._clock = clock
        self.metadata = MetadataSource(issuer, http, self.label, clock)
        self._private_key = _read_key(name, settings)
        self._check_authentication()

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for."""
        return self.settings.scopes or self.preset.scopes

    # Going there ---------------------------------------------------------------------------------

    async def begin(self, ask: Ask) -> AuthorizationRedirect:
        """Say where to send the person."""
        metadata = await self.metadata.get()
        memory = Memory(
            redirect_uri=ask.redirect_uri,
            code_verifier=random_token(48),
            nonce=random_token(),
            began_at=self._clock.now(),
            reauthenticate=ask.reauthenticate and self.preset.asks_again,
            max_age=ask.max_age if self.preset.asks_again else None,
        )
        query = parameters(
            {
                "response_type": "code",
                "client_id": self.settings.client_id,
                "redirect_uri": ask.redirect_uri,
                "scope": " ".join(self.scopes),
                "state": ask.state,
                "nonce": memory.nonce,
                "code_challenge": challenge(memory.code_verifier),
                "code_challenge_method": "S256",
                "response_mode": self.preset.response_mode,
                "prompt": self.prompt(ask),
                "max_age": memory.max_age,
                "login_hint": ask.login_hint,
                "ui_locales": ask.ui_locales,
                **self.extra_parameters(),
            }
        )
        return AuthorizationRedirect(with_query(metadata.authorization_endpoint, query), memory)

    def prompt(self, ask: Ask) -> str | None:
        """Say what the person is to be asked there."""
        if ask.reauthenticate and self.preset.asks_again:
            return "login"
        if ask.select_account or (ask.reauthenticate and self.preset.prompt):
            return "select_account"
        return self.preset.prompt

    def extra_parameters(self) -> Mapping[str, Any]:
        """Parameters of this kind of provider alone."""
        return {}

    # Coming back ---------------------------------------------------------------------------------

    async def finish(self, answer: Mapping[str, str], memory: Memory) -> UpstreamIdentity:
        """Check what came back and return who it is."""
        metadata = await self.metadata.get()
        self._check_iss(answer.get("iss"), metadata)  # before all else: errors carry it too (RFC 9207 §2.4)
        self.raise_error(answer)
        code = answer.get("code")
        if not code:
            raise self.refused("the answer has neither a code nor an error")
        response = await self._redeem(metadata, code, memory)
        claims = await self._id_claims(response, memory)
        self.check_claims(claims)
        self._check_freshness(claims, memory)
        merged = await self._with_userinfo(metadata, response, claims)
        return self._identity(merged, claims, response)

    def raise_error(self, answer: Mapping[str, str]) -> None:
        """Raise what an error response means."""
        error = answer.get("error")
        if error is None:
            return
        detail = f"error {error[:80]!r}: {answer.get('error_description', '')[:300]!r}"
        if error in CANCELLATIONS:
            raise Cancelled(self.label, detail)
        if error in DOWN:
            raise UpstreamDown(self.label, detail)
        raise self.refused(detail)

    def refused(self, detail: str, sentence: str | None = None) -> UpstreamRefused:
        """Return the error for what cannot be accepted."""
        return UpstreamRefused(self.label, f"{self.name}: {detail}", sentence)

    def check_claims(self, claims: Mapping[str, Any]) -> None:
        """Refuse who may not come in, by the claims of the ID token."""

    def _check_iss(self, told: str | None, metadata: ProviderMetadata) -> None:
        if told is None and metadata.announces_iss:
            raise self.refused("the answer has no iss, which the provider announces (RFC 9207)")
        if told is not None and told != self.issuer:
            raise self.refused(f"the answer is from {told[:200]!r}: mix-up (RFC 9207)")

    async def _redeem(self, metadata: ProviderMetadata, code: str, memory: Memory) -> dict[str, Any]:
        return await self._token_request(
            metadata,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": memory.redirect_uri,
                "code_verifier": memory.code_verifier,
            },
        )

    async def _token_request(self, metadata: ProviderMetadata, form: Mapping[str, str]) -> dict[str, Any]:
        extra, headers = self._authentication(metadata)
        status, response = await self._http.json(
            "POST", metadata.token_endpoint, data={**form, **extra}, headers=headers
        )
        if status != 200 or "error" in response:
            error, said = str(response.get("error"))[:80], str(response.get("error_description", ""))[:300]
            raise self.refused(f"the token endpoint answers {status}: {error!r} {said!r}")
        access_token = response.get("access_token")
        if not isinstance(access_token, str) or not access_token:
            raise self.refused("the token endpoint gives no access token")
        return response

    async def _id_claims(self, response: Mapping[str, Any], memory: Memory) -> dict[str, Any]:
        token = response.get("id_token")
        if not isinstance(token, str):
            raise self.refused("the token endpoint gives no ID token; is the scope openid among those asked?")
        try:
            header = tokens.header_of(token)
            kid = header.get("kid")
            keys = await self.metadata.keys(kid if isinstance(kid, str) else None)
            key = tokens.key_for(header, keys, self.settings.algorithms or tokens.ALGORITHMS)
            claims = tokens.verified_claims(token, key, header["alg"])
            tokens.check_claims(
                claims,
                issuer=self.issuer,
                client_id=self.settings.client_id,
                nonce=memory.nonce,
                now=self._clock.now(),
                access_token=response["access_token"],
                alg=header["alg"],
            )
        except BadIdToken as error:
            raise self.refused(f"the ID token is refused: {error}") from error
        return claims

    def _check_freshness(self, claims: Mapping[str, Any], memory: Memory) -> None:
        """OIDC Core §3.1.3.7: with max_age there has to be an auth_time, and it has to be recent."""
        auth_time = _auth_time(claims)
        sentence = Text(
            "%(provider)s did not ask you to sign in again. Sign out there, then try once more.",
            provider=self.label,
        )
        now = self._clock.now()
        if memory.max_age is not None and (
            auth_time is None or now - auth_time > memory.max_age + CLOCK_SKEW + (now - memory.began_at)
        ):
            raise self.refused("auth_time is missing or older than max_age", sentence)
        if memory.reauthenticate and auth_time is not None and auth_time < memory.began_at - CLOCK_SKEW:
            raise self.refused("auth_time is from before this sign-in, in spite of prompt=login", sentence)

    async def _with_userinfo(
        self, metadata: ProviderMetadata, response: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        if metadata.userinfo_endpoint is None or not self.settings.userinfo:
            return dict(claims)
        headers = {"Authorization": f"Bearer {response['access_token']}"}
        status, document = await self._http.json("GET", metadata.userinfo_endpoint, headers=headers)
        if status != 200:
            raise self.refused(f"userinfo answers {status}")
        if document.get("sub") != claims["sub"]:  # OIDC Core §5.3.2
            raise self.refused("userinfo is about somebody else than the ID token")
        return {**document, **claims}  # what is signed goes before what is not

    def _identity(
        self, merged: Mapping[str, Any], claims: Mapping[str, Any], response: Mapping[str, Any]
    ) -> UpstreamIdentity:
        mapped = {name: merged.get(self.settings.claims.get(name, name)) for name in CLAIMS}
        email = text_of(mapped["email"])
        if email is not None and not _EMAIL.fullmatch(email):
            email = None
        # Apple writes it as text.
        verified = mapped["email_verified"] in {True, "true"} or self.settings.assume_email_verified
        plain = {name: text for name in PLAIN_CLAIMS if (text := text_of(mapped[name])) is not None}
        amr = claims.get("amr")
        return UpstreamIdentity(
            provider=self.name,
            issuer=self.issuer,
            subject=str(claims["sub"]),
            email=email,
            email_verified=email is not None and verified,
            name=plain.pop("name", None),
            claims=plain,
            auth_time=_auth_time(claims),
            multi_factor=(isinstance(amr, list) and MULTI_FACTOR_AMR in amr)
            or claims.get("acr") in self.settings.trusted_acr,
            tokens=tokens_of(response, self._clock.now()),
        )

    # Authenticating ourselves --------------------------------------------------------------------

    def client_secret(self) -> str | None:
        """Return the client secret."""
        secret = self.settings.client_secret
        return secret.get_secret_value() if secret else None

    def _check_authentication(self) -> None:
        method = self.settings.token_endpoint_auth_method
        if method == "private_key_jwt" and self._private_key is None:
            raise ConfigurationError(f"The provider {self.name} needs a private_key for private_key_jwt.")
        if method in {"client_secret_basic", "client_secret_post"} and self.client_secret() is None:
            raise ConfigurationError(f"The provider {self.name} needs a client_secret.")

    def _method(self, metadata: ProviderMetadata) -> str:
        chosen = self.settings.token_endpoint_auth_method or self.preset.auth_method
        if chosen is not None:
            return chosen
        if self.client_secret() is None:
            return "none" if self._private_key is None else "private_key_jwt"
        offered = metadata.token_endpoint_auth_methods
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    def _authentication(self, metadata: ProviderMetadata) -> tuple[dict[str, str], dict[str, str]]:
        """Return form fields and headers (RFC 6749 §2.3.1, RFC 7523 §2.2)."""
        client_id = self.settings.client_id
        match self._method(metadata):
            case "private_key_jwt":
                assertion = self.sign(
                    {"iss": client_id, "sub": client_id, "aud": self.issuer, "jti": random_token()}
                )
                return {
                    "client_id": client_id,
                    "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": assertion,
                }, {}
            case "client_secret_basic":
                pair = f"{quote(client_id, safe='')}:{quote(self.client_secret() or '', safe='')}"
                return {}, {"Authorization": "Basic " + b64encode(pair.encode()).decode()}
            case "client_secret_post":
                return {"client_id": client_id, "client_secret": self.client_secret() or ""}, {}
            case _:
                return {"client_id": client_id}, {}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return claims signed with our private key at this provider, good for two minutes."""
        if self._private_key is None:
            raise ConfigurationError(f"The provider {self.name} needs a private_key.")
        private, alg = self._private_key
        now = int(self._clock.now())
        return write_compact(
            signer(private),
            alg=alg,
            kid=self.settings.key_id or self.name,
            typ="JWT",
            claims={**claims, "iat": now, "exp": now + ASSERTION_TTL},
        )

    # Afterwards ----------------------------------------------------------------------------------

    async def refresh(self, tokens: UpstreamTokens) -> UpstreamTokens:
        """Return tokens that are good now."""
        if tokens.refresh_token is None:
            raise self.refused("the access token has expired and there is no refresh token")
        metadata = await self.metadata.get()
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        response = await self._token_request(metadata, form)
        return tokens_of({"refresh_token": tokens.refresh_token, **response}, self._clock.now())

    async def sign_out_url(self, back_to: str) -> str | None:
        """OIDC RP-Initiated Logout §2, where the operator wants it and the provider has it."""
        if not self.settings.logout:
            return None
        try:
            metadata = await self.metadata.get()
        except UpstreamError:
            return None
        if metadata.end_session_endpoint is None:
            return None
        query = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back_to}
        return with_query(metadata.end_session_endpoint, query)

    async def check(self) -> Report:
        """Look at discovery and keys."""
        facts = {"issuer": self.issuer, "discovery": self.metadata.url, "scopes": " ".join(self.scopes)}
        faults: list[str] = []
        try:
            metadata = await self.metadata.get()
            facts |= {
                "authorization_endpoint": metadata.authorization_endpoint,
                "token_endpoint": metadata.token_endpoint,
                "client_authentication": self._method(metadata),
            }
            keys = await self.metadata.keys(None)
            facts["keys"] = str(len(keys))
            if not keys:
                faults.append("It publishes no keys, so no ID token could be verified.")
            faults.extend(self._scope_faults(metadata))
        except UpstreamError as error:
            faults.append(_with_hint(error.detail or error.sentence))
        return Report(facts, tuple(faults))

    def _scope_faults(self, metadata: ProviderMetadata) -> list[str]:
        faults = []
        if "openid" not in self.scopes:
            faults.append("The scope openid is missing: without it there is no ID token.")
        if "email" not in self.scopes and "email" not in self.settings.claims:
            faults.append("The scope email is missing: people would be asked for their address.")
        unknown = [s for s in self.scopes if metadata.scopes_supported and s not in metadata.scopes_supported]
        if unknown:
            faults.append(f"The provider does not offer the scope {' '.join(unknown)}.")
        return faults


def _with_hint(detail: str) -> str:
    if "is the document of" in detail:
        return f"The issuer is wrong: {detail}. Configure the issuer exactly as the document writes it."
    return f"Discovery failed: {detail}."


def label_of(name: str, settings: UpstreamSettings, preset: str) -> str:
    """Return what people read on the button."""
    return settings.label or preset or name.replace("_", " ").replace("-", " ").title()


def challenge(verifier: str) -> str:
    """Return the S256 code challenge (RFC 7636 §4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def with_query(url: str, query: Mapping[str, str]) -> str:
    """Return the URL with more parameters (RFC 6749 §3.1: it may have some)."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def text_of(value: object) -> str | None:
    """Return a claim that is a short text, cleaned of what could deceive; None for anything else."""
    if not isinstance(value, str):
        return None
    text = " ".join("".join(c if c.isprintable() else " " for c in value[: 2 * LONGEST_VALUE]).split())
    return text[:LONGEST_VALUE] or None


def tokens_of(response: Mapping[str, Any], now: float) -> UpstreamTokens:
    """Return the tokens of a token response."""
    lifetime = response.get("expires_in")
    try:
        expires_at = now + float(lifetime) if lifetime is not None else None
    except (TypeError, ValueError):
        expires_at = None
    return UpstreamTokens(
        access_token=str(response["access_token"]),
        token_type=str(response.get("token_type", "Bearer"))[:40],
        refresh_token=_optional(response.get("refresh_token")),
        expires_at=expires_at,
        scope=_optional(response.get("scope")),
        id_token=_optional(response.get("id_token")),
    )


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _auth_time(claims: Mapping[str, Any]) -> float | None:
    value = claims.get("auth_time")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _read_key(name: str, settings: UpstreamSettings) -> tuple[Any, str] | None:
    if settings.private_key is None:
        return None
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

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
