"""What an outage of the database looks like, from whichever layer it comes."""

import asyncpg

BROKEN_CONNECTION = (OSError, asyncpg.InternalClientError)
"""What comes from below SQLAlchemy while a connection breaks: asyncpg loses count of a connection's state when
the server closes it between two messages."""

PASSING_STATES = ("08", "40", "53", "57P", "55P03")
"""SQLSTATEs that say "not now" (PostgreSQL's appendix A): no connection, lost to another transaction, no
resources, starting up or shutting down, locked."""


def is_passing(error: object) -> bool:
    """Tell whether an error of the database is over by itself before long."""
    state = getattr(error, "sqlstate", None)
    return isinstance(state, str) and state.startswith(PASSING_STATES)
