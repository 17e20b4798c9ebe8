"""Requests and responses as values, so that the core needs no framework.

`CoreRequest` is what Authlib calls an OAuth2Request. Repeated parameters are refused while it is
built (RFC 6749 §3.1, §3.2) and empty ones count as absent (the same sections).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from idp.oauth.errors import InvalidRequestError, OAuth2Error

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""On every answer that carries a token or tells about one (RFC 6749 §5.1)."""


class CoreRequest(OAuth2Request):
    """A request to a protocol endpoint.

    Its URI is built from the configured issuer and never from proxy headers; whether that is https was
    checked when the settings were read, so Authlib's own transport check is left out.
    """

    def __init__(
        self,
        method: str,
        uri: str,
        *,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        address: str = "",
    ) -> None:
        # Authlib's initialiser is not called: all it does beside these lines is that transport check.
        self.method = method
        self.uri = uri
        self.headers = headers
        self.payload = BasicOAuth2Payload(dict(parameters))
        self.address = address
        self.client: Any = None
        self.auth_method: str | None = None
        self.user = None
        self.authorization_code: Any = None
        self.refresh_token = None
        self.credential = None
        self._scope = None
        self._body = None

    @property
    def args(self) -> Mapping[str, str]:
        """The parameters, wherever they came from."""
        return self.parameters

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters, wherever they came from."""
        return self.parameters

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters, each once and none empty."""
        data: Mapping[str, str] = self.payload.data
        return data


def single_valued(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return parameters as a mapping; raise `InvalidRequestError` when one is repeated."""
    parameters: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen:
            raise InvalidRequestError("A request parameter is repeated")  # RFC 6749 §3.1
        seen.add(name)
        if value:
            parameters[name] = value
    return parameters


@dataclass(frozen=True, slots=True)
class CoreResponse:
    """An answer: a JSON `body`, a redirect to `location`, or a form to post there (`form`)."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    location: str | None = None
    form: Sequence[tuple[str, str]] | None = None
    error: OAuth2Error | None = None
    """The protocol error that this answers with, for metrics and the log."""


def error_response(error: OAuth2Error) -> CoreResponse:
    """Answer with a protocol error as JSON (RFC 6749 §5.2)."""
    headers = dict(NO_STORE)
    headers.update((name, value) for name, value in error.get_headers() if name == "WWW-Authenticate")
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(retry_after)))
    return CoreResponse(error.status_code, dict(error.get_body()), headers, error=error)


def with_parameters(uri: str, parameters: Iterable[tuple[str, str]], *, fragment: bool = False) -> str:
    """Add parameters to a URI's query, keeping what is there (RFC 6749 §3.1.2), or as its fragment."""
    encoded = urlencode(list(parameters))
    if fragment:
        return f"{uri}#{encoded}"
    return f"{uri}{'&' if '?' in uri else '?'}{encoded}"
