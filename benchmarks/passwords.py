"""Password sign-ins: how near they come to what Argon2 allows, and what they do to everybody else."""

import http.client
import socket
import threading
import time
from dataclasses import dataclass

from benchmarks.load import Measured, measure
from benchmarks.machine import argon2_per_second
from benchmarks.prepare import Material
from benchmarks.servers import Served
from idp.config import PasswordSettings

CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class SignIns:
    """The outcome."""

    argon2: float
    """Verifications per second on all cores, Argon2 alone."""
    measured: Measured
    health_max: float
    """The longest answer of /health meanwhile, in milliseconds: no block of the event loop was longer."""
    health_p99: float
    overload: dict[int, int]
    """Answers by status when more come than can wait."""
    retry_after: bool
    """Whether every 503 said when to come again."""


class _Probe(threading.Thread):
    """Asks /health all the time."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self._over = threading.Event()
        self.milliseconds: list[float] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        while not self._over.wait(0.002):
            started = time.perf_counter()
            connection.request("GET", "/health")
            connection.getresponse().read()
            self.milliseconds.append((time.perf_counter() - started) * 1000)
        connection.close()

    def stop(self) -> list[float]:
        """Stop, and return what was measured, in order of length."""
        self._over.set()
        self.join()
        return sorted(self.milliseconds)


async def sign_ins(served: Served, material: Material, *, seconds: float) -> SignIns:
    """Sign people in on the hosted page for some seconds, then all at once."""
    settings = PasswordSettings()
    before = argon2_per_second(settings, seconds / 2)
    requests = await material.sign_ins(round(before * seconds * 2) + 50)
    probe = _Probe(served.port)
    probe.start()
    measured = measure(served.port, requests, seconds=seconds, connections=CONNECTIONS, cpus="0-1")
    health = probe.stop()
    argon2 = (before + argon2_per_second(settings, seconds / 2)) / 2
    answers = _all_at_once(served.port, await material.sign_ins(settings.queue * 2))
    statuses = [status for status, _ in answers]
    return SignIns(
        argon2=argon2,
        measured=measured,
        health_max=health[-1],
        health_p99=health[int(len(health) * 0.99)],
        overload={status: statuses.count(status) for status in sorted(set(statuses))},
        retry_after=all(retry for status, retry in answers if status == 503),
    )


def _all_at_once(port: int, requests: list[bytes]) -> list[tuple[int, bool]]:
    """Send each request on a connection of its own before reading any answer."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in requests]
    for connection, request in zip(connections, requests, strict=True):
        connection.sendall(request)
    answers = []
    for connection in connections:
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.read()
        answers.append((response.status, response.getheader("Retry-After") is not None))
        connection.close()
    return answers
