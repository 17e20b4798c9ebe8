"""The servers that are measured: the provider as an operator starts it, the bare route, PostgreSQL."""

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from idp.crypto import MasterKey
from tests.support.servers import PostgresServer, free_port

PATIENCE = 30.0
"""Seconds for a server to be ready."""
TICKS = os.sysconf("SC_CLK_TCK")


class DurablePostgres(PostgresServer):
    """PostgreSQL that survives a power cut, as in production; the tests' need not."""

    settings: Mapping[str, str] = {
        **PostgresServer.settings,
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "autovacuum": "on",
        "shared_buffers": "256MB",
    }

    def pin(self, cpus: str) -> None:
        """Keep the server and what it forks from now on to these processors."""
        if self._process is not None:
            command = ["taskset", "-a", "-c", "-p", cpus, str(self._process.pid)]
            subprocess.run(command, check=True, capture_output=True)


class Served:
    """A server under measurement, with its workers."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, ready_after: float) -> None:
        self.port = port
        self.ready_after = ready_after
        """Seconds from the start of the program to 200 at /readyz."""
        self._process = process

    @property
    def workers(self) -> list[int]:
        """The processes that answer requests."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        spawned = [
            int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        return spawned or [pid]

    @property
    def cpu_seconds(self) -> float:
        """Processor time that the workers have used."""
        return sum(_cpu_seconds(pid) for pid in self.workers)

    @property
    def megabytes(self) -> float:
        """Resident memory of the largest worker."""
        return max(_resident_megabytes(pid) for pid in self.workers)


@contextmanager
def provider(environment: Mapping[str, str], *, workers: int, cpus: str) -> Iterator[Served]:
    """Run the provider on these processors."""
    port = free_port()
    command = [sys.executable, "-m", "idp", "serve", "--port", str(port), "--workers", str(workers)]
    with _running(command, port, environment, cpus) as served:
        yield served


@contextmanager
def bare(*, cpus: str) -> Iterator[Served]:
    """Run the bare route, with the same event loop and parser and one worker."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare:app", "--port", str(port)]
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header"]
    with _running([*command, *options], port, {}, cpus) as served:
        yield served


def environment_for(database_url: str, directory: Path) -> dict[str, str]:
    """Return the settings of the provider under measurement: the defaults, but for what must be said."""
    return {
        "IDP_DATABASE_URL": database_url,
        "IDP_MASTER_KEY": MasterKey.generate(),
        "IDP_KEYS__DIRECTORY": str(directory / "keys"),
        "IDP_TOKENS__CODE_TTL": "600",  # codes are made some time before they are redeemed
        "IDP_RATE_LIMITS__PAGES_PER_ADDRESS": "0",
        "IDP_RATE_LIMITS__GETS_PER_ADDRESS": "0",
    }


@contextmanager
def _running(command: list[str], port: int, environment: Mapping[str, str], cpus: str) -> Iterator[Served]:
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", cpus, *command], env={**os.environ, **environment}, stdout=log, stderr=log
        )
        try:
            while not _is_ready(port):
                if process.poll() is not None or time.perf_counter() - started > PATIENCE:
                    log.seek(0)
                    raise RuntimeError(f"A server did not start:\n{log.read().decode()[-2000:]}")
                time.sleep(0.005)
            yield Served(process, port, time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
