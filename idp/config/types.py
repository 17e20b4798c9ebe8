"""The types of settings: how each is written as text, and what is refused."""

import ipaddress
import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from idp.trust import BEGIN, check_certificates

MINUTE, HOUR, DAY = 60, 3600, 86_400


def split_list(value: object) -> object:
    """Let a list be written as JSON or as comma-separated text."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    return json.loads(value) if isinstance(value, str) else value


def check_issuer(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an absolute https URL such as https://id.example.com")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must have no query, fragment or user name (OIDC Discovery 1.0 §3)")
    if value.endswith("/"):
        raise ValueError("must not end with a slash: it is compared letter by letter")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            "uses http on a host that is not loopback; tokens and cookies would travel in the clear: use https"
        )
    return value


def _check_network(value: str) -> str:
    ipaddress.ip_network(value, strict=False)
    return value


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_certificates(value: str) -> str:
    """Return certificates in PEM form, given as such or by the name of their file."""
    if BEGIN in value:
        return check_certificates(value)
    try:
        text = Path(value).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"names {value[:200]}, which cannot be read: {reason}") from error
    return check_certificates(text)


def check_redis_url(value: str) -> str:
    """Return the URL of a Redis server; `idp.storage.ephemeral.redis` checks its parameters."""
    parts = urlsplit(value)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must begin with redis://, rediss:// (TLS) or unix://")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("has an invalid port") from error
    if port == 0 or (parts.scheme != "unix" and not parts.hostname):
        raise ValueError("must name a host, as in redis://HOST:6379/0")
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(split_list)]


def _check_algorithms(value: tuple[str, ...]) -> tuple[str, ...]:
    if "RS256" not in value:
        raise ValueError(
            "must include RS256: it signs access tokens, and OpenID Connect Discovery requires it of every provider"
        )
    return value


SigningAlgorithms = Annotated[tuple[str, ...], BeforeValidator(split_list), AfterValidator(_check_algorithms)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], BeforeValidator(split_list)]


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _pairs(value: object) -> object:
    """Let a table be written as JSON or as `name=value` with commas."""
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        parts = (part.partition("=") for part in value.split(",") if part.strip())
        return {name.strip(): text.strip() for name, _, text in parts}
    return json.loads(value) if isinstance(value, str) else value


Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]


CHARACTER_KINDS = ("upper", "lower", "digit", "symbol")


def _check_character_kind(value: str) -> str:
    if value not in CHARACTER_KINDS:
        raise ValueError(f"must be one of {', '.join(CHARACTER_KINDS)}")
    return value


CharacterKinds = Annotated[
    tuple[Annotated[str, AfterValidator(_check_character_kind)], ...], BeforeValidator(split_list)
]
