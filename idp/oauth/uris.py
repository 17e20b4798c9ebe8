"""Which URIs a client may register.

Strict where a redirect URI is registered, so that comparing letter by letter is enough when it is used.
"""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from idp.config import is_loopback
from idp.errors import InvalidValue

LONGEST_URI = 2000
"""Characters."""

_ACTIVE_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "filesystem"})


@dataclass(frozen=True, slots=True)
class RedirectUriPolicy:
    """Which redirect URIs an installation lets clients have beyond the strict rule."""

    http_hosts: tuple[str, ...] = ()
    """Hosts beside this machine that http URIs may lead to."""
    any_custom_scheme: bool = False
    """Whether a client with a secret may have a custom scheme, and any client one without a dot."""


STRICT = RedirectUriPolicy()


def check_redirect_uri(uri: str, name: str, *, native: bool, policy: RedirectUriPolicy = STRICT) -> None:
    """Raise `InvalidValue` unless `uri` may be registered; `native`: custom schemes are allowed."""
    parts = check_uri_syntax(uri, name)
    if "*" in uri:
        raise InvalidValue(
            f"{shown(uri)} has a wildcard; redirect URIs are compared letter by letter (RFC 9700 §2.1).",
            field=name,
        )
    if parts.scheme in {"http", "https"}:
        _check_web_parts(uri, parts, name, policy.http_hosts)
    elif policy.any_custom_scheme:
        return
    elif not native:
        raise InvalidValue(
            f"{shown(uri)} has a scheme of its own, which only a public client may use; use https, or set "
            "IDP_CLIENTS__ANY_CUSTOM_SCHEME.",
            field=name,
        )
    elif "." not in parts.scheme:  # RFC 8252 §7.1
        raise InvalidValue(
            f"The scheme of {shown(uri)} must be a domain name in reverse, such as com.example.app:/cb "
            "(RFC 8252 §7.1). IDP_CLIENTS__ANY_CUSTOM_SCHEME allows others.",
            field=name,
        )


def check_web_uri(uri: str, name: str) -> SplitResult:
    """Return the parts of an https URL, or an http one to this machine; raise `InvalidValue` for others."""
    parts = check_uri_syntax(uri, name)
    if parts.scheme not in {"http", "https"}:
        raise InvalidValue(f"{shown(uri)} must be an https URL.", field=name)
    _check_web_parts(uri, parts, name)
    return parts


def check_uri_syntax(uri: str, name: str) -> SplitResult:
    """Return the parts of an absolute URI without fragment and user name; raise `InvalidValue` for others."""
    if len(uri) > LONGEST_URI:
        raise InvalidValue(f"A {name} is longer than {LONGEST_URI} characters.", field=name)
    if not is_visible_ascii(uri) or any(c in uri for c in '\\"<>^`{|}'):
        raise InvalidValue(
            f"{shown(uri)} has characters that a URI cannot have (RFC 3986 §2); percent-encode them.",
            field=name,
        )
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as error:
        raise InvalidValue(f"{shown(uri)} is not a URI.", field=name, detail=str(error)) from error
    if not parts.scheme:
        raise InvalidValue(f"{shown(uri)} is relative; write the whole URI, with https://.", field=name)
    if parts.scheme in _ACTIVE_SCHEMES:
        raise InvalidValue(f"{shown(uri)} would run in the browser instead of leading anywhere.", field=name)
    if "#" in uri:  # RFC 6749 §3.1.2
        raise InvalidValue(f"{shown(uri)} has a fragment (#…), which is not allowed.", field=name)
    if "@" in parts.netloc:
        raise InvalidValue(f"{shown(uri)} has a user name before its host; leave it out.", field=name)
    return parts


def _check_web_parts(uri: str, parts: SplitResult, name: str, http_hosts: tuple[str, ...] = ()) -> None:
    if not parts.hostname or not uri.lower().startswith(f"{parts.scheme}://"):
        raise InvalidValue(f"{shown(uri)} names no host.", field=name)
    allowed = is_loopback(parts.hostname) or parts.hostname in http_hosts
    if parts.scheme == "http" and not allowed:
        raise InvalidValue(
            f"{shown(uri)} uses http on a host that is not this machine; use https, or everybody on the way "
            "can read what is sent there.",
            field=name,
        )


def is_visible_ascii(text: str) -> bool:
    """Tell whether `text` has no space, control or foreign character."""
    return all("!" <= c <= "~" for c in text)


def shown(uri: str) -> str:
    """Return a URI as a sentence may name it."""
    return ascii(uri[:120])[1:-1]
