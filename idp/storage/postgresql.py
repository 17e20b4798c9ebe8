"""How PostgreSQL is connected to: the URL with libpq's parameters, as arguments for asyncpg.

Hosted databases hand out URLs for libpq. What asyncpg can honour of them is honoured here, and what it cannot is
refused: a parameter that is silently ignored may be the one that was to protect the connection.
"""

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from idp.errors import ConfigurationError
from idp.trust import Trust

PORT: Final = 5432
MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TARGETS: Final = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
SERVER_SETTINGS: Final = ("application_name", "options", "search_path", "TimeZone")
"""What the server itself is told at the beginning of a connection."""
VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
HARMLESS: Final[Mapping[str, tuple[str, ...]]] = {
    "client_encoding": ("utf8", "utf-8", "auto"),
    "channel_binding": ("disable", "prefer"),
    "gssencmode": ("disable", "prefer"),
    "fallback_application_name": (),
}
"""Parameters that change nothing here, with the values for which that is so; without values, all."""


_AUTHORITY: Final = re.compile(r"[^/?#]*")
_PORT_AND_PATH: Final = re.compile(r"[0-9]{0,5}(?:[,/?#]|$)")
"""What comes after the colon of `HOST:PORT/NAME?options=-c a=b@c`, which is no password."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a database is, and how it is connected to."""

    place: str
    """Host and port, for sentences; several with commas."""
    user: str | None
    database: str | None
    arguments: dict[str, Any] = field(repr=False)
    """For `asyncpg.connect`."""
    timeout: float | None = None
    """`connect_timeout`, in seconds."""


def read_url(url: str, trust: Trust) -> Target:
    """Read a URL such as `postgresql://USER:PASSWORD@HOST/NAME?sslmode=verify-full`; raise `ConfigurationError`."""
    try:
        credentials, rest = _split_credentials(url.partition("://")[2])
        user, _, password = credentials.partition(":")
        before, _, text = rest.partition("?")
        hosts, _, path = before.partition("/")
        query = _query_of(text)
        places = _places(query.pop("host", unquote(hosts)), query.pop("port", ""))
        database = query.pop("dbname", None) or query.pop("database", None) or unquote(path)
        arguments: dict[str, Any] = {
            "user": query.pop("user", None) or unquote(user) or None,
            "password": query.pop("password", None) or unquote(password) or None,
            "database": database or None,
        }
        if places:
            arguments |= {"host": [host for host, _ in places], "port": [port for _, port in places]}
        _read_cache_size(query, arguments)
        timeout = _seconds(query.pop("connect_timeout", None))
        for name in ("passfile", "service", "krbsrvname", "gsslib"):
            if name in query:
                arguments[name] = query.pop(name)
        target = query.pop("target_session_attrs", None)
        if target is not None:
            arguments["target_session_attrs"] = _one_of("target_session_attrs", target, TARGETS)
        arguments |= _tls(query, trust, places)
        settings = {name: query.pop(name) for name in SERVER_SETTINGS if name in query}
        if settings:
            arguments["server_settings"] = settings
        _refuse_others(query)
    except ValueError as error:
        raise ConfigurationError(f"IDP_DATABASE_URL: {error}.") from error
    named = ", ".join(host if host.startswith("/") else _authority(host, port) for host, port in places)
    return Target(named or "this machine", arguments["user"], arguments["database"], arguments, timeout)


def _split_credentials(rest: str) -> tuple[str, str]:
    """Split `USER:PASSWORD@` off. A password may have a slash, a question mark or a hash that is not encoded, as those
    that programs make often have; with an @ it has to be encoded."""
    authority = _AUTHORITY.match(rest)
    credentials, at, _ = (authority[0] if authority else "").rpartition("@")
    if not at:
        credentials, at, _ = rest.partition("@")
        _, colon, password = credentials.partition(":")
        if not at or not colon or _PORT_AND_PATH.match(password):
            return "", rest
    return credentials, rest[len(credentials) + 1 :]


def _query_of(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    query = dict(pairs)
    if len(query) != len(pairs):
        raise ValueError("a parameter is there twice")
    return query


def _places(hosts: str, ports: str) -> list[tuple[str, int]]:
    if not hosts:
        return []
    named = [_split(part) for part in hosts.split(",")]
    others = ports.split(",") if ports else []
    if len(others) not in {0, 1, len(named)}:
        raise ValueError("there are more or fewer ports than hosts")
    if others:
        given = others * len(named) if len(others) == 1 else others
        named = [(host, port) for (host, _), port in zip(named, given, strict=True)]
    return [(host, _port(port)) for host, port in named]


def _split(part: str) -> tuple[str, str]:
    if part.startswith("/"):  # the directory of a socket
        return part, ""
    if part.startswith("["):
        host, _, rest = part[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = part.partition(":")
    if not host:
        raise ValueError("a host has no name")
    return host, port


def _port(text: str) -> int:
    if not text:
        return PORT
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= 65_535):
        # It may be a part of a password, so it is not repeated.
        raise ValueError("a port is no number, or the password has an @ that is not written %40")
    return int(text)


def _read_cache_size(query: dict[str, str], arguments: dict[str, Any]) -> None:
    """Take what switches prepared statements off, for a pooler such as PgBouncer before version 1.21."""
    for name in ("statement_cache_size", "prepared_statement_cache_size"):
        if name in query:
            text = query.pop(name)
            if not (text.isascii() and text.isdigit() and len(text) < 6):
                raise ValueError(f"{name} is not a number")
            arguments["statement_cache_size"] = int(text)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ValueError("connect_timeout is not a number of seconds")
    return float(text) or None  # libpq: 0 is as if it were not there


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{name} is {value[:40]!r} and has to be one of {', '.join(known)}")
    return value


def _tls(query: dict[str, str], trust: Trust, places: list[tuple[str, int]]) -> dict[str, Any]:
    """Return what asyncpg is to do about TLS (libpq's sslmode)."""
    mode = query.pop("sslmode", None) or query.pop("ssl", None) or os.environ.get("PGSSLMODE")
    names = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "sslpassword")
    files = {name: value for name in names if (value := query.pop(name, None)) is not None}
    versions = {
        end: _one_of(name, query.pop(name), tuple(VERSIONS))
        for end in ("min", "max")
        if (name := f"ssl_{end}_protocol_version") in query
    }
    negotiation = _one_of("sslnegotiation", query.pop("sslnegotiation", "postgres"), ("postgres", "direct"))
    mode = None if mode is None else _one_of("sslmode", mode, MODES)
    if mode == "disable" or (mode is None and places and all(host.startswith("/") for host, _ in places)):
        return {"ssl": False}
    if mode in {None, "allow", "prefer"}:
        # With and without TLS are tried in turn, and no certificate is looked at, so none need be given.
        if files or negotiation == "direct":
            raise ValueError("certificates and sslnegotiation need sslmode=require, verify-ca or verify-full")
        return {"ssl": mode or "prefer"}
    context = _context(str(mode), files, trust)
    for end, version in versions.items():
        setattr(context, f"{end}imum_version", VERSIONS[version])
    return {"ssl": context, "direct_tls": negotiation == "direct"}


def _context(mode: str, files: Mapping[str, str], trust: Trust) -> ssl.SSLContext:
    root = files.get("sslrootcert")
    own = root is not None and root != "system"
    context = _empty_context() if own else trust.with_certificates(None)
    try:
        if own:
            context.load_verify_locations(cafile=root)
        if "sslcrl" in files:
            context.load_verify_locations(cafile=files["sslcrl"])
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        if "sslcert" in files:
            password = files.get("sslpassword", "")
            context.load_cert_chain(files["sslcert"], files.get("sslkey"), password=lambda: password)
    except OSError as error:  # of which ssl.SSLError is one
        named = ", ".join(f"{name}={value}" for name, value in files.items() if name != "sslpassword")
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"a certificate or key cannot be read ({named}): {reason or 'not PEM'}") from error
    # libpq: `system` always checks the name; with a root certificate, require checks the authority.
    context.check_hostname = mode == "verify-full" or root == "system"
    if mode == "require" and root is None:
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["postgresql"])
    return context


def _empty_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _refuse_others(query: Mapping[str, str]) -> None:
    for name, value in query.items():
        allowed = HARMLESS.get(name)
        if allowed is not None and (not allowed or value.lower() in allowed):
            continue
        if name == "channel_binding":
            raise ValueError(
                "channel_binding=require is more than the driver can do; leave it out, and have the server "
                "prove itself with sslmode=verify-full"
            )
        raise ValueError(f"the parameter {name[:40]!r} is not one that is honoured here; leave it out")


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
