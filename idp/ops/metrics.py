"""What Prometheus reads at `/metrics`.

With several workers every process writes to files of its own in PROMETHEUS_MULTIPROC_DIR, which `idp serve`
prepares before this module is imported (the client library decides at import), and any worker can answer
for all. Labels are bounded: a value from outside never becomes one.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.config import PROVIDER_NAME

DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
_MOST_VALUES = 64
"""Distinct values a label may take before the rest count as `other`."""


class _Labelled:
    """A counter with one label, its children bound when they are first met."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._children: dict[str, Counter] = {}

    def increment(self, value: str) -> None:
        child = self._children.get(value)
        if child is None:
            if len(self._children) >= _MOST_VALUES:
                value = "other"
            child = self._children[value] = self._counter.labels(value)
        child.inc()


class Metrics:
    """The provider's measurements, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._shared = bool(os.environ.get(DIRECTORY))
        if self._shared:
            _forget_dead_workers()
        else:
            ProcessCollector(registry=registry)
        self._requests = Counter(
            "idp_http_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "idp_http_request_seconds", "Time to answer.", ["route"], buckets=_BUCKETS, registry=registry
        )
        self._sign_ins = _Labelled(
            Counter("idp_sign_ins", "Sign-ins by outcome.", ["outcome"], registry=registry)
        )
        self._federated = Counter(
            "idp_federated_sign_ins",
            "Sign-ins at other providers by outcome.",
            ["provider", "outcome"],
            registry=registry,
        )
        self._providers: set[str] = set()
        self._tokens = _Labelled(
            Counter("idp_tokens_issued", "Access tokens issued.", ["grant_type"], registry=registry)
        )
        self._errors = _Labelled(
            Counter("idp_oauth_errors", "OAuth error responses by code.", ["error"], registry=registry)
        )
        self.ephemeral_degraded = Gauge(
            "idp_ephemeral_degraded",
            "1 while Redis is away and the table stands in for it.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.password_queue = Gauge(
            "idp_password_queue",
            "Password hashes waiting or under way.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.signing_key_age = Gauge(
            "idp_signing_key_age_seconds",
            "Age of the oldest key that signs.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._sources: list[tuple[Gauge, Callable[[], float]]] = []
        self._bound: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.routes = [Route("/metrics", self.scrape, methods=["GET"])]

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request. `route` is a path template, never a path."""
        bound = self._bound.get((route, method, status))
        if bound is None:
            known = method if method in _METHODS else "other"
            bound = self._requests.labels(route, known, str(status)), self._seconds.labels(route)
            if known == method:
                self._bound[route, method, status] = bound
        bound[0].inc()
        bound[1].observe(seconds)

    def sign_in(self, outcome: str) -> None:
        """Count a sign-in: `success`, `wrong_password`, `throttled`, …"""
        self._sign_ins.increment(outcome)

    def federated_sign_in(self, provider: str, outcome: str) -> None:
        """Count a sign-in elsewhere: `succeeded`, `created`, `linked`, `must_prove`, `cancelled`, `refused`,
        `down` …"""
        unfit = PROVIDER_NAME.fullmatch(provider) is None or len(self._providers) >= _MOST_VALUES
        if provider not in self._providers and unfit:
            provider = "other"
        self._providers.add(provider)
        self._federated.labels(provider, outcome).inc()

    def token_issued(self, grant_type: str) -> None:
        """Count an access token, by the grant that gave it."""
        self._tokens.increment(grant_type)

    def oauth_error(self, error: str) -> None:
        """Count an error response of the protocol, by its code."""
        self._errors.increment(error)

    def watch(self, gauge: Gauge, source: Callable[[], float]) -> None:
        """Set `gauge` from `source` whenever `refresh` is called."""
        self._sources.append((gauge, source))

    def refresh(self) -> None:
        """Read every watched source. With several workers each does so every few seconds."""
        for gauge, source in self._sources:
            gauge.set(source())

    def render(self) -> bytes:
        """Return the exposition, of all workers."""
        self.refresh()
        if not self._shared:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's
        return generate_latest(registry)

    async def scrape(self, _request: Request) -> Response:
        """`/metrics`."""
        return Response(self.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def close(self) -> None:
        """Take this worker's gauges away; its counters stay in the sum."""
        if self._shared:
            _forget(os.getpid())


def _forget(pid: int) -> None:
    forget: Any = multiprocess.mark_process_dead
    forget(pid)


def _forget_dead_workers() -> None:
    """Remove the gauges of workers that were killed."""
    for file in Path(os.environ[DIRECTORY]).glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not _is_alive(int(pid)):
            _forget(int(pid))


def _is_alive(pid: int) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
