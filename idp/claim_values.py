"""The forms of claims of OpenID Connect Core §5.1 that people and providers give."""

import re
from functools import cache
from zoneinfo import available_timezones

_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")


def is_locale(text: str) -> bool:
    """Tell whether `text` has the form of a language tag such as `de` or `de-AT`."""
    return _LOCALE.fullmatch(text) is not None


def is_time_zone(text: str) -> bool:
    """Tell whether `text` is the name of a time zone that this machine knows."""
    return text in time_zones()


@cache
def time_zones() -> frozenset[str]:
    """Return the names of all time zones. Reading them from disk takes 15 ms, so it is done once."""
    return frozenset(available_timezones())
