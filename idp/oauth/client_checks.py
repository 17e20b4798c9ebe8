"""Checks of single values of client metadata. Each raises `InvalidValue` with the reason."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from idp.errors import InvalidValue
from idp.oauth.scopes import STANDARD_CLAIMS, is_scope_token
from idp.oauth.uris import LONGEST_URI, check_uri_syntax, check_web_uri, is_visible_ascii, shown

LONGEST_NAME: Final = 200
"""Characters of a client's name, of its id and of a scope."""

_JOINERS: Final = "\u200c\u200d"
"""Zero-width, but part of how some languages are written."""
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})


def check_name(name: str, field: str) -> None:
    """A name for the consent page."""
    if not name.strip():
        raise InvalidValue("The name is empty; people read it when they are asked to consent.", field=field)
    if len(name) > LONGEST_NAME:
        raise InvalidValue(f"The name is longer than {LONGEST_NAME} characters.", field=field)
    # Direction marks and invisible characters make one name look like another.
    if any(unicodedata.category(c) in _INVISIBLE and c not in _JOINERS for c in name):
        raise InvalidValue("The name has control or invisible characters.", field=field)


def check_client_id(client_id: str) -> None:
    """A client id that the operator chooses."""
    if not 1 <= len(client_id) <= LONGEST_NAME:
        raise InvalidValue(f"The client id must have 1 to {LONGEST_NAME} characters.", field="client_id")
    # RFC 6749 §A.1 allows more, but what Basic authentication has to escape (§2.3.1) many libraries do not.
    if not all("!" <= c <= "~" and c not in ':%+"\\' for c in client_id):
        raise InvalidValue(
            "The client id may have letters, digits and ASCII punctuation, but no space and none of "
            ': % + " \\, which client libraries send in different ways.',
            field="client_id",
        )


def check_uri(uri: str, field: str) -> None:
    """A redirect URI as far as its syntax goes; which schemes a client may use depends on the client."""
    check_uri_syntax(uri, field)


def check_link(uri: str, field: str) -> None:
    """A URL that is shown to people or fetched."""
    check_web_uri(uri, field)


def check_origin(origin: str, field: str) -> None:
    """A web origin (RFC 6454 §6.2)."""
    parts = check_web_uri(origin, field)
    if origin != f"{parts.scheme}://{parts.netloc}" or origin != origin.lower():
        raise InvalidValue(
            f"{shown(origin)} is not an origin as browsers write it, such as https://app.example.com.",
            field=field,
        )


def check_scope(scope: str, field: str) -> None:
    """One scope (RFC 6749 §3.3)."""
    if len(scope) > LONGEST_NAME or not is_scope_token(scope):
        raise InvalidValue(
            f"{scope[:80]!r} is not a scope: one word of visible ASCII without quotes or backslash "
            "(RFC 6749 §3.3).",
            field=field,
        )


def check_assertion_audience(rule: str, field: str) -> None:
    """The rule for the `aud` of client assertions."""
    if rule not in {"endpoint", "issuer"}:
        raise InvalidValue(f"{rule[:40]!r} is neither endpoint nor issuer.", field=field)


def check_audience(audience: str, field: str) -> None:
    """The `aud` of access tokens."""
    if not 1 <= len(audience) <= LONGEST_URI or not is_visible_ascii(audience):
        raise InvalidValue(
            f"{audience[:80]!r} is not an audience: visible ASCII without spaces.", field=field
        )


def check_claim(claim: str, field: str) -> None:
    """A claim about a person (OIDC Core §5.1)."""
    if claim not in STANDARD_CLAIMS or claim == "sub":
        raise InvalidValue(f"{claim[:80]!a} is not a claim about a person.", field=field)


def check_jwks(jwks: Mapping[str, Any], field: str) -> None:
    """Public keys only. Whether each key is well formed is checked by Authlib (`registration.py`)."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise InvalidValue('jwks must be an object whose "keys" lists at least one key.', field=field)
    for key in keys:
        if key.get("kty") == "oct":
            raise InvalidValue("jwks has a symmetric key; only public keys belong there.", field=field)
        if _PRIVATE_MEMBERS & key.keys():
            raise InvalidValue(
                "jwks has a private key. Others than its owner know it now, so make a new key and give its "
                "public part.",
                field=field,
            )
