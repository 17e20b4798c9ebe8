"""Claims made readable: each with its value, and in words what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

TIMES = {
    "exp": "expires",
    "iat": "issued",
    "nbf": "valid from",
    "auth_time": "signed in",
    "updated_at": "updated",
}

MEANINGS = {
    "iss": "who issued it",
    "sub": "who it is about",
    "aud": "who may accept it",
    "azp": "the app that it was issued to",
    "client_id": "the app that it was issued to",
    "nonce": "ties it to this sign-in",
    "at_hash": "ties it to the access token",
    "sid": "the session at the provider",
    "acr": "how strong the sign-in was",
    "amr": "how you proved who you are",
    "jti": "the name of this one token",
    "scope": "what it allows",
    "alg": "signature algorithm",
    "kid": "which key signed it",
    "typ": "what kind of token",
    "email_verified": "the address was proven",
}


@dataclass(frozen=True)
class Row:
    name: str
    value: str
    meaning: str


def rows(claims: Mapping[str, Any], now: float) -> list[Row]:
    return [Row(name, _value(name, value), _meaning(name, value, now)) for name, value in claims.items()]


def lifetime(seconds: float) -> str:
    """A length of time (in seconds) in words, rounded to one unit."""
    size = abs(round(seconds))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if size >= length:
            count = round(size / length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{size} second{'' if size == 1 else 's'}"


def relative(moment: float, now: float) -> str:
    if round(moment - now) == 0:
        return "just now"
    return f"in {lifetime(moment - now)}" if moment > now else f"{lifetime(now - moment)} ago"


def fingerprint(token: str | None) -> str:
    """Enough to see that a token changed, not enough to use it."""
    return hashlib.sha256(token.encode()).hexdigest()[:10] if token else "none"


def display_name(*sources: Mapping[str, Any]) -> str:
    for name in ("name", "preferred_username", "email", "sub"):
        for source in sources:
            if isinstance(source.get(name), str) and source[name]:
                return str(source[name])
    return "somebody"


def initials(name: str) -> str:
    words = name.partition("@")[0].replace(".", " ").split()
    return "".join(word[0] for word in words[:2]).upper() or "?"


def _value(name: str, value: Any) -> str:
    if name in TIMES and _is_time(value):
        return datetime.fromtimestamp(value, UTC).strftime("%d %b %Y, %H:%M:%S UTC")
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, indent=2, ensure_ascii=False)


def _meaning(name: str, value: Any, now: float) -> str:
    if name in TIMES and _is_time(value):
        return f"{TIMES[name]} {relative(value, now)}"
    return MEANINGS.get(name, "")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 32_503_680_000
