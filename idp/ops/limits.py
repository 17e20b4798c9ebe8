"""Bounds on what a request may be, checked before anything parses it.

Bodies are read here, whole, and handed on: every endpoint wants the whole of a small form, and so one
place decides about size and time, for declared and for chunked bodies alike.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.ops.asgi import headers_of, state_of
from idp.ops.requests import ErrorRenderer, render_json
from idp.text import Text

LONGEST_QUERY = 16 * 1024
"""Bytes."""
MOST_PARAMETERS = 100
"""In the query and, apart from it, in a form."""
BODY_TIME = 15.0
"""Seconds for a whole body to arrive."""

_FORM = b"application/x-www-form-urlencoded"
_LONGEST_NUMBER = 12


class _Refusal(Exception):  # an answer, which never leaves this module
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _WentAwayError(Exception):
    """The client closed the connection before its body was whole."""


class _Deadline:
    """A time limit for many short waits at once.

    `asyncio.timeout` sets and clears a timer for each, which costs as much as all else here. Nearly every
    body is there when it is asked for, so one timer looks after those that are not; it may be late by a fifth.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def keep(self, work: Coroutine[Any, Any, bytes]) -> bytes:
        """Return the result of `work`, or raise `TimeoutError`."""
        task = asyncio.current_task()
        if task is None:  # another event loop's; nobody to interrupt
            return await work
        loop = task.get_loop()
        self._waiting[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds / 5, self._look, loop)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._late and not task.uncancel():
                raise TimeoutError from None
            raise
        finally:
            del self._waiting[task]
            self._late.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, deadline in self._waiting.items():
            if deadline <= now and task not in self._late:
                self._late.add(task)
                task.cancel()
        again = bool(self._waiting)
        self._timer = loop.call_later(self._seconds / 5, self._look, loop) if again else None


class BodyLimit:
    """Refuses what is too large (413), too slow (408), too long (414) or has too many parameters (400)."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        body_time: float = BODY_TIME,
        error_renderer: ErrorRenderer = render_json,
    ) -> None:
        self._app = app
        self._render = error_renderer
        self._max_body_bytes = max_body_bytes
        self._deadline = _Deadline(body_time)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_query(scope["query_string"])
            body = await self._body(headers_of(scope), receive)
        except _Refusal as refusal:
            error_id = str(state_of(scope).get("request_id", "-"))
            response = self._render(refusal.status, str(refusal), error_id, scope, refusal)
            if refusal.status in {408, 413}:
                # The rest of a refused body is not read, so the connection cannot be used again.
                response.headers["Connection"] = "close"
            await response(scope, receive, send)
        except _WentAwayError:
            return
        else:
            await self._app(scope, receive if body is None else _replay(body, receive), send)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """Return the whole body, or None where the request has none."""
        length = headers.get(b"content-length", b"0")
        if length == b"0" and b"transfer-encoding" not in headers:
            return None
        if not length.isdigit() or len(length) > _LONGEST_NUMBER or int(length) > self._max_body_bytes:
            raise self._too_large()
        try:
            body = await self._deadline.keep(self._read(receive))
        except TimeoutError:
            raise _Refusal(408, Text("The body did not arrive in time.")) from None
        if headers.get(b"content-type", b"").strip().lower().startswith(_FORM) and _has_too_many_parameters(
            body
        ):
            raise _Refusal(400, Text("The form has more than %(number)d parameters.", number=MOST_PARAMETERS))
        return body

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _WentAwayError
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > self._max_body_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                return b"".join(parts)

    def _too_large(self) -> "_Refusal":
        return _Refusal(413, Text("The body is larger than %(number)d bytes.", number=self._max_body_bytes))


def _check_query(query: bytes) -> None:
    if len(query) > LONGEST_QUERY:
        raise _Refusal(414, Text("The query is longer than %(number)d bytes.", number=LONGEST_QUERY))
    if _has_too_many_parameters(query):
        raise _Refusal(400, Text("The query has more than %(number)d parameters.", number=MOST_PARAMETERS))


def _has_too_many_parameters(encoded: bytes) -> bool:
    return encoded.count(b"&") >= MOST_PARAMETERS


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed
