"""What an OpenID provider says about itself: discovery (OIDC Discovery 1.0 §4) and its keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from idp import foreign
from idp.clock import Clock
from idp.federation.http import ProviderHttp
from idp.federation.upstream import UpstreamDown
from idp.foreign import Malformed, is_visible
from idp.keys.published import FetchedKeys, KeySet, read_key_set

METADATA_TTL: Final = 3600.0
KEYS_TTL: Final = 3600.0


@dataclass(frozen=True, slots=True)
class UpstreamMetadata:
    """The part of the discovery document that is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods: tuple[str, ...] = ("client_secret_basic",)
    scopes_supported: tuple[str, ...] = ()
    announces_iss: bool = False
    """RFC 9207 §3: authorization responses carry `iss`."""


class MetadataSource:
    """Fetches the document of one issuer, and its keys, and keeps them for a while."""

    def __init__(self, issuer: str, http: ProviderHttp, label: str, clock: Clock) -> None:
        self.issuer = issuer
        self._http = http
        self._label = label
        self._clock = clock
        self._metadata: tuple[float, UpstreamMetadata] | None = None
        self.keys = FetchedKeys(self._fetch_keys, clock, KEYS_TTL)
        """The published keys; fetching them raises `UpstreamDown`."""

    @property
    def url(self) -> str:
        """Where the document is (OIDC Discovery §4.1)."""
        return self.issuer.rstrip("/") + "/.well-known/openid-configuration"

    async def get(self) -> UpstreamMetadata:
        """Return the metadata; raise `UpstreamDown`. An old one will do while the provider is away."""
        now = self._clock.now()
        if self._metadata is not None and self._metadata[0] > now:
            return self._metadata[1]
        try:
            fetched = await self._fetch()
        except UpstreamDown:
            if self._metadata is None:
                raise
            return self._metadata[1]
        self._metadata = (now + METADATA_TTL, fetched)
        return fetched

    async def _fetch_keys(self) -> KeySet:
        metadata = await self.get()
        status, document = await self._http.json("GET", metadata.jwks_uri)
        try:
            if status != 200:
                raise Malformed(f"it answers {status}")
            return read_key_set(document)
        except Malformed as error:
            raise UpstreamDown(self._label, f"{metadata.jwks_uri}: {error}") from error

    async def _fetch(self) -> UpstreamMetadata:
        status, document = await self._http.json("GET", self.url)
        if status != 200:
            raise UpstreamDown(self._label, f"{self.url} answers {status}")
        issuer = document.get("issuer")
        if issuer != self.issuer:  # OIDC Discovery §4.3: exactly
            raise UpstreamDown(
                self._label, f"{self.url} is the document of {str(issuer)[:200]!r}, not of {self.issuer!r}"
            )
        methods = foreign.texts(document, "token_endpoint_auth_methods_supported")
        return UpstreamMetadata(
            issuer=self.issuer,
            authorization_endpoint=self._endpoint(document, "authorization_endpoint"),
            token_endpoint=self._endpoint(document, "token_endpoint"),
            jwks_uri=self._endpoint(document, "jwks_uri"),
            userinfo_endpoint=self._optional(document, "userinfo_endpoint"),
            end_session_endpoint=self._optional(document, "end_session_endpoint"),
            token_endpoint_auth_methods=methods or ("client_secret_basic",),
            scopes_supported=foreign.texts(document, "scopes_supported"),
            announces_iss=foreign.is_true(document, "authorization_response_iss_parameter_supported"),
        )

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        try:
            url = foreign.text(document, name, 2000)
        except Malformed as error:
            raise UpstreamDown(self._label, f"{self.url}: {error}") from error
        schemes = ("https://", "http://") if self._http.allows_private else ("https://",)
        if url is None or not url.startswith(schemes) or not is_visible(url):
            raise UpstreamDown(self._label, f"{self.url} has no usable {name}: {str(url)[:200]!r}")
        return url

    def _optional(self, document: Mapping[str, Any], name: str) -> str | None:
        return self._endpoint(document, name) if document.get(name) else None
