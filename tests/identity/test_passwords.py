"""Hashing passwords, and not more of it than the machine bears."""

import asyncio
import threading

import argon2
import pytest

from idp.config import load_settings
from idp.errors import InvalidValue, Unavailable
from idp.identity.passwords import PasswordHasher
from tests.support.identity import CHEAP_PASSWORDS, PASSWORD, CountingHasher


def hasher_with(**changes: int) -> PasswordHasher:
    return PasswordHasher(load_settings({}, passwords=CHEAP_PASSWORDS | changes).passwords)


async def test_right_password_is_recognised_and_wrong_ones_are_not(hasher: CountingHasher) -> None:
    hashed = await hasher.hash(PASSWORD)
    assert hashed.startswith("$argon2id$")
    assert await hasher.verify(hashed, PASSWORD)
    assert not await hasher.verify(hashed, PASSWORD + " ")
    assert not await hasher.verify(hashed, "")


async def test_same_characters_from_another_keyboard_are_the_same_password(hasher: CountingHasher) -> None:
    hashed = await hasher.hash("caf\u00e9 \ufb01ne pass")
    assert await hasher.verify(hashed, "cafe\u0301 fine pass")


async def test_no_hash_and_a_broken_hash_do_the_work_and_say_no(hasher: CountingHasher) -> None:
    for hashed in (None, "", "not a hash", "$argon2id$broken"):
        assert not await hasher.verify(hashed, PASSWORD)


async def test_dummy_hash_has_the_parameters_of_a_real_one(hasher: CountingHasher) -> None:
    real = argon2.extract_parameters(await hasher.hash(PASSWORD))
    assert argon2.extract_parameters(hasher._dummy) == real


async def test_hash_under_old_parameters_wants_to_be_renewed() -> None:
    old = await hasher_with(time_cost=2).hash(PASSWORD)
    hasher = hasher_with()
    assert hasher.needs_rehash(old)
    assert await hasher.verify(old, PASSWORD)
    assert not hasher.needs_rehash(await hasher.hash(PASSWORD))


async def test_password_longer_than_any_costs_nothing(hasher: CountingHasher) -> None:
    """CVE-2026-4634: a very large parameter exhausts the processor."""
    with pytest.raises(InvalidValue):
        await hasher.hash("x" * 1025)
    assert not await hasher.verify(await hasher.hash("x" * 1024), "x" * 100_000)
    assert hasher.verified == 0


async def test_half_a_surrogate_pair_is_just_a_wrong_password(hasher: CountingHasher) -> None:
    assert not await hasher.verify(await hasher.hash(PASSWORD), "\ud800")


async def test_full_queue_is_refused_at_once_and_drains() -> None:
    hasher, release = hasher_with(threads=2, queue=3), threading.Event()
    running = [asyncio.create_task(hasher._in_thread(release.wait)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as caught:
        await hasher.verify(None, PASSWORD)
    assert caught.value.retry_after > 0
    release.set()
    await asyncio.gather(*running)
    assert not await hasher.verify(None, PASSWORD)


async def test_people_who_hang_up_leave_their_place_only_when_the_work_is_done() -> None:
    hasher, release = hasher_with(threads=1, queue=1), threading.Event()
    waiting = [asyncio.create_task(hasher._in_thread(release.wait)) for _ in range(2)]
    await asyncio.sleep(0.05)
    for task in waiting:
        task.cancel()
    await asyncio.sleep(0.05)
    assert hasher._pending == 1  # the one that runs; the one that only waited is gone
    release.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    await hasher.verify(None, PASSWORD)  # waits for the one thread
    assert hasher._pending == 0
