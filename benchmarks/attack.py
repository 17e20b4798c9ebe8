"""What floods from one address cost everybody else: `make attack`, or `python -m benchmarks.attack [--quick]`.

For each flood of `benchmarks/floods.py`: the time of /health and of an honest sign-in before it, during and after, the
server's memory, and the rows of its database. Everything is on this machine's loopback and bounded in time.
"""

import argparse
import asyncio
import html
import itertools
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import machine, servers
from benchmarks.floods import FLOODS
from benchmarks.prepare import PASSWORD, PEOPLE, material
from benchmarks.report import table
from benchmarks.servers import DurablePostgres, Served
from idp.config import LogSettings
from idp.ops.logging import configure_logging

ALL = "0-1"
PAUSE = 0.1
"""Seconds between two honest sign-ins, and between two looks at /health."""
ENDURED = 2.0
"""An honest sign-in's p99 may grow by less than this factor."""
HEADINGS = [
    "flood",
    "answers",
    "/health p99",
    "sign-in p50",
    "sign-in p99",
    "÷",
    "memory MB",
    "rows",
    "verdict",
]


@dataclass(frozen=True, slots=True)
class Seen:
    """What honest users saw in a while: seconds of each answer that came, and how many did not."""

    health: list[float]
    sign_ins: list[float]
    failed: int


@dataclass(frozen=True, slots=True)
class State:
    """What the server holds."""

    megabytes: float
    rows: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One flood, from before to after."""

    name: str
    answers: Mapping[str, int]
    seen: tuple[Seen, Seen, Seen]
    held: tuple[State, State]

    @property
    def columns(self) -> list[str]:
        """The line of the report."""
        before, during, after = self.seen
        factor = _p99(during.sign_ins) / _p99(before.sign_ins)
        first, last = self.held
        failed = during.failed + after.failed
        verdict = "endured" if factor < ENDURED and not failed else "SUFFERED"
        return [
            self.name,
            ", ".join(f"{number} {answer}" for answer, number in sorted(self.answers.items())),
            _three(_p99, [each.health for each in self.seen]),
            _three(statistics.median, [each.sign_ins for each in self.seen]),
            _three(_p99, [each.sign_ins for each in self.seen]),
            f"{factor:.1f}",
            f"{first.megabytes:.0f} → {last.megabytes:.0f}",
            f"{first.rows} → {last.rows}",
            verdict + (f" ({failed} failed)" if failed else ""),
        ]


def main() -> None:
    """Run the floods and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attack", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute or two, with rougher figures")
    parser.add_argument("--only", default="", help="only the floods whose name contains this")
    arguments = parser.parse_args()
    seconds = 5.0 if arguments.quick else 20.0
    print(f"Machine: {machine.description()}. Each flood lasts {seconds:.0f} s, from one address.\n")
    postgres = DurablePostgres.create()
    try:
        outcomes = [flooded(name, postgres, seconds) for name in FLOODS if arguments.only in name]
    finally:
        postgres.remove()
    print(table(HEADINGS, [outcome.columns for outcome in outcomes]))
    print(
        "\nTimes in ms: before, during and after. ÷: the p99 of an honest sign-in during and before the flood."
    )
    print("Honest users come from addresses of their own. Rows: of all tables, the honest users' among them.")


def flooded(name: str, postgres: DurablePostgres, seconds: float) -> Outcome:
    """Run one flood against a new provider on a new database."""
    url = postgres.create_database()
    with tempfile.TemporaryDirectory() as directory:
        environment = servers.environment_for(url, Path(directory))
        # The limits are what is tried, so they stay as they are shipped.
        environment = {key: value for key, value in environment.items() if "RATE_LIMITS" not in key}
        asyncio.run(_prepare(environment))
        with servers.provider(environment, workers=1, cpus=ALL) as served:
            honest = Honest(served.port)
            honest.watch(2)  # connections are opened, statements prepared
            before = honest.watch(seconds / 2)
            first = _state(served, postgres, url)
            command = [sys.executable, "-m", "benchmarks.floods", name, str(served.port), str(seconds)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as flood:
                during = honest.watch(seconds)
                answers, _ = flood.communicate(timeout=60)
            last = _state(served, postgres, url)
            after = honest.watch(seconds / 2)
    postgres.drop_database(url)
    return Outcome(name, json.loads(answers), (before, during, after), (first, last))


class Honest:
    """Users who sign in one after the other, each at an address of its own, and a look at /health meanwhile."""

    def __init__(self, port: int) -> None:
        self._base = f"http://localhost:{port}"
        self._numbers: Iterator[int] = itertools.count()

    def watch(self, seconds: float) -> Seen:
        """Sign in and look at /health for so long."""
        deadline = time.monotonic() + seconds
        seen = Seen([], [], 0)
        failures: list[str] = []
        looking = threading.Thread(target=self._repeat, args=(self._look, seen.health, failures, deadline))
        looking.start()
        self._repeat(self._sign_in, seen.sign_ins, failures, deadline)
        looking.join()
        return Seen(seen.health, seen.sign_ins, len(failures))

    def _repeat(
        self, act: Callable[[], bool], times: list[float], failures: list[str], deadline: float
    ) -> None:
        while time.monotonic() < deadline:
            started = time.perf_counter()
            try:
                done = act()
            except httpx.HTTPError:
                done = False
            if done:
                times.append(time.perf_counter() - started)
            else:
                failures.append(act.__name__)
            time.sleep(PAUSE)

    def _look(self) -> bool:
        with self._client("127.0.0.1") as client:
            return client.get("/health").status_code == 200

    def _sign_in(self) -> bool:
        number = next(self._numbers)
        with self._client(f"127.1.{number >> 8 & 255}.{number & 255 or 1}") as client:
            page = client.get("/login").text
            found = re.findall(r'name="(csrf_token|tx)" value="([^"]+)"', page)
            form = {name: html.unescape(value) for name, value in found}
            form |= {"email": f"person{number % PEOPLE}@example.com", "password": PASSWORD}
            return client.post("/login", data=form).status_code == 303

    def _client(self, address: str) -> httpx.Client:
        transport = httpx.HTTPTransport(local_address=address)
        return httpx.Client(transport=transport, base_url=self._base, timeout=30)


async def _prepare(environment: Mapping[str, str]) -> None:
    stock = material(environment)
    configure_logging(LogSettings(level="warning"))
    await stock.begin()
    await stock.close()


def _state(served: Served, postgres: DurablePostgres, url: str) -> State:
    database = url.rpartition("/")[2]
    names = postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database).split()
    counts = " + ".join(f"(SELECT count(*) FROM {name})" for name in names)
    return State(served.megabytes, int(postgres.execute(f"SELECT {counts}", database)))


def _p99(times: list[float]) -> float:
    if not times:
        return float("inf")
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]


def _three(figure: Callable[[list[float]], float], samples: list[list[float]]) -> str:
    return " ".join(f"{figure(times) * 1000:.0f}" if times else "-" for times in samples)


if __name__ == "__main__":
    main()
