"""uvicorn's HTTP protocol with a bound on headers, which httptools by itself does not have."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEADERS: Final = 100
MOST_HEAD_BYTES: Final = 64 * 1024
"""Of the request's target and its headers; a longer query is refused politely, by `BodyLimit`."""


class _TooLargeError(Exception):
    """Makes the parser fail, which is answered 400."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses a request head as soon as it is too large, before it is in memory."""

    _head_bytes = 0

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes = 0
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

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MOST_HEAD_BYTES:
            raise _TooLargeError
