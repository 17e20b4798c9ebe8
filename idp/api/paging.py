"""Pages of a list that belongs to one person, and so is short enough to be at hand whole.

A cursor says behind which item to go on, not how many to skip: what comes or goes meanwhile shifts nothing.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import TypeVar

from idp.errors import InvalidValue

T = TypeVar("T")
Key = tuple[float | str, str]


def page_of(
    items: Iterable[T], key: Callable[[T], Key], cursor: str | None, limit: int
) -> tuple[list[T], str | None]:
    """Return the items behind the cursor in the order of their keys, and the cursor of the next page."""
    ordered = sorted(items, key=key)
    try:
        after = None if cursor is None else _decoded(cursor)
        rest = [item for item in ordered if after is None or key(item) > after]
    except (ValueError, TypeError) as error:
        raise InvalidValue("This is not a cursor of this list.", field="cursor") from error
    page = rest[:limit]
    return page, _encoded(key(page[-1])) if len(rest) > limit else None


def _encoded(key: Key) -> str:
    return urlsafe_b64encode(json.dumps(key).encode()).rstrip(b"=").decode()


def _decoded(cursor: str) -> Key:
    first, last = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    if not isinstance(first, float | int | str) or not isinstance(last, str):
        raise ValueError("not what a cursor is made of")  # noqa: TRY004  the caller handles one kind of error
    return first, last
