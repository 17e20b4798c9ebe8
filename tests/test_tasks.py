"""Tasks are ended, also those of which a library has swallowed the cancellation."""

import asyncio

import pytest

from idp import tasks


async def test_a_task_is_ended_that_swallows_its_cancellation_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CANCEL_EVERY", 0.001)
    swallowed = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                if len(swallowed) == 2:
                    raise
                swallowed.append(error)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await tasks.end_task(task)
    assert task.cancelled()
    assert len(swallowed) == 2


async def test_a_task_that_has_ended_stays_as_it_is() -> None:
    async def work() -> int:
        return 1

    task = asyncio.create_task(work())
    await task
    await tasks.end_task(task)
    assert task.result() == 1
