"""The `claims` request parameter (OIDC Core §5.5)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from idp.oauth.scopes import STANDARD_CLAIMS, claims_of

MAX_CLAIMS_LENGTH = 8000
"""Characters of the parameter's JSON text."""
DEEPEST = 20
"""Levels of nesting; §5.5 itself needs four."""


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """Which single claims are asked for, and where they are to appear."""

    userinfo: Mapping[str, Any] = field(default_factory=dict)
    id_token: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> "ClaimsRequest":
        """Read the parameter; raise ValueError when it is not what §5.5 describes."""
        if not text:
            return cls()
        if len(text) > MAX_CLAIMS_LENGTH:
            raise ValueError("too long")
        if "\\u0000" in text:  # PostgreSQL stores neither this nor what `_finite` and `encode` refuse
            raise ValueError("has a null character")
        try:
            document = json.loads(text, parse_constant=_finite, parse_float=_finite)
            json.dumps(document, ensure_ascii=False).encode()  # halves of surrogate pairs cannot be encoded
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        if _is_deeper(document, DEEPEST):
            raise ValueError("nested too deeply")
        return cls.from_document(document)

    @classmethod
    def from_document(cls, document: object) -> "ClaimsRequest":
        """Read what `to_document` wrote, or the parsed parameter; raise ValueError on other shapes."""
        if not isinstance(document, dict):
            raise ValueError("not an object")  # noqa: TRY004  the caller handles one kind of error
        return cls(*(cls._member(document, name) for name in ("userinfo", "id_token")))

    @staticmethod
    def _member(document: Mapping[str, Any], name: str) -> dict[str, Any]:
        member = document.get(name)
        if member is None:
            return {}
        if not isinstance(member, dict):
            raise ValueError(f"{name} is not an object")  # noqa: TRY004  as above
        for request in member.values():
            if request is not None and not isinstance(request, dict):
                raise ValueError("a claim is neither null nor an object")
        return member

    def to_document(self) -> dict[str, Any]:
        """Return the request as JSON-able data, empty when nothing is asked."""
        document = {"userinfo": dict(self.userinfo), "id_token": dict(self.id_token)}
        return {name: member for name, member in document.items() if member}

    def within(self, scopes: Iterable[str]) -> "ClaimsRequest":
        """Return what a client that is registered for these scopes may ask for: of the claims about a user
        those that one of the scopes contains. The parameter asks for less than a scope, never for more."""
        allowed = claims_of(scopes)
        members = (
            {name: value for name, value in member.items() if name in allowed or name not in STANDARD_CLAIMS}
            for member in (self.userinfo, self.id_token)
        )
        return ClaimsRequest(*members)

    @property
    def names(self) -> set[str]:
        """The standard claims asked for anywhere; what we do not know is ignored (§5.5)."""
        return {name for name in (*self.userinfo, *self.id_token) if name in STANDARD_CLAIMS} - {"sub"}

    @property
    def subjects(self) -> tuple[str, ...]:
        """The values of `sub` of which the ID token must have one (§5.5.1); empty when any will do."""
        return _values(self.id_token.get("sub"))

    @property
    def essential_acr(self) -> tuple[str, ...]:
        """The acr values of which one must be reached (§5.5.1.1); empty when none is essential."""
        request = self.id_token.get("acr")
        return _values(request) if request and request.get("essential") else ()


def _values(request: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the strings of which a claim is to have one: its `value` or its `values` (§5.5.1)."""
    values = request.get("values", [request.get("value")]) if request else []
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number is not finite")
    return number


def _is_deeper(document: object, levels: int) -> bool:
    if not isinstance(document, dict | list):
        return False
    members = document.values() if isinstance(document, dict) else document
    return levels == 0 or any(_is_deeper(member, levels - 1) for member in members)
