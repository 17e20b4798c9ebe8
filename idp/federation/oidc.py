"""Any OpenID provider, by its issuer (OIDC Core §3.1, code flow with PKCE and nonce)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from idp.clock import Clock
from idp.config import UpstreamSettings
from idp.crypto import random_token
from idp.errors import ConfigurationError
from idp.federation import id_token as tokens
from idp.federation.claims import auth_time, identity_of, tokens_of
from idp.federation.credentials import UpstreamCredentials
from idp.federation.http import ProviderHttp
from idp.federation.id_token import BadIdToken
from idp.federation.identity import UpstreamIdentity, UpstreamTokens
from idp.federation.metadata import MetadataSource, UpstreamMetadata
from idp.federation.upstream import (
    CANCELLATIONS,
    AuthorizationRedirect,
    Cancelled,
    PendingAuthorization,
    Preset,
    Report,
    UpstreamDown,
    UpstreamError,
    UpstreamRefused,
    UpstreamRequest,
    challenge,
    label_of,
    parameters,
    with_query,
)
from idp.foreign import Malformed
from idp.keys.published import NotVerified, with_fresh_keys
from idp.outgoing import Answer
from idp.text import Text

DOWN = frozenset({"server_error", "temporarily_unavailable"})


class OpenIdUpstream:
    """An OpenID provider."""

    credentials_type: ClassVar[type[UpstreamCredentials]] = UpstreamCredentials

    def __init__(
        self, name: str, settings: UpstreamSettings, preset: Preset, http: ProviderHttp, clock: Clock
    ) -> None:
        self.name = name
        self.settings = settings
        self.preset = preset
        self.label = label_of(name, settings, preset.label)
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
        self.credentials = self.credentials_type(name, issuer, settings, clock, self.preset.auth_method)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for."""
        return self.settings.scopes or self.preset.scopes

    # Going there ---------------------------------------------------------------------------------

    async def begin(self, ask: UpstreamRequest) -> AuthorizationRedirect:
        """Say where to send the person."""
        metadata = await self.metadata.get()
        memory = PendingAuthorization(
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

    def prompt(self, ask: UpstreamRequest) -> str | None:
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

    async def finish(self, answer: Mapping[str, str], memory: PendingAuthorization) -> UpstreamIdentity:
        """Check what came back and return the identity of the user."""
        metadata = await self.metadata.get()
        self._check_iss(answer.get("iss"), metadata)  # before all else: errors carry it too (RFC 9207 §2.4)
        self.raise_error(answer)
        code = answer.get("code")
        if not code:
            raise self.refused("the answer has neither a code nor an error")
        issued = await self._redeem(metadata, code, memory)
        claims = await self._id_claims(issued, memory)
        self.check_claims(claims)
        self._check_freshness(claims, memory)
        userinfo = await self._userinfo(metadata, issued.access_token, claims)
        return identity_of(self.name, self.issuer, self.settings, claims, userinfo, issued)

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
        """Refuse a user who may not come in, by the claims of the ID token."""

    def _check_iss(self, told: str | None, metadata: UpstreamMetadata) -> None:
        if told is None and metadata.announces_iss:
            raise self.refused("the answer has no iss, which the provider announces (RFC 9207)")
        if told is not None and told != self.issuer:
            raise self.refused(f"the answer is from {told[:200]!r}: mix-up (RFC 9207)")

    async def _redeem(
        self, metadata: UpstreamMetadata, code: str, memory: PendingAuthorization
    ) -> UpstreamTokens:
        return await self._token_request(
            metadata,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": memory.redirect_uri,
                "code_verifier": memory.code_verifier,
            },
        )

    async def _token_request(self, metadata: UpstreamMetadata, form: Mapping[str, str]) -> UpstreamTokens:
        extra, headers = self.credentials.present(metadata.token_endpoint_auth_methods)
        status, response = await self._http.json(
            "POST", metadata.token_endpoint, data={**form, **extra}, headers=headers
        )
        if status != 200 or "error" in response:
            error, said = str(response.get("error"))[:80], str(response.get("error_description", ""))[:300]
            raise self.refused(f"the token endpoint answers {status}: {error!r} {said!r}")
        try:
            return tokens_of(response, self._clock.now())
        except Malformed as error:
            raise self.refused(f"the token endpoint's answer is malformed: {error}") from error

    async def _id_claims(self, issued: UpstreamTokens, memory: PendingAuthorization) -> dict[str, Any]:
        if issued.id_token is None:
            raise self.refused("the token endpoint gives no ID token; is the scope openid among those asked?")
        try:
            claims, alg = await self._signed_claims(issued.id_token)
            tokens.check_claims(
                claims,
                issuer=self.issuer,
                client_id=self.settings.client_id,
                nonce=memory.nonce,
                now=self._clock.now(),
                access_token=issued.access_token,
                alg=alg,
                clock_skew=self.settings.clock_skew,
            )
        except (BadIdToken, NotVerified) as error:
            raise self.refused(f"the ID token is refused: {error}") from error
        return claims

    async def _signed_claims(self, token: str) -> tuple[dict[str, Any], str]:
        """Return the claims of what the provider signed, and the algorithm."""
        kid, alg = tokens.read_header(token, self.settings.algorithms or tokens.ALGORITHMS)
        claims = await with_fresh_keys(
            self.metadata.keys, lambda keys: tokens.verified_claims(token, keys, kid, alg)
        )
        return claims, alg

    def _check_freshness(self, claims: Mapping[str, Any], memory: PendingAuthorization) -> None:
        """OIDC Core §3.1.3.7: with max_age there has to be an auth_time, and it has to be recent."""
        signed_in_at = auth_time(claims)
        sentence = Text(
            "%(provider)s did not ask you to sign in again. Sign out there, then try once more.",
            provider=self.label,
        )
        now, skew = self._clock.now(), self.settings.clock_skew
        if memory.max_age is not None and (
            signed_in_at is None or now - signed_in_at > memory.max_age + skew + (now - memory.began_at)
        ):
            raise self.refused("auth_time is missing or older than max_age", sentence)
        if memory.reauthenticate and signed_in_at is not None and signed_in_at < memory.began_at - skew:
            raise self.refused("auth_time is from before this sign-in, in spite of prompt=login", sentence)

    async def _userinfo(
        self, metadata: UpstreamMetadata, access_token: str, claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        if metadata.userinfo_endpoint is None or not self.settings.userinfo:
            return {}
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json, application/jwt"}
        answer = await self._http.send("GET", metadata.userinfo_endpoint, headers=headers)
        if answer.status != 200:
            raise self.refused(f"userinfo answers {answer.status}")
        document = await self._signed_userinfo(answer) if _is_jwt(answer) else self._http.object_of(answer)
        if document.get("sub") != claims["sub"]:  # OIDC Core §5.3.2
            raise self.refused("userinfo is about somebody else than the ID token")
        return document

    async def _signed_userinfo(self, answer: Answer) -> dict[str, Any]:
        """Read userinfo that the provider signs (OIDC Core §5.3.2)."""
        token = answer.body.decode("ascii", "replace").strip()
        if token.count(".") == 4:
            raise self.refused("userinfo is encrypted, for which there is no key here; have it signed alone")
        try:
            claims, _ = await self._signed_claims(token)
            tokens.check_userinfo(
                claims,
                issuer=self.issuer,
                client_id=self.settings.client_id,
                now=self._clock.now(),
                clock_skew=self.settings.clock_skew,
            )
        except (BadIdToken, NotVerified) as error:
            raise self.refused(f"signed userinfo is refused: {error}") from error
        return claims

    # Afterwards ----------------------------------------------------------------------------------

    async def refresh(self, tokens: UpstreamTokens) -> UpstreamTokens:
        """Return tokens that are good now."""
        if tokens.refresh_token is None:
            raise self.refused("the access token has expired and there is no refresh token")
        metadata = await self.metadata.get()
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        issued = await self._token_request(metadata, form)
        return issued if issued.refresh_token else replace(issued, refresh_token=tokens.refresh_token)

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
                "client_authentication": self.credentials.method(metadata.token_endpoint_auth_methods),
            }
            keys = await self.metadata.keys.get()
            facts["keys"] = str(len(keys))
            if not keys:
                faults.append("It publishes no keys, so no ID token could be verified.")
            faults.extend(self._scope_faults(metadata))
        except UpstreamError as error:
            faults.append(_with_hint(error.detail or error.sentence))
        return Report(facts, tuple(faults))

    def _scope_faults(self, metadata: UpstreamMetadata) -> list[str]:
        faults = []
        if "openid" not in self.scopes:
            faults.append("The scope openid is missing: without it there is no ID token.")
        if "email" not in self.scopes and "email" not in self.settings.claims:
            faults.append("The scope email is missing: people would be asked for their address.")
        unknown = [s for s in self.scopes if metadata.scopes_supported and s not in metadata.scopes_supported]
        if unknown:
            faults.append(f"The provider does not offer the scope {' '.join(unknown)}.")
        return faults


def _is_jwt(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/jwt"


def _with_hint(detail: str) -> str:
    if "is the document of" in detail:
        return f"The issuer is wrong: {detail}. Configure the issuer exactly as the document writes it."
    return f"Discovery failed: {detail}."
