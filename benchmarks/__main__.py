"""Run the benchmark: `python -m benchmarks [--quick] [--only NAME]`."""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import enumeration, federated, machine, servers
from benchmarks.enumeration import Comparison
from benchmarks.federated import Costs
from benchmarks.load import get, measure
from benchmarks.passwords import SignIns, sign_ins
from benchmarks.prepare import Material, material
from benchmarks.report import HEADINGS, Row, Yardsticks, table
from benchmarks.servers import DurablePostgres, Served
from idp.config import LogSettings, PasswordSettings
from idp.ops.logging import configure_logging

CONNECTIONS = 32
SERVER, REST, ALL = "0", "1", "0-1"
"""Processors: with one worker it has one to itself; the load generator and PostgreSQL share the other."""


WARM_UP_REQUESTS = 3000


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of request."""

    name: str
    prepare: Callable[[Material, float], Awaitable[list[bytes]]]
    """Takes the number of requests that cannot be sent in the time."""
    chain: bool = False


async def _once(requests: list[bytes]) -> list[bytes]:
    return requests


CASES = (
    Case("client credentials", lambda m, _: _once(m.client_credentials())),
    Case("code, with ID token", lambda m, most: m.codes(round(most / 2))),  # two signatures each
    Case(
        "refresh, with ID token", lambda m, _: m.refresh_chains("openid profile offline_access"), chain=True
    ),
    Case("refresh", lambda m, _: m.refresh_chains("profile offline_access"), chain=True),
    Case("introspection", lambda m, _: m.introspection()),
    Case("userinfo", lambda m, _: m.userinfo()),
    Case("discovery", lambda _m, _: _once([get("/.well-known/openid-configuration")])),
    Case("JWKS", lambda _m, _: _once([get("/jwks")])),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, with rougher figures")
    parser.add_argument("--only", default="", help="only the requests whose name contains this")
    arguments = parser.parse_args()
    postgres = DurablePostgres.create()
    try:
        postgres.pin(REST)
        with tempfile.TemporaryDirectory() as directory:
            environment = servers.environment_for(postgres.create_database(), Path(directory))
            asyncio.run(_run(environment, postgres, quick=arguments.quick, only=arguments.only))
    finally:
        postgres.remove()


async def _run(environment: dict[str, str], postgres: DurablePostgres, *, quick: bool, only: str) -> None:
    seconds = 1.0 if quick else 6.0
    cases = [case for case in CASES if only in case.name]
    print(f"Machine: {machine.description()}\n")
    stock = material(environment)
    configure_logging(LogSettings(level="warning"))
    await stock.begin()
    try:
        yardsticks = _yardsticks(seconds)
        rows = []
        with servers.provider(environment, workers=1, cpus=SERVER) as served:
            idle = served.megabytes
            await _warm_up(cases, served, stock, workers=1)
            rows += await _measure(cases, served, stock, yardsticks, workers=1, seconds=seconds)
            loaded = served.megabytes
        postgres.pin(ALL)
        with servers.provider(environment, workers=2, cpus=ALL) as served:
            await _warm_up(cases, served, stock, workers=2)
            rows += await _measure(cases, served, stock, yardsticks, workers=2, seconds=seconds)
            loaded_of_two = served.megabytes
        if rows:
            _print_rows(rows, yardsticks)
        if not only:
            print(f"\nMemory of a worker: {idle:.0f} MB idle, {loaded:.0f} MB after the load")
            print(f"(with two workers, the larger one: {loaded_of_two:.0f} MB).")
            _print_start(environment, times=3 if quick else 7)
            behind_proxy = {"IDP_TRUSTED_PROXIES": "127.0.0.1/32"}  # so that people come from many addresses
            with servers.provider({**environment, **behind_proxy}, workers=1, cpus=ALL) as served:
                _print_sign_ins(await sign_ins(served, stock, seconds=2.0 if quick else 10.0))
        if only in federated.NAME:
            _print_costs(federated.costs(environment, cpus=ALL, sign_ins=20 if quick else 100))
        if only in enumeration.NAME:
            _print_comparisons(enumeration.comparisons(environment, cpus=ALL, rounds=50 if quick else 200))
    finally:
        await stock.close()


def _yardsticks(seconds: float) -> Yardsticks:
    by_clock, by_cpu = machine.signatures_per_second(seconds)
    print(
        f"RS256 signatures of one core: {by_clock:,.0f} a second ({1e6 / by_cpu:.0f} µs of processor time each)"
    )
    if by_clock < 0.95 * by_cpu:
        print(
            f"This machine is busy with something else: an idle core would sign {by_cpu:,.0f} times a second."
        )
    with servers.bare(cpus=SERVER) as served:
        row = _row("bare", served, [get("/readyz")], workers=1, seconds=seconds)
    print(f"Bare Starlette route, one worker: {row.measured.rate:,.0f} a second ({row.cpu:.0f} µs each)\n")
    return Yardsticks(by_clock, 1e6 / by_cpu, row.measured.rate)


async def _warm_up(cases: list[Case], served: Served, stock: Material, *, workers: int) -> None:
    """Let connections be opened and statements be prepared, once."""
    for case in cases:
        requests = await case.prepare(stock, WARM_UP_REQUESTS)
        _row(case.name, served, requests, workers=workers, seconds=1, chain=case.chain)


async def _measure(
    cases: list[Case],
    served: Served,
    stock: Material,
    yardsticks: Yardsticks,
    *,
    workers: int,
    seconds: float,
) -> list[Row]:
    rows = []
    for case in cases:
        requests = await case.prepare(stock, yardsticks.signatures * seconds * workers)
        rows.append(_row(case.name, served, requests, workers=workers, seconds=seconds, chain=case.chain))
    return rows


def _row(
    name: str, served: Served, requests: list[bytes], *, workers: int, seconds: float, chain: bool = False
) -> Row:
    cpus = REST if workers == 1 else ALL
    before = served.cpu_seconds
    measured = measure(
        served.port, requests, seconds=seconds, connections=CONNECTIONS * workers, cpus=cpus, chain=chain
    )
    used = served.cpu_seconds - before
    return Row(name, workers, measured, used / measured.requests * 1e6)


def _print_rows(rows: list[Row], yardsticks: Yardsticks) -> None:
    print(table(HEADINGS, [row.columns(yardsticks) for row in rows]))
    print(f"\n{CONNECTIONS} connections for each worker, always busy: latencies are those of a full server.")
    print(
        "sign ÷ CPU: a signature's processor time against a request's. It is the first ratio for one worker, but"
    )
    print("stays what it is when something else takes the processors.")


def _print_start(environment: dict[str, str], *, times: int) -> None:
    starts = []
    for _ in range(times):
        with servers.provider(environment, workers=1, cpus=ALL) as served:
            starts.append(served.ready_after)
    print(f"Start of `idp serve` to ready: {statistics.median(starts):.2f} s (median of {times}).")


def _argon2_setting() -> str:
    setting = PasswordSettings()
    return f"Argon2id t={setting.time_cost}, m={setting.memory_kib} KiB, p={setting.parallelism}"


def _print_costs(found: Costs) -> None:
    print(
        f"\n{federated.NAME}: {found.federated:.1f} ms CPU here, "
        f"password sign-in: {found.password:.1f} ms CPU ({_argon2_setting()}); mean of {found.sign_ins} each"
    )


def _print_comparisons(found: list[Comparison]) -> None:
    print(
        f"\nDoes the time of an answer tell who has an account? {len(found[0].seconds)} of each kind, in turn.\n"
    )
    print(table(enumeration.HEADINGS, [each.columns for each in found]))
    print("\nAUC: how likely an answer about such an address takes longer than one about an unknown address.")


def _print_sign_ins(found: SignIns) -> None:
    print(
        f"\nPassword sign-ins, {_argon2_setting()}, one worker on all cores:\n"
        f"  Argon2 alone {found.argon2:.1f} a second; sign-ins {found.measured.rate:.1f} a second, "
        f"{found.measured.rate / found.argon2:.0%} of it "
        f"(p50 {found.measured.p50:.0f} ms, p99 {found.measured.p99:.0f} ms, {found.measured.refused} refused)\n"
        f"  /health meanwhile: p99 {found.health_p99:.1f} ms, longest {found.health_max:.1f} ms\n"
        f"  More at once than can wait: "
        + ", ".join(f"{number} answered {status}" for status, number in found.overload.items())
        + (", each 503 with Retry-After" if found.retry_after and 503 in found.overload else "")
    )


if __name__ == "__main__":
    main()
