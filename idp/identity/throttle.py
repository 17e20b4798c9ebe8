"""Slowing down guesses at passwords and codes, without locking anybody out.

Two budgets count tries: the account's, wherever they come from, and the address's, whatever accounts
they are for. A budget has some free tries; after those, one try passes in each delay, and the delay
doubles up to a limit. A try is counted before its password is looked at, so guesses made at once are
counted like guesses made in a row, and given back when it was right.

Somebody who guesses at an account all the time would leave its owner no turn. So an address from which
the account was signed in to has a budget of its own for that account.
"""

import ipaddress

from idp.clock import Clock
from idp.config import DAY, ThrottleSettings
from idp.crypto import digest
from idp.errors import Throttled
from idp.storage.ephemeral import EphemeralStore

KNOWN_FOR = 30 * DAY
"""How long an address stays known for an account that was signed in to from it, in seconds."""

IPV6_PREFIX = 64
"""The part of an IPv6 address that a network gives to one customer, in bits."""

HIGHEST_DOUBLING = 20


def delay_after(tries: int, free: int, longest: float) -> float:
    """Return the seconds between tries once `tries` were made, of which `free` were free."""
    return min(longest, 2.0 ** min(tries - free, HIGHEST_DOUBLING)) if tries >= free else 0.0


def network_of(address: str) -> str:
    """Return what counts as one place: an IPv4 address, the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_PREFIX), strict=False))


class SignInThrottle:
    """Counts tries to prove who one is. Every place that takes a password or a code asks here first.

    `account` names what is guessed at, whether it exists or not: an `email_key`, a user id. It is stored
    only as a digest. Not to be called inside a unit of work.
    """

    def __init__(
        self,
        store: EphemeralStore,
        settings: ThrottleSettings,
        clock: Clock,
        *,
        accounts: ThrottleSettings | None = None,
    ) -> None:
        """Take other numbers for accounts than for addresses with `accounts`. Whatever is guessed at, an
        address has one budget."""
        self._store = store
        self._settings = settings
        self._accounts = accounts or settings
        self._clock = clock

    async def check(self, account: str, address: str) -> None:
        """Count a try, or raise `Throttled` when it comes too soon."""
        await self._budget_of_address(address).spend()
        if await self._store.get(_known(account, address)) is not None:
            await self._budget_of_pair(account, address).spend()
        else:
            await self._budget_of_account(account).spend()

    async def succeeded(self, account: str, address: str) -> None:
        """Give a counted try back: it was right. The failures before it are forgotten, but from an address
        that is known only its own: an owner's sign-ins give no new guesses to somebody elsewhere."""
        await self._budget_of_address(address).give_back()
        known = _known(account, address)
        if await self._store.get(known) is not None:
            await self._budget_of_pair(account, address).forget()
        else:
            await self._budget_of_account(account).forget()
            await self._store.put(known, b"1", KNOWN_FOR)  # race: it is always the same

    def _budget_of_account(self, account: str) -> "_Budget":
        return self._budget("account", account, self._accounts.free_tries_per_account, self._accounts)

    def _budget_of_pair(self, account: str, address: str) -> "_Budget":
        pair = f"{account} {network_of(address)}"
        return self._budget("pair", pair, self._accounts.free_tries_per_account, self._accounts)

    def _budget_of_address(self, address: str) -> "_Budget":
        free = self._settings.free_tries_per_address
        return self._budget("address", network_of(address), free, self._settings)

    def _budget(self, kind: str, of: str, free: int, settings: ThrottleSettings) -> "_Budget":
        return _Budget(self._store, f"throttle:{kind}:{digest(of)}", free, settings, self._clock)


def factor_throttle(store: EphemeralStore, settings: ThrottleSettings, clock: Clock) -> SignInThrottle:
    """Return the throttle for second factors: more patient with accounts, the same for addresses."""
    slower = {"window": settings.factor_window, "longest_delay": settings.factor_longest_delay}
    return SignInThrottle(store, settings, clock, accounts=settings.model_copy(update=slower))


class CodeThrottle:
    """Bounds guesses at the codes of mails: as at a password, and to a number in a day for one thing guessed at.

    When a day's guesses at it are spent, the link of the mail still works, so nobody is locked out.
    """

    def __init__(self, throttle: SignInThrottle, store: EphemeralStore, most_per_day: int) -> None:
        self._throttle = throttle
        self._store = store
        self._most_per_day = most_per_day

    async def check(self, purpose: str, subject: str, address: str) -> None:
        """Count a guess from a network address at the code for `subject` (an `email_key`, a user id), or raise
        `Throttled`. Not to be called inside a unit of work."""
        await self._throttle.check(f"code {purpose} {subject}", address)
        today = f"throttle:codes:{digest(f'{purpose} {subject}')}"
        if await self._store.increment(today, DAY) > self._most_per_day:
            raise Throttled(
                "There were too many wrong codes today. Open the link in the mail instead.", retry_after=DAY
            )

    async def succeeded(self, purpose: str, subject: str, address: str) -> None:
        """Give a counted guess back: it was right."""
        await self._throttle.succeeded(f"code {purpose} {subject}", address)


class _Budget:
    """The tries of one account, address or pair of them, in windows that begin at round times.

    Round windows, since what is given back is counted apart from what was spent (the store's counters only
    go up) and both have to start over together.
    """

    def __init__(
        self, store: EphemeralStore, key: str, free: int, settings: ThrottleSettings, clock: Clock
    ) -> None:
        now = clock.now()
        window = int(now // settings.window)
        self._store = store
        self._free = free
        self._settings = settings
        self._now = now
        self._tries = f"{key}:tries:{window}"
        self._returned = f"{key}:returned:{window}"
        self._turn = f"{key}:turn"
        self._until = f"{key}:until"

    async def spend(self) -> None:
        wait = await self._wait()
        if wait > 0:  # not counted: impatience alone makes nobody wait longer
            raise _too_soon(wait)
        tries = await self._store.increment(self._tries, self._settings.window)
        if tries >= self._free:
            tries -= int(await self._store.get(self._returned) or b"0")
        delay = delay_after(tries, self._free, self._settings.longest_delay)
        if delay == 0:
            return
        # Of tries at once, the first to count a turn has it; the turn's end is the counter's.
        if await self._store.increment(self._turn, delay) > 1:
            raise _too_soon(max(await self._wait(), 1.0))
        await self._store.put(self._until, str(self._now + delay).encode(), delay)

    async def give_back(self) -> None:
        await self._store.increment(self._returned, self._settings.window)

    async def forget(self) -> None:
        tries = int(await self._store.get(self._tries) or b"0")
        await self._store.delete(self._tries)  # race: a try meanwhile is forgotten too
        if tries >= self._free:
            await self._store.delete(self._turn)
            await self._store.delete(self._until)

    async def _wait(self) -> float:
        until = await self._store.get(self._until)
        return 0.0 if until is None else float(until) - self._now


def _known(account: str, address: str) -> str:
    return "throttle:known:" + digest(f"{account} {network_of(address)}")


def _too_soon(wait: float) -> Throttled:
    return Throttled(
        "There were too many tries; wait a moment and try again.",
        retry_after=wait,
        detail="sign-in throttle",
    )
