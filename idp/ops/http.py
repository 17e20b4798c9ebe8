"""uvicorn's HTTP protocol with the bounds that it does not have by itself: on the size of a request head, on
the time that it takes, on connections without a request, and on answers that nobody takes."""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from idp.config import ServerSettings
from idp.ops.connections import OpenConnections

MOST_HEADERS: Final = 100
MOST_HEAD_BYTES: Final = 64 * 1024
"""Of the request's target and its headers; a longer query is refused politely, by `BodyLimit`."""

_TOO_SLOW: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 34\r\n\r\nThe request did not come in time.\n"
)


class _TooLargeError(Exception):
    """Makes the parser fail, which is answered 400."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses a request head as soon as it is too large or too slow.

    The time of a head runs from the opening of the connection or the first byte of a later request until the
    head is whole, and does not begin again with each byte.
    """

    peer = ""
    _head_bytes = 0
    _head_is_open = True
    """Whether the head of a request is awaited or has come in part."""
    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        settings: ServerSettings = getattr(config, "bounds", None) or ServerSettings()
        self._head_time = settings.head_timeout
        self._write_time = settings.write_timeout
        self._crowd = _connections_of(server_state, settings, getattr(config, "trusted_proxies", ()))

    # What happens to the connection ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """A connection is open; TLS is agreed on by now."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        if not self._crowd.enter(self):
            self.drop()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by whichever side."""
        self._crowd.leave(self)
        self._forget_head_timer()
        self._forget_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        super().data_received(data)
        # Bytes between requests begin no message, but they end uvicorn's wait for the next request.
        if self._head_timer is None and (self._head_is_open or not self.is_busy):
            self._await_head()

    def on_response_complete(self) -> None:
        """An answer is written, though perhaps not yet taken."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._end_soon()

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP."""
        super().send_400_response(msg)
        self._end_soon()

    def pause_writing(self) -> None:
        """The other side does not take what is written."""
        super().pause_writing()
        self._end_soon()

    def resume_writing(self) -> None:
        """The other side takes more."""
        self._forget_write_timer()
        if self.transport.is_closing():
            self._end_soon()  # for the rest, of which it may take nothing
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """No next request came. `close` would wait for the reader of what is still unsent."""
        if self.transport.get_write_buffer_size():
            self.drop()
        else:
            super().timeout_keep_alive_handler()

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        return bool(self.cycle) and not self.cycle.response_complete

    def drop(self) -> None:
        """Close the connection at once, whatever is unsent."""
        self.transport.abort()

    # What the parser finds -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes = 0
        self._head_is_open = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._count(len(name) + len(value))
        if len(self.headers) >= MOST_HEADERS:
            raise _TooLargeError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_is_open = False
        self._forget_head_timer()
        super().on_headers_complete()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MOST_HEAD_BYTES:
            raise _TooLargeError

    # Timers ----------------------------------------------------------------------------------------------

    def _await_head(self) -> None:
        if self._head_time and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self._head_time, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.is_busy:  # it is the head of the request after the one that is being answered
            self._await_head()
            return
        if self._head_bytes and self._head_is_open and not self.transport.get_write_buffer_size():
            self.transport.write(_TOO_SLOW)  # RFC 9110 §15.5.9
            self.transport.close()
            self._end_soon()
        else:
            self.drop()

    def _end_soon(self) -> None:
        # A transport that is closed stays until what is written to it has been taken.
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._write_time, self.drop)

    def _forget_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _forget_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def _connections_of(server_state: Any, settings: ServerSettings, trusted_proxies: Any) -> OpenConnections:
    """Return the connections of a server, which uvicorn's own state of it holds."""
    found = getattr(server_state, "bounded_connections", None)
    if found is None:
        found = server_state.bounded_connections = OpenConnections(
            settings.connections, settings.connections_per_address, trusted_proxies
        )
    return cast("OpenConnections", found)
