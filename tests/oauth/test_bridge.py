"""The bridge between Authlib's synchronous code and our asynchronous code."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from idp.oauth.bridge import enter, wait

_current: ContextVar[str] = ContextVar("current", default="unset")


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def test_synchronous_code_waits_for_asynchronous_code() -> None:
    assert await enter(lambda number: wait(doubled(wait(doubled(number)))), 3) == 12


async def test_everything_stays_on_the_thread_of_the_event_loop() -> None:
    assert await enter(lambda _: threading.get_ident(), None) == threading.get_ident()


async def test_an_exception_of_asynchronous_code_can_be_caught_in_the_middle() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("inner")

    def middle(_: None) -> str:
        try:
            wait(fail())
        except KeyError as error:
            return f"caught {error}"
        return "nothing"

    assert await enter(middle, None) == "caught 'inner'"


async def test_an_exception_of_synchronous_code_reaches_the_caller() -> None:
    def fail(_: None) -> None:
        wait(doubled(1))
        raise ValueError("from the middle")

    with pytest.raises(ValueError, match="from the middle"):
        await enter(fail, None)


async def test_context_variables_cross_in_both_directions() -> None:
    async def read() -> str:
        return _current.get()

    async def one(name: str) -> list[str]:
        _current.set(name)
        return [await enter(lambda _: wait(read()), None), _current.get()]

    names = [f"request {n}" for n in range(50)]
    assert await asyncio.gather(*map(one, names)) == [[name, name] for name in names]


async def test_many_at_once_do_not_mix() -> None:
    answers = await asyncio.gather(*(enter(lambda n: wait(doubled(n)), n) for n in range(200)))
    assert answers == [2 * n for n in range(200)]


async def test_cancelling_a_request_ends_what_it_waits_for() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(enter(lambda _: wait(endless()), None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
