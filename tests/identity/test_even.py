"""Answers whose time does not tell what was found."""

import asyncio
from contextlib import suppress

import pytest

from idp.identity.even import evenly


class Found(Exception):
    """Something that ends the work early."""


class Timers:
    """The time of an event loop in which nothing takes any but what is waited for."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    timers = Timers()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: timers)
    monkeypatch.setattr(asyncio, "sleep", timers.sleep)
    return timers


@pytest.mark.parametrize(("work", "until"), [(0.001, 0.1), (0.07, 0.1), (0.13, 0.2)])
async def test_work_of_any_length_ends_at_a_step(timers: Timers, work: float, until: float) -> None:
    async with evenly(0.1):
        timers.now += work
    assert timers.now == pytest.approx(1000 + until)


async def test_work_that_fails_ends_at_a_step_too(timers: Timers) -> None:
    with suppress(Found):
        async with evenly(0.1):
            timers.now += 0.02
            raise Found
    assert timers.now == pytest.approx(1000.1)
