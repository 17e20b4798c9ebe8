"""Time, passed in. Nothing in the provider reads the system clock except through here.

Instants are Unix seconds as floats, the unit of a JWT's NumericDate (RFC 7519 §2), so that what is
stored, signed and compared is one thing, and a test can live through a key's whole life in a moment.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Return the current instant in Unix seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return the current instant in Unix seconds."""
        return time.time()


class ManualClock:
    """A clock that stands still until it is moved; for tests and simulations."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        """Return the instant the clock was last moved to."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        self._now += seconds
