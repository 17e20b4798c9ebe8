"""Reading JSON that others wrote: each member by its type, so that nothing else is taken for it.

A reader returns None for a member that is missing or null, and raises `Malformed` for one of another type.
Text never has a NUL or half a surrogate pair, which JSON can carry and neither a database nor UTF-8 takes.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

LONGEST_TEXT: Final = 4000
"""Characters of a text member, unless its reader says otherwise."""
MOST_ITEMS: Final = 100
"""Items of a list that are looked at."""
LATEST_TIME: Final = 253_402_300_799
"""The last second of the year 9999."""


class Malformed(ValueError):
    """A document, or a member of it, is not what it has to be. The message is for the log."""


def json_object(data: str | bytes) -> dict[str, Any]:
    """Return a JSON object."""
    try:
        value = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed("it is not JSON") from error
    if not isinstance(value, dict):
        raise Malformed("it is not a JSON object")
    return value


def _no_constant(name: str) -> None:
    raise Malformed(f"{name} is not JSON")  # RFC 8259 §6


def is_text(value: object, longest: int = LONGEST_TEXT) -> bool:
    """Tell whether a value is text that can be stored and sent."""
    if not isinstance(value, str) or len(value) > longest or "\x00" in value:
        return False
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def text(document: Mapping[str, Any], name: str, longest: int = LONGEST_TEXT) -> str | None:
    """Return a text member."""
    value = document.get(name)
    if value is None:
        return None
    if not is_text(value, longest):
        raise Malformed(f"{name} is not text of at most {longest} characters")
    return str(value)


def is_visible(value: str) -> bool:
    """Tell whether text is of visible ASCII characters alone."""
    return all("!" <= character <= "~" for character in value)


def token(document: Mapping[str, Any], name: str, longest: int) -> str | None:
    """Return a text member of visible ASCII characters, as tokens are (RFC 6749 appendix A)."""
    value = text(document, name, longest)
    if value is not None and not is_visible(value):
        raise Malformed(f"{name} has characters that no token has")
    return value or None


def is_true(document: Mapping[str, Any], name: str) -> bool:
    """Tell whether a member is the JSON value true: neither text nor a number is."""
    return document.get(name) is True


def instant(document: Mapping[str, Any], name: str) -> float | None:
    """Return a time in seconds since the epoch (RFC 7519 §2, NumericDate)."""
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST_TIME:
        raise Malformed(f"{name} is not a time in seconds")  # nor is NaN
    return float(value)


def integer(document: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """Return a whole number from `low` to `high`."""
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Malformed(f"{name} is not a whole number from {low} to {high}")
    return value


def seconds(document: Mapping[str, Any], name: str) -> float | None:
    """Return a span of time. Some servers write it as text."""
    value = document.get(name)
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        value = int(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST_TIME:
        raise Malformed(f"{name} is not a number of seconds")
    return float(value)


def one_or_more_texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a member that is a text or a list of texts (RFC 7519 §4.1.3, `aud`)."""
    value = document.get(name)
    items = value if isinstance(value, list) else [] if value is None else [value]
    if len(items) > MOST_ITEMS or not all(map(is_text, items)):
        raise Malformed(f"{name} is neither a text nor a list of texts")
    return tuple(items)


def texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the texts of a member that lists some. Other items, and a member that is no list, are no texts."""
    value = document.get(name)
    return tuple(filter(is_text, value[:MOST_ITEMS])) if isinstance(value, list) else ()


def objects(value: object, most: int = MOST_ITEMS) -> list[dict[str, Any]]:
    """Return the objects of a list. Other items, and a value that is no list, are no objects."""
    return [item for item in value[:most] if isinstance(item, dict)] if isinstance(value, list) else []
