"""Scopes and the claims behind them (OIDC Core §5.4)."""

import re
from collections.abc import Iterable, Mapping

OPENID = "openid"
OFFLINE_ACCESS = "offline_access"
ACCOUNT = "account"
"""Ours: lets a client act for the person in the JSON API."""
TIER = "tier"
"""Ours: what the person has subscribed to, as a claim of that name, in access tokens too."""

SCOPE_CLAIMS: Mapping[str, tuple[str, ...]] = {
    "openid": ("sub",),
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
    TIER: (TIER,),
}
"""Which claims a scope asks for."""

STANDARD_SCOPES = (*SCOPE_CLAIMS, OFFLINE_ACCESS, ACCOUNT)
"""Scopes with a meaning here, all about a person; any other means something to the resource server alone."""
DEFAULT_SCOPES = tuple(scope for scope in STANDARD_SCOPES if scope not in {TIER, ACCOUNT})
"""What a client may ask for unless it is registered with others."""
STANDARD_CLAIMS = tuple(dict.fromkeys(name for names in SCOPE_CLAIMS.values() for name in names))

_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
MAX_SCOPE_LENGTH = 2000
"""Characters; a longer scope is refused before it is split (Keycloak CVE-2026-4634)."""


def is_scope_token(text: str) -> bool:
    """Tell whether `text` is one scope in the syntax of RFC 6749 §3.3."""
    return _SCOPE_TOKEN.fullmatch(text) is not None


def parse_scope(scope: str | None) -> tuple[str, ...]:
    """Return the scopes asked for, each once and in order; raise ValueError when malformed."""
    if not scope:
        return ()
    if len(scope) > MAX_SCOPE_LENGTH:
        raise ValueError("scope is too long")
    tokens = tuple(dict.fromkeys(part for part in scope.split(" ") if part))
    if not all(is_scope_token(token) for token in tokens):
        raise ValueError("scope has characters that RFC 6749 does not allow")
    return tokens


def claims_of(scopes: Iterable[str]) -> set[str]:
    """Return the names of the claims that these scopes ask for."""
    return {name for scope in scopes for name in SCOPE_CLAIMS.get(scope, ())}
