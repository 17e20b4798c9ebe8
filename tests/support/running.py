"""The program as people run it: real processes, spoken to over HTTP on loopback, filled through the CLI."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.apart import is_ours
from tests.support.cli import run_elsewhere
from tests.support.databases import migrate_now
from tests.support.servers import free_port

CHEAP_PASSWORDS = {"IDP_PASSWORDS__MEMORY_KIB": "64", "IDP_PASSWORDS__TIME_COST": "1"}
"""What makes a hash cost next to nothing: its real cost is measured in the benchmark."""

START_TIMEOUT = 60.0
STOP_TIMEOUT = 15.0


class ProcessError(RuntimeError):
    """The process ended, or did not answer in time; the message holds the end of its output."""


@contextmanager
def running(
    command: Sequence[str | Path], ready: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a process for the length of the block, which begins when the URL `ready` answers (503: not yet)."""
    with (
        tempfile.NamedTemporaryFile(prefix="idp-output-", suffix=".txt") as output,
        _started(command, cwd, environment or {}, output.fileno()) as process,
    ):
        _wait(process, ready, Path(output.name))
        yield


@contextmanager
def _started(
    command: Sequence[str | Path], cwd: Path, environment: Mapping[str, str], output: int
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env=outside_environment() | dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ProcessError(f"{process.args!r} ended with {process.returncode}:\n{_end_of(log)}")
        try:
            if httpx.get(url, trust_env=False, timeout=5).status_code < 500:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise ProcessError(f"{url} did not answer in {START_TIMEOUT:.0f} s:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]


def outside_environment() -> dict[str, str]:
    """This process's environment without what would change a provider: a fixture may have set some."""
    return {name: value for name, value in os.environ.items() if not is_ours(name)}


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in."""

    id: str
    email: str
    password: str
    name: str


@dataclass(frozen=True, slots=True)
class ServedProvider:
    """`idp serve`, and the commands of its operator."""

    issuer: str
    directory: Path
    environment: Mapping[str, str]

    def cli(self, *arguments: str) -> dict[str, Any]:
        """Run a command with `--json` and return what it prints."""
        environment = outside_environment() | dict(self.environment)
        return run_elsewhere(*arguments, "--json", directory=self.directory, environment=environment).json

    def create_user(self, email: str, name: str = "Ada Lovelace") -> Account:
        """Create an account with a verified address."""
        password = secrets.token_urlsafe(12)
        made = self.cli(
            "user", "create", "--email", email, "--password", password, "--name", name, "--verified"
        )
        return Account(made["id"], made["email"], password, name)

    def create_client(self, name: str, *options: str) -> dict[str, Any]:
        """Register a client; `options` are those of `idp client create`."""
        return self.cli("client", "create", "--name", name, *options)


@pytest.fixture(scope="session")
def running_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProvider]:
    """This worker's `idp serve` on SQLite: make clients and accounts of your own in it."""
    directory = tmp_path_factory.mktemp("provider")
    port = free_port()
    environment = {
        "IDP_ISSUER": f"http://localhost:{port}",
        "IDP_DATABASE_URL": f"sqlite:///{directory / 'idp.db'}",
        "IDP_MASTER_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        **CHEAP_PASSWORDS,
    }
    provider = ServedProvider(environment["IDP_ISSUER"], directory, environment)
    migrate_now(environment["IDP_DATABASE_URL"])
    command = [sys.executable, "-m", "idp", "serve", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}/readyz", directory, environment):
        yield provider


@pytest.fixture(scope="session")
def ada(running_provider: ServedProvider) -> Account:
    """Somebody with an account at the running provider."""
    return running_provider.create_user("ada@example.com")


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """`idp dev`: the provider in development mode, with the demo app."""

    issuer: str
    app_url: str
    email: str
    password: str


@contextmanager
def running_demo(directory: Path) -> Iterator[RunningDemo]:
    """Run `idp dev` in an empty directory."""
    from idp.dev import seed

    port, demo_port = free_port(), free_port()
    demo = RunningDemo(
        f"http://localhost:{port}", f"http://localhost:{demo_port}", seed.DEMO_EMAIL, seed.DEMO_PASSWORD
    )
    command = [sys.executable, "-m", "idp", "dev", "--port", str(port), "--demo-port", str(demo_port)]
    with (
        running(command, f"http://127.0.0.1:{port}/readyz", directory, CHEAP_PASSWORDS),
        _answering(f"http://127.0.0.1:{demo_port}/"),
    ):
        yield demo


@contextmanager
def _answering(url: str) -> Iterator[None]:
    httpx.get(url, trust_env=False, timeout=START_TIMEOUT)  # its socket listens before anything answers
    yield


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """This worker's demo, as a newcomer finds it."""
    with running_demo(tmp_path_factory.mktemp("demo")) as found:
        yield found


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Starts an app as a process that ends with the test: `application(command, ready=url, **environment)`."""
    with ExitStack() as stack:

        def start(command: Sequence[str | Path], *, ready: str, cwd: Path | None = None, **env: str) -> None:
            stack.enter_context(running(command, ready, cwd or tmp_path, env))

        yield start
