"""What a connection may cost before it is a request: size and time of a head, number of connections."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from idp.cli.server import listen
from idp.config import ServerSettings
from idp.ops.serving import ServerConfig
from tests.support.certificates import Certificates, make_certificates


async def hello(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


@dataclass
class Serving:
    """A server: its port, and what lets the requests to /wait go on."""

    port: int
    server: uvicorn.Server
    released: asyncio.Event
    opened: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.opened.append(writer)
        return reader, writer


@asynccontextmanager
async def serving(
    trusted_proxies: tuple[str, ...] = (), tls: Certificates | None = None, **bounds: Any
) -> AsyncIterator[Serving]:
    released = asyncio.Event()

    async def wait(_request: Request) -> PlainTextResponse:
        await released.wait()
        return PlainTextResponse("waited")

    async def large(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("x" * 50_000_000)

    app: Any = Starlette(routes=[Route("/", hello), Route("/wait", wait), Route("/large", large)])
    options: dict[str, Any] = {} if tls is None else {"ssl_certfile": tls.chain, "ssl_keyfile": tls.key}
    config = ServerConfig(
        app,
        bounds=ServerSettings(**bounds),
        trusted_proxies=trusted_proxies,
        log_config=None,
        lifespan="off",
        **options,
    )
    server = uvicorn.Server(config)
    server.capture_signals = _NoSignals  # type: ignore[method-assign,assignment]
    listening = listen("127.0.0.1", 0)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    served = Serving(listening.getsockname()[1], server, released)
    yield served
    released.set()
    for writer in served.opened:
        writer.transport.abort()
    server.should_exit = True
    server.force_exit = True
    await task


class _NoSignals:
    """No signal handlers: the tests have their own."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """Wait until the server closes, and return what it sent."""
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""


async def status_of(serving: Serving, head: bytes) -> bytes:
    reader, writer = await serving.connect()
    writer.write(HEAD + head + b"\r\n")
    line = await asyncio.wait_for(reader.readline(), 5)
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
    async with serving() as served:
        assert await status_of(served, head) == status


@pytest.mark.parametrize(
    ("sent", "answered"),
    [(b"", b""), (b"GET", b""), (b"GET / HTTP/1.1\r\nHost: lo", b" 408 "), (b"\r\n", b"")],
    ids=["nothing", "a method", "half a head", "an empty line"],
)
async def test_a_connection_without_a_whole_head_is_closed(sent: bytes, answered: bytes) -> None:
    async with serving(head_timeout=0.2) as served:
        reader, writer = await served.connect()
        writer.write(sent)
        said = await end_of(reader)
        assert answered in said
        assert bool(said) == bool(answered)


async def test_a_head_that_comes_byte_by_byte_has_no_more_time() -> None:
    async with serving(head_timeout=0.3) as served:
        reader, writer = await served.connect()
        writer.write(HEAD)

        async def drip() -> None:
            while True:
                writer.write(b"A: b\r\n")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        try:
            assert b" 408 " in await end_of(reader)
        finally:
            dripping.cancel()


@pytest.mark.parametrize("later", [b"GET / HT", b"\r\n"], ids=["half a head", "an empty line"])
async def test_the_next_request_has_as_much_time_and_no_more(later: bytes) -> None:
    async with serving(head_timeout=0.2) as served:
        reader, writer = await served.connect()
        for _ in range(2):
            writer.write(HEAD + b"\r\n")
            assert b" 200 " in await reader.readuntil(b"hello")
        writer.write(later)
        assert b" 200 " not in await end_of(reader)


async def test_a_request_under_way_is_not_cut_off_by_the_time_for_heads() -> None:
    async with serving(head_timeout=0.1) as served:
        reader, writer = await served.connect()
        writer.write(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT")
        await asyncio.sleep(0.4)  # the time that must not count
        served.released.set()
        assert b" 200 " in await reader.readuntil(b"waited")
        await end_of(reader)


async def test_a_flood_of_connections_keeps_nobody_out() -> None:
    async with serving(connections=20) as served:
        busy_reader, busy = await served.connect()
        busy.write(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        idle = [await served.connect() for _ in range(60)]
        for _, writer in idle:
            writer.write(b"GET / HTT")
        assert await status_of(served, b"") == b"200"
        assert len(served.server.server_state.connections) <= 21
        assert await end_of(idle[0][0]) == b""
        served.released.set()
        assert b" 200 " in await busy_reader.readuntil(b"waited")  # what is under way goes on


async def test_an_address_has_so_many_connections_unless_it_is_a_trusted_proxy() -> None:
    for trusted, open_ in (((), 5), (("127.0.0.0/8",), 30)):
        async with serving(trusted, connections_per_address=5) as served:
            made = [await served.connect() for _ in range(30)]
            assert await status_of(served, b"") == b"200"
            still = [reader for reader, _ in made if not await is_closed(reader)]
            assert open_ - 1 <= len(still) <= open_


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.05):
            return await reader.read(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


async def test_requests_under_way_are_never_closed_for_others() -> None:
    async with serving(connections_per_address=3) as served:
        made = [await served.connect() for _ in range(3)]
        for _, writer in made:
            writer.write(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await writer.drain()
        while len(served.server.server_state.tasks) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        reader, _ = await served.connect()
        assert await end_of(reader) == b""  # no room for it
        served.released.set()
        for reader, _ in made:
            assert b" 200 " in await reader.readuntil(b"waited")


async def test_an_answer_that_nobody_takes_is_given_up() -> None:
    async with serving(write_timeout=0.2) as served:
        _, writer = await served.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not served.server.server_state.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            while served.server.server_state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_the_rest_of_an_answer_that_nobody_takes_is_given_up() -> None:
    """The connection is closing, and what was taken of the answer was enough for its writer to go on."""
    async with serving(write_timeout=0.2) as served:
        reader, writer = await served.connect()
        writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        (protocol,) = served.server.server_state.connections
        protocol.resume_writing()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(5):
            while served.server.server_state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_tls_handshake_has_a_deadline(tmp_path: Path) -> None:
    loop_of = ServerConfig(
        None, bounds=ServerSettings(tls_handshake_timeout=0.3), trusted_proxies=(), log_config=None
    )
    assert loop_of.bounds.tls_handshake_timeout == 0.3
    certificates = make_certificates(tmp_path)

    def served_with_tls() -> float:
        """Run the server's own loop in a thread, and time how long a silent connection lives."""
        found: list[float] = []

        async def work() -> None:
            async with serving(tls=certificates, tls_handshake_timeout=0.3) as served:
                reader, _ = await served.connect()
                began = time.monotonic()
                await end_of(reader)
                found.append(time.monotonic() - began)

        with asyncio.Runner(loop_factory=loop_of.get_loop_factory()) as runner:
            runner.run(work())
        return found[0]

    assert await asyncio.to_thread(served_with_tls) < 3
