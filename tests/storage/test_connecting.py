"""Faults of connecting: one sentence with the cause and what to do, in every command, and 503 while running."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from idp.config import load_settings
from idp.errors import ConfigurationError, Unavailable
from idp.storage import migrations
from idp.storage.database import Database
from idp.storage.ephemeral.redis import RedisStore, connection_options
from idp.trust import Trust
from tests.support.certificates import Certificates, make_certificates
from tests.support.servers import PostgresServer, RedisServer

HBA = """
hostssl all secure 127.0.0.1/32 scram-sha-256
host    all idp    127.0.0.1/32 scram-sha-256
"""
SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded() -> Iterator[PostgresServer]:
    """A PostgreSQL that wants passwords, with the role `idp` (`right`) and `secure`, which must use TLS."""
    server = PostgresServer.create()
    for role in ("secure", "idp"):
        server.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'right'")
    server.execute("CREATE DATABASE idp")
    server.stop()
    (server.directory / "data" / "pg_hba.conf").write_text(HBA)
    server.start()
    yield server
    server.remove()


async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()


def server_context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    return context


@pytest.fixture
async def tls_port(guarded: PostgresServer, certificates: Certificates) -> AsyncIterator[int]:
    """Where that PostgreSQL is to be had with TLS and not without. The server of the wheel has no TLS of its own,
    so its part of the negotiation is played here; all behind it is real."""
    context = server_context(certificates)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                there, back = await asyncio.open_connection("127.0.0.1", guarded.port)
                await asyncio.gather(pipe(reader, back), pipe(there, writer))
        writer.close()

    front = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield front.sockets[0].getsockname()[1]
    front.close()


async def cause_of(url: str, trust: Trust | None = None) -> str:
    """Return what the operator is told, the same by the schema's look and by a request."""
    database = Database(url, trust=trust)
    said: list[str | None] = []
    try:
        for ask in (database.ping, lambda: migrations.current(database)):
            with pytest.raises(Unavailable) as fault:
                await ask()
            assert fault.value.sentence == "The database cannot be reached right now."  # for everybody else
            said.append(fault.value.for_operator)
    finally:
        await database.close()
    assert said[0] == said[1]
    assert said[0] is not None
    assert "right" not in said[0].split()
    return said[0]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://idp:wrong@127.0.0.1:{port}/idp", "refuses the password of idp"),
        ("postgresql://idp:right@127.0.0.1:{port}/none", "has no database none; make it with: createdb none"),
        ("postgresql://idp:right@127.0.0.1:1/idp", "Nothing answers at 127.0.0.1:1"),
        ("postgresql://idp:right@no.such.host.invalid/idp", "cannot be resolved"),
        ("postgresql://secure:right@127.0.0.1:{port}/idp?sslmode=disable", "add ?sslmode=verify-full"),
        ("postgresql://idp:right@127.0.0.1:{port}/idp?sslmode=require", "speaks no TLS"),
        ("postgresql://idp:right@127.0.0.1:{tls_port}/idp?sslmode=verify-full", "is not trusted"),
        ("postgresql://other:right@127.0.0.1:{port}/idp", "does not let other in without TLS, or not at all"),
        ("postgresql://idp:right@127.0.0.1:{port}/idp?target_session_attrs=standby", "target_session_attrs"),
        ("postgresql:///idp?host=/nowhere", "no socket"),
    ],
)
async def test_a_fault_of_postgresql_has_a_sentence(
    guarded: PostgresServer, tls_port: int, url: str, said: str
) -> None:
    assert said in await cause_of(url.format(port=guarded.port, tls_port=tls_port))


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_with_the_certificate_of_another_is_not_believed(
    tls_port: int, tmp_path: Path, mode: str
) -> None:
    other = make_certificates(tmp_path)
    url = f"postgresql://idp:right@127.0.0.1:{tls_port}/idp?sslrootcert={other.authority}&sslmode={mode}"
    assert "is not trusted" in await cause_of(url)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_tls_to_postgresql_is_verified_and_works(
    tls_port: int, certificates: Certificates, mode: str, host: str
) -> None:
    url = f"postgresql://idp:right@{host}:{tls_port}/idp?sslmode={mode}&sslrootcert={certificates.authority}"
    database = Database(url)
    try:
        await database.ping()
        assert database.direct is not None
        await (await database.direct._open()).fetchval("SELECT 1")
        await migrations.upgrade(database)
    finally:
        await database.close()


async def test_outgoing_ca_and_ssl_cert_file_are_believed(
    tls_port: int, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://idp:right@127.0.0.1:{tls_port}/idp?sslmode=verify-full"
    settings = load_settings({"IDP_OUTGOING__CA": str(certificates.authority)})
    database = Database(url, trust=Trust(settings.outgoing.ca))
    await database.ping()
    await database.close()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    database = Database(url)
    await database.ping()
    await database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{directory}/missing/idp.db", "its directory is missing"),
        ("sqlite:///{directory}", "cannot be opened"),
        ("sqlite:///file:{directory}/read-only.db?mode=ro&uri=true", "cannot be opened"),
        ("sqlite:///{directory}/text.db", "is not a SQLite database"),
    ],
)
async def test_a_fault_of_sqlite_has_a_sentence(tmp_path: Path, url: str, said: str) -> None:
    (tmp_path / "text.db").write_text("this is no database, and long enough to have a header" * 10)
    assert said in await cause_of(url.format(directory=tmp_path))


async def test_a_read_only_file_of_sqlite_has_a_sentence(tmp_path: Path) -> None:
    import sqlite3

    from sqlalchemy import text

    with sqlite3.connect(tmp_path / "idp.db") as made:
        made.execute("CREATE TABLE a (b)")
    made.close()
    database = Database(f"sqlite:///file:{tmp_path}/idp.db?mode=ro&uri=true")
    with pytest.raises(Unavailable) as fault:
        async with database.unit_of_work() as uow:
            await uow.session.execute(text("INSERT INTO a VALUES (1)"))
    assert "read-only for this user" in str(fault.value.for_operator)
    await database.close()


# Redis ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["http://localhost", "redis://", "redis://localhost:x", "localhost:6379", "redis://localhost:99999"],
)
def test_a_url_that_is_none_of_redis_is_a_sentence(url: str) -> None:
    with pytest.raises(ConfigurationError, match="IDP_REDIS_URL"):
        load_settings({"IDP_REDIS_URL": url})


def test_a_parameter_that_redis_does_not_take_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="IDP_REDIS_URL has a parameter"):
        connection_options("redis://localhost/0?unheard_of=1", Trust())


async def test_redis_is_spoken_to_by_tls_with_the_authority_that_is_configured(
    redis_server: RedisServer, certificates: Certificates
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", redis_server.port)
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    front = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(certificates))
    url = f"rediss://localhost:{front.sockets[0].getsockname()[1]}/0"
    trusting = RedisStore(url, Trust(certificates.authority.read_text()))
    await trusting.put("key", b"value", 10)
    assert await trusting.get("key") == b"value"
    await trusting.close()
    strict = RedisStore(url)
    with pytest.raises(Exception, match=r"(?i)certificate.verify.failed"):
        await strict.get("key")
    await strict.close()
    front.close()


def test_a_bundle_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    for value in (str(tmp_path / "missing.pem"), str(tmp_path / "bad.pem"), "-----BEGIN CERTIFICATE-----\nx"):
        with pytest.raises(ConfigurationError, match="IDP_OUTGOING__CA"):
            load_settings({"IDP_OUTGOING__CA": value})
