"""Scopes and the claims behind them (OIDC Core §5.4)."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

OPENID = "openid"
OFFLINE_ACCESS = "offline_access"
ACCOUNT = "account"
"""Ours: lets a client act for the person in the JSON API."""
TIER = "tier"
"""Ours: what the person has subscribed to, as a claim of that name, in access tokens too."""
ROLES = "roles"
"""Ours: the person's roles, as a claim of that name."""
GROUPS = "groups"
"""Ours: the same as `roles` under the name that many apps read. There are no groups beside the roles."""

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
    ROLES: (ROLES,),
    GROUPS: (GROUPS,),
}
"""Which claims a scope asks for."""

STANDARD_SCOPES = (*SCOPE_CLAIMS, OFFLINE_ACCESS, ACCOUNT)
"""Scopes with a meaning here, all about a person; any other means something to the resource server alone."""
SPECIAL_SCOPES = frozenset({TIER, ROLES, GROUPS, ACCOUNT})
"""Standard scopes that a client has only if the operator registers it with them."""
DEFAULT_SCOPES = tuple(scope for scope in STANDARD_SCOPES if scope not in SPECIAL_SCOPES)
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


ABOUT_CLAIMS = (TIER, ROLES, GROUPS)
"""Claims that resource servers read, in access tokens with the scope of the same name (RFC 9068 §2.2.3.1)."""


class UnregisteredScopeError(ValueError):
    """A request asks only for scopes that its client does not have, or for any such where none is ignored."""


@dataclass(frozen=True, slots=True)
class ScopePolicy:
    """What happens to requested scopes that a client is not registered with."""

    refuse: bool = False
    """Refuse the request. Otherwise they are ignored, as OIDC Core §3.1.2.1 advises, and the answer says what was
    granted (RFC 6749 §3.3)."""

    def choose(self, requested: tuple[str, ...], registered: Collection[str]) -> tuple[str, ...]:
        """Return the requested scopes that are registered; raise `UnregisteredScopeError`.

        A request of which nothing would be left is refused: an empty scope would mean the default."""
        known = tuple(scope for scope in requested if scope in registered)
        if (self.refuse and known != requested) or (requested and not known):
            raise UnregisteredScopeError
        return known
