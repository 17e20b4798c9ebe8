"""Headers are bounded before they are in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from idp.cli.server import listen
from idp.ops.http import BoundedHttpProtocol


async def hello(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    app: Any = Starlette(routes=[Route("/", hello)])
    config = uvicorn.Config(app, http=BoundedHttpProtocol, log_config=None, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    server.capture_signals = _NoSignals  # type: ignore[method-assign,assignment]
    listening = listen("127.0.0.1", 0)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    await task


class _NoSignals:
    """No signal handlers: the tests have their own."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


async def status_of(port: int, head: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    return line.split()[1]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"A: b\r\n", b"200"),
        (b"".join(b"A%d: b\r\n" % number for number in range(90)), b"200"),
        (b"".join(b"A%d: b\r\n" % number for number in range(200)), b"400"),
        (b"A: " + b"x" * 70_000 + b"\r\n", b"400"),
    ],
)
async def test_a_head_that_is_too_large_is_refused(head: bytes, status: bytes) -> None:
    async with serving() as port:
        assert await status_of(port, head) == status
