"""Requests to addresses that others chose reach the public internet only, and give up in time."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from idp import outgoing as module
from idp import trust
from idp.outgoing import FAILURES, Limits, Outgoing, is_public
from idp.trust import Trust
from tests.support.certificates import make_certificates

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]

PRIVATE = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "nonsense",
    "192.0.0.8", "192.0.0.170", "192.88.99.1", "3fff::1", "3fff:fff::1", "fec0::1", "feff::1", "64:ff9b:1::1",
    "100:0:0:1::1", "5f00::1", "2001:20::1", "2001:2::1", "::192.0.0.8",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names lead to; every look-up takes the first entry, and leaves the last."""
    names: dict[str, list[str]] = {}

    async def getaddrinfo(_loop: object, host: str, port: int, **_options: object) -> list[Any]:
        addresses = names[host]
        address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return names


@pytest.fixture
async def served() -> AsyncIterator[Callable[[Answer], Any]]:
    """Starts servers on loopback and returns their ports."""
    servers: list[asyncio.Server] = []

    async def start(answer: Answer) -> int:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()


async def refused(outgoing: Outgoing, url: str) -> str:
    """Return why a request comes to nothing."""
    with pytest.raises(FAILURES) as failure:
        await outgoing.send("GET", url)
    return module.said(failure.value)


@pytest.fixture
async def outgoing() -> AsyncIterator[Outgoing]:
    """As in production."""
    outgoing = Outgoing(allow_private=False, setting="IDP_A__SETTING")
    yield outgoing
    await outgoing.aclose()


@pytest.fixture
async def open_outgoing() -> AsyncIterator[Outgoing]:
    """As in development."""
    outgoing = Outgoing(allow_private=True, setting="IDP_A__SETTING", limits=Limits(longest=100_000))
    yield outgoing
    await outgoing.aclose()


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:192.168.1.1"])
async def test_a_name_that_leads_to_a_private_address_is_not_reached(
    outgoing: Outgoing, resolved: dict[str, list[str]], address: str
) -> None:
    resolved["id.evil.example"] = [address]
    assert "is not public" in await refused(outgoing, "https://id.evil.example/x")


async def test_a_name_that_changes_its_mind_is_resolved_once(
    outgoing: Outgoing, resolved: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: what was judged is what is connected to."""
    connected = []

    async def connect(_self: object, host: str, *_: object, **__: object) -> Any:
        connected.append(host)
        raise module.httpcore.ConnectError("nobody there")

    monkeypatch.setattr(module.httpcore.AnyIOBackend, "connect_tcp", connect)
    resolved["id.evil.example"] = ["8.8.8.8", "127.0.0.1"]
    assert "nobody there" in await refused(outgoing, "https://id.evil.example/x")
    assert connected == ["8.8.8.8"]


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com/",
        "file:///etc/passwd",
        "ftp://x/",
        "https://user@x/",
        "https://",
        "x",
        "https://[::1",
    ],
)
async def test_only_https_urls_are_asked(outgoing: Outgoing, url: str) -> None:
    assert "is not an https URL" in (reason := await refused(outgoing, url)) or "not a URL" in reason


@pytest.mark.parametrize("port", ["0", "65536", "99999999", "9999999999999999999999"])
async def test_a_port_that_there_is_not_is_not_asked(open_outgoing: Outgoing, port: str) -> None:
    assert "has a port that there is not" in await refused(open_outgoing, f"https://127.0.0.1:{port}/")


async def test_the_log_learns_which_setting_stands_in_the_way(
    outgoing: Outgoing, resolved: dict[str, list[str]]
) -> None:
    resolved["keys.corp.example"] = ["10.0.0.7"]
    for url in ("https://keys.corp.example/jwks", "http://keys.corp.example/jwks"):
        assert "IDP_A__SETTING would allow it" in await refused(outgoing, url)


async def test_loopback_is_reached_where_it_is_allowed(
    open_outgoing: Outgoing, served: Callable[[Answer], Any]
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    port = await served(answer)
    assert (await open_outgoing.send("GET", f"http://127.0.0.1:{port}/")).json() == {}


async def test_a_redirect_is_not_followed(open_outgoing: Outgoing, served: Callable[[Answer], Any]) -> None:
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        nonlocal asked
        asked += 1
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    port = await served(answer)
    answer = await open_outgoing.send("GET", f"http://127.0.0.1:{port}/")
    assert (answer.status, asked) == (302, 1)


async def test_an_answer_without_end_is_cut_off(
    open_outgoing: Outgoing, served: Callable[[Answer], Any]
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b" " * 65_536)
                await writer.drain()
        except ConnectionError:
            writer.close()

    port = await served(answer)
    assert "longer than" in await refused(open_outgoing, f"http://127.0.0.1:{port}/")


async def test_an_answer_that_drips_is_given_up(
    open_outgoing: Outgoing, served: Callable[[Answer], Any]
) -> None:
    open_outgoing.limits = Limits(total=0.5)
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n ")
        await reader.read()  # until the other side hangs up
        gone.set()
        writer.close()

    port = await served(answer)
    assert "no answer in time" in await refused(open_outgoing, f"http://127.0.0.1:{port}/")
    await asyncio.wait_for(gone.wait(), 5)


async def test_a_proxy_of_the_environment_is_not_used(
    outgoing: Outgoing, resolved: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would resolve the name itself."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    resolved["id.evil.example"] = ["10.0.0.1"]
    assert "is not public" in await refused(outgoing, "https://id.evil.example/x")


# Certificates --------------------------------------------------------------------------------------------


@pytest.fixture
async def secure_port(tmp_path: Path) -> AsyncIterator[tuple[int, str]]:
    """An https server on loopback by a private authority: its port and the authority's certificate."""
    certificates = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1], certificates.authority.read_text()
    server.close()


async def test_a_server_of_a_private_authority_is_trusted_when_the_operator_says_so(
    secure_port: tuple[int, str],
) -> None:
    port, authority = secure_port
    trusting = Outgoing(allow_private=True, setting="-", trust=Trust(authority))
    assert (await trusting.send("GET", f"https://localhost:{port}/")).json() == {}
    await trusting.aclose()
    usual = Outgoing(allow_private=True, setting="-")
    reason = await refused(usual, f"https://localhost:{port}/")
    assert "is not trusted" in reason
    assert "IDP_OUTGOING__CA" in reason
    await usual.aclose()


async def test_the_systems_certificates_are_those_that_ssl_cert_file_names(
    secure_port: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, authority = secure_port
    (tmp_path / "system.pem").write_text(authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    outgoing = Outgoing(allow_private=True, setting="-")
    assert (await outgoing.send("GET", f"https://localhost:{port}/")).status == 200
    await outgoing.aclose()


def test_where_the_system_has_no_certificates_mozillas_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_system_has_certificates", lambda: False)
    assert len(Trust().context.get_ca_certs()) > 50


async def test_a_certificate_for_another_name_is_refused(secure_port: tuple[int, str]) -> None:
    port, authority = secure_port
    outgoing = Outgoing(allow_private=True, setting="-", trust=Trust(authority))
    assert "is not trusted" in await refused(outgoing, f"https://127.1:{port}/")
    await outgoing.aclose()
