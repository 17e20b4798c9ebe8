"""The little that every middleware of this room needs from an ASGI scope."""

import json
from collections.abc import Iterable
from typing import Any

from starlette.types import Scope, Send

Headers = Iterable[tuple[bytes, bytes]]

_HEADERS = "_headers"


def state_of(scope: Scope) -> dict[str, Any]:
    """Return the state of a request, shared by every layer that sees it."""
    state: dict[str, Any] = scope.setdefault("state", {})
    return state


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the request's headers by lower-case name; made once for a request.

    Of a repeated header the last one counts; who cares for repetition reads `scope["headers"]`.
    """
    state = scope.setdefault("state", {})
    headers: dict[bytes, bytes] | None = state.get(_HEADERS)
    if headers is None:
        headers = state[_HEADERS] = dict(scope["headers"])
    return headers


async def answer(send: Send, status: int, body: dict[str, Any] | None = None, headers: Headers = ()) -> None:
    """Send a whole response: `body` as JSON, or none."""
    content = b"" if body is None else json.dumps(body).encode()
    fields = [(b"content-length", b"%d" % len(content)), *headers]
    if body is not None:
        fields.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": content})
