"""Requests and responses as values, so that the core needs no framework.

`CoreRequest` is what Authlib calls an OAuth2Request. `single_valued` makes its parameters: a repeated one is
refused and an empty one counts as absent (RFC 6749 §3.1, §3.2).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from idp.oauth.clients import Client
from idp.oauth.errors import InvalidRequestError, OAuth2Error

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""On every answer that carries a token or tells about one (RFC 6749 §5.1)."""


class CoreRequest(OAuth2Request):
    """A request to a protocol endpoint, as Authlib reads it.

    Its URI is built from the configured issuer and never from proxy headers.
    """

    payload: BasicOAuth2Payload
    client: Client | None
    auth_method: str | None

    def __init__(
        self,
        method: str,
        uri: str,
        *,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        address: str = "",
    ) -> None:
        # Authlib refuses a URI without TLS here. Whether the issuer may do without was settled when the
        # settings were read, so Authlib sees the real URI only afterwards.
        super().__init__(method, "https://issuer", headers=headers)
        self.uri = uri
        self.payload = BasicOAuth2Payload(dict(parameters))
        self.address = address
        self.presented_method: str | None = None
        """The way in which the request authenticates its client, proven or not."""
        self.claimed_client_id: str | None = None
        self.client_at_hand: Client | None = None
        """The client that is claimed, when it was found without waiting; nothing is proven by it."""
        self.basic_credentials: tuple[str, str] | None = None
        self.basic_is_read = False

    @property
    def args(self) -> Mapping[str, str]:
        """The parameters, wherever they came from."""
        return self.form

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters, each once and none empty."""
        data: Mapping[str, str] = self.payload.data
        return data


def single_valued(pairs: Iterable[tuple[str, str]], known: Collection[str]) -> dict[str, str]:
    """Return the `known` parameters as a mapping; raise `InvalidRequestError` when one of them is repeated.

    An unknown parameter is ignored (RFC 6749 §3.1, §3.2), however often it is there: RFC 8707 §2 lets a
    client repeat `resource`.
    """
    parameters: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in pairs:
        if name not in known:
            continue
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
    return CoreResponse(error.status_code, dict(error.get_body()), headers, error=error)


def with_parameters(uri: str, parameters: Iterable[tuple[str, str]], *, fragment: bool = False) -> str:
    """Add parameters to a URI's query, keeping what is there (RFC 6749 §3.1.2), or as its fragment."""
    encoded = urlencode(list(parameters))
    if fragment:
        return f"{uri}#{encoded}"
    return f"{uri}{'&' if '?' in uri else '?'}{encoded}"
