"""Comparing redirect URIs."""

from collections.abc import Iterable
from urllib.parse import urlsplit

LOOPBACK_LITERALS = ("127.0.0.1", "::1")


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
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme != "http" or parts.hostname not in LOOPBACK_LITERALS or parts.fragment:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.netloc != (host if port is None else f"{host}:{port}"):  # no user info, no other spelling
        return None
    return f"http://{host}{parts.path}?{parts.query}"


def origin_of(uri: str) -> str | None:
    """Return the web origin of an http(s) URI, as a browser writes it in `Origin`."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else None
