"""The standard claims that people set about themselves (OIDC Core §5.1), each checked and in the form it is kept."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from idp.claim_values import is_locale, is_time_zone
from idp.errors import InvalidValue
from idp.identity.names import claim_name
from idp.text import Text

LONGEST_TEXT = 200
ADDRESS_MEMBERS = ("street_address", "locality", "region", "postal_code", "country")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164, as OIDC Core §5.1 recommends
_BIRTHDATE = re.compile(r"[0-9]{4}(-[0-9]{2}-[0-9]{2})?")


def clean_claim(name: str, value: object) -> object:
    """Return the value of a claim that people set about themselves, as it is kept; raise `InvalidValue`."""
    if value in (None, ""):
        return None
    if name == "address":
        return _clean_address(value)
    if not isinstance(value, str):
        raise InvalidValue("This must be text.", field=name)
    text = value.strip()
    if len(text) > LONGEST_TEXT:
        raise InvalidValue(Text("At most %(number)d characters.", number=LONGEST_TEXT), field=name)
    if name in {"name", "given_name", "family_name", "middle_name", "nickname", "gender"}:
        return claim_name(text, field=name)
    check = _CHECKS.get(name)
    if check is None:
        raise InvalidValue("This cannot be changed here.", field=name)
    reason = check(text)
    if reason is not None:
        raise InvalidValue(reason, field=name)
    return text


def _clean_address(value: object) -> dict[str, str] | None:
    if not isinstance(value, Mapping):
        raise InvalidValue("An address has the members of OpenID Connect Core 5.1.1.", field="address")
    members = {}
    for member, text in value.items():
        if member not in ADDRESS_MEMBERS or not isinstance(text, str) or len(text) > LONGEST_TEXT:
            raise InvalidValue(
                Text("An address has %(members)s.", members=", ".join(ADDRESS_MEMBERS)), field="address"
            )
        if not text.replace("\n", "").replace("\r", "").isprintable():  # lines are fine (Core §5.1.1)
            raise InvalidValue("An address has no control characters.", field="address")
        if text.strip():
            members[member] = text.strip().replace("\r\n", "\n")  # as a browser sends its lines
    return members or None


def _pattern(pattern: re.Pattern[str], reason: str) -> Any:
    return lambda text: None if pattern.fullmatch(text) else reason


def _web_url(text: str) -> str | None:
    try:
        parts = urlsplit(text)
    except ValueError:
        return Text("This is not a web address.")
    fine = parts.scheme == "https" and parts.hostname and text.isprintable() and " " not in text
    return None if fine else Text("Use a web address that begins with https://.")


_CHECKS: Mapping[str, Any] = {
    "phone_number": _pattern(_PHONE, Text("Use the international format, such as +491701234567.")),
    "picture": _web_url,
    "profile": _web_url,
    "website": _web_url,
    "locale": lambda text: None if is_locale(text) else Text("Use a language tag such as en or de-AT."),
    "zoneinfo": lambda text: None if is_time_zone(text) else Text("Use a time zone such as Europe/Berlin."),
    "birthdate": _pattern(_BIRTHDATE, Text("Use the format YYYY-MM-DD.")),
}
