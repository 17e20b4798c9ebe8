"""Slowing down guesses without locking people out."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.clock import ManualClock
from idp.config import Settings, load_settings
from idp.errors import Throttled
from idp.identity.throttle import SignInThrottle, delay_after, network_of
from idp.storage.database import Database
from idp.storage.ephemeral.table import TableStore

HOME, CAFE = "192.0.2.10", "198.51.100.7"


async def passes(throttle: SignInThrottle, account: str = "ada", address: str = HOME) -> bool:
    try:
        await throttle.check(account, address)
    except Throttled as error:
        return not 0 < error.retry_after <= 60  # to be told nonsense counts as having passed
    return True


async def tries_in(
    seconds: int, throttle: SignInThrottle, clock: ManualClock, account: str = "ada", address: str = HOME
) -> int:
    """How many tries pass for somebody who tries every second."""
    passed = 0
    for _ in range(seconds):
        passed += await passes(throttle, account, address)
        clock.advance(1)
    return passed


@given(tries=st.integers(0, 10**9), free=st.integers(1, 100), longest=st.integers(1, 3600))
def test_delay_is_none_then_doubles_and_never_locks_out(tries: int, free: int, longest: int) -> None:
    delay = delay_after(tries, free, longest)
    assert 0 <= delay <= longest
    assert (delay == 0) == (tries < free)
    assert delay <= delay_after(tries + 1, free, longest) <= max(1.0, 2 * delay)


async def test_free_tries_pass_and_then_each_try_waits_longer(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    assert [await passes(throttle) for _ in range(6)] == [True] * 5 + [False]
    waits = []
    for _ in range(8):
        with pytest.raises(Throttled) as caught:
            await throttle.check("ada", HOME)
        waits.append(caught.value.retry_after)
        clock.advance(caught.value.retry_after)
        assert await passes(throttle)
    assert waits == sorted(waits)
    assert waits[-1] == 60


async def test_waiting_as_told_is_always_enough_however_often_one_asked(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    for _ in range(100):
        await passes(throttle)
    with pytest.raises(Throttled) as caught:
        await throttle.check("ada", HOME)
    assert caught.value.retry_after == 1  # impatience alone makes nobody wait longer
    clock.advance(1)
    assert await passes(throttle)


@pytest.mark.parametrize("spread", [False, True])
async def test_fifty_guesses_at_once_count_like_fifty_in_a_row(
    each_database: Database, settings: Settings, clock: ManualClock, spread: bool
) -> None:
    throttle = SignInThrottle(TableStore(each_database, clock), settings.throttle, clock)
    addresses = [f"203.0.113.{n}" if spread else HOME for n in range(50)]
    answers = await asyncio.gather(*(passes(throttle, "ada", address) for address in addresses))
    assert sum(answers) == settings.throttle.free_tries_per_account


async def test_a_quarter_of_an_hour_of_guessing_from_many_addresses_yields_few_tries(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    passed = 0
    for second in range(900):
        passed += await passes(throttle, "ada", f"203.0.113.{second % 250}")
        clock.advance(1)
    assert passed <= 900 / 60 + 2 * (5 + 6)  # one a minute, and the beginning of each window


async def test_one_address_is_slowed_down_over_many_accounts(throttle: SignInThrottle) -> None:
    answers = [await passes(throttle, f"account{n}") for n in range(60)]
    assert answers == [True] * 50 + [False] * 10
    assert await passes(throttle, "account1", CAFE)


async def test_a_network_full_of_people_who_know_their_passwords_is_not_slowed_down(
    throttle: SignInThrottle,
) -> None:
    for n in range(100):
        assert await passes(throttle, f"person{n}")
        await throttle.succeeded(f"person{n}", HOME)


async def test_own_account_is_no_way_to_more_guesses_from_an_address(throttle: SignInThrottle) -> None:
    guesses = 0
    for n in range(100):
        if await passes(throttle, "mallory"):
            await throttle.succeeded("mallory", HOME)
        guesses += await passes(throttle, f"victim{n}")
    assert guesses <= 50


async def test_success_forgets_the_failures_of_the_account(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    for _ in range(20):
        await passes(throttle)
    clock.advance(60)
    assert await passes(throttle)
    await throttle.succeeded("ada", HOME)
    assert [await passes(throttle) for _ in range(6)] == [True] * 5 + [False]


async def test_owner_gets_in_from_a_known_address_while_others_guess_without_pause(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    """Slowing, not locking out: whoever guesses at an account does not take its owner's turn."""
    assert await passes(throttle, "ada", HOME)
    await throttle.succeeded("ada", HOME)
    await tries_in(300, throttle, clock, "ada", CAFE)
    assert not await passes(throttle, "ada", CAFE)
    assert await passes(throttle, "ada", HOME)
    known = await tries_in(300, throttle, clock, "ada", HOME)
    assert known <= 300 / 60 + 2 * (5 + 6)  # and a known address may not guess freely either


async def test_owner_signing_in_gives_no_new_guesses_to_somebody_elsewhere(throttle: SignInThrottle) -> None:
    guesses = 0
    for _ in range(20):
        assert await passes(throttle, "ada", HOME)
        await throttle.succeeded("ada", HOME)
        guesses += await passes(throttle, "ada", CAFE)
    assert guesses == 5


async def test_moving_within_a_64_is_not_another_address(throttle: SignInThrottle) -> None:
    """CVE-2026-45364: a throttle keyed on raw IPv6."""
    answers = [await passes(throttle, f"account{n}", f"2001:db8:1:2::{n:x}") for n in range(60)]
    assert sum(answers) == 50
    assert await passes(throttle, "account1", "2001:db8:1:3::1")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_one_place_has_one_name(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_failures_are_forgotten_after_the_window(throttle: SignInThrottle, clock: ManualClock) -> None:
    for _ in range(30):
        await passes(throttle)
    clock.advance(load_settings({}).throttle.window)
    assert [await passes(throttle) for _ in range(5)] == [True] * 5


async def test_keys_fit_the_store_and_name_nobody(
    database: Database, settings: Settings, clock: ManualClock
) -> None:
    class Watching(TableStore):
        async def increment(self, key: str, ttl: float) -> int:
            assert len(key) <= 200
            assert "ada" not in key
            return await super().increment(key, ttl)

    throttle = SignInThrottle(Watching(database, clock), settings.throttle, clock)
    await throttle.check("ada@example.com" * 20, HOME)
    await throttle.succeeded("ada@example.com" * 20, HOME)
