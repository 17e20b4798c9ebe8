"""What something sensitive asks of a sign-in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """What a page or a call asks of a sign-in, beyond that there is one (RFC 9470 §3)."""

    recent: bool = False
    """Whether it is at most `IDP_ACCOUNTS__RECENT_SIGN_IN` seconds old."""
    strong: bool = False
    """Whether a user who has a second factor must have proven it: a trusted browser or a code by mail will
    not do."""


NO_DEMAND = Demand()
"""Any sign-in will do."""
