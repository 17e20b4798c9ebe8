"""Comparing redirect URIs."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

HIGHEST_PORT = 65_535

_LOOPBACK = re.compile(
    r"http://(?P<host>127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?P<rest>(?:[/?][!-\"$-\[\]-~]*)?)"
)
"""A loopback address (RFC 8252 §7.3), perhaps a port, and visible ASCII without `#` or a backslash."""


def is_registered(uri: str, registered: Iterable[str], *, any_loopback_port: bool) -> bool:
    """Tell whether `uri` is one of `registered`, letter by letter (RFC 9700 §2.1).

    With `any_loopback_port`, for native apps, the port of an http URI on a loopback address may
    differ (RFC 8252 §7.3); the name `localhost` is not such an address (§8.3).
    """
    candidates = tuple(registered)
    if uri in candidates:
        return True
    if not any_loopback_port:
        return False
    without_port = _without_loopback_port(uri)
    return without_port is not None and without_port in map(_without_loopback_port, candidates)


def _without_loopback_port(uri: str) -> str | None:
    """Return the URI without its port if it is a plain http URI on a loopback address.

    Matched as it is written: a parser would forgive white space, control characters and empty fragments,
    and a browser forgives them differently."""
    match = _LOOPBACK.fullmatch(uri)
    if match is None or int(match["port"] or 0) > HIGHEST_PORT:
        return None
    return f"http://{match['host']}{match['rest']}"


def origin_of(uri: str) -> str | None:
    """Return the web origin of an http(s) URI, as a browser writes it in `Origin`."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else None
