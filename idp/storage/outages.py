"""What an outage of the database looks like, from whichever layer it comes, and what the operator can do."""

import socket
import sqlite3
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError

from idp.errors import Unavailable
from idp.trust import causes, tls_fault

BROKEN_CONNECTION: Final = (OSError, asyncpg.InternalClientError)
"""What comes from below SQLAlchemy while a connection breaks: asyncpg loses count of a connection's state when
the server closes it between two messages."""

CONNECTING: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What comes from below SQLAlchemy while a connection is made; later SQLAlchemy wraps these."""

PASSING_STATES: Final = ("08", "28", "3D", "40", "53", "57P", "55P03")
"""SQLSTATEs that say "not now" (PostgreSQL's appendix A): no connection, not let in, no such database, lost to
another transaction, no resources, starting up or shutting down, locked."""


def is_passing(error: object) -> bool:
    """Tell whether an error of the database is over by itself before long, or when the operator acts."""
    state = getattr(error, "sqlstate", None)
    return isinstance(state, str) and state.startswith(PASSING_STATES)


def is_outage(error: DBAPIError) -> bool:
    """Tell whether an error says that the database cannot be used, and nothing about what was asked of it."""
    return (
        error.connection_invalidated
        or is_passing(error.orig)
        or is_no_database(error.orig)
        or any(isinstance(cause, asyncpg.InternalClientError) for cause in causes(error))
    )


def is_no_database(error: object) -> bool:
    """Tell whether SQLite says that its file is none of its own."""
    return isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error)


class Outages:
    """Puts the outages of one database into sentences. `place` is its host and port, or its file."""

    def __init__(
        self, place: str, *, is_sqlite: bool, user: str | None = None, name: str | None = None
    ) -> None:
        self.place = place
        self._is_sqlite = is_sqlite
        self._user = user
        self._name = name

    def unavailable(self, error: BaseException) -> Unavailable:
        """Return the error for callers, with a sentence for the operator."""
        return Unavailable(
            "The database cannot be reached right now.",
            detail=repr(error)[:2000],
            for_operator=self._sentence(error),
        )

    def _sentence(self, error: BaseException) -> str:
        found = (self._of_sqlite if self._is_sqlite else self._of_postgresql)(error)
        kind = type(getattr(error, "orig", None) or error).__name__
        return found or f"The database at {self.place} cannot be used ({kind}); is IDP_DATABASE_URL right?"

    def _of_sqlite(self, error: BaseException) -> str | None:
        said = " ".join(str(cause).lower() for cause in causes(error))
        file = self.place
        if "unable to open" in said:
            return (
                f"The SQLite file {file} cannot be opened: its directory is missing, or this user may not "
                "write there. Make the directory, or correct IDP_DATABASE_URL."
            )
        if "readonly" in said or "read-only" in said:
            return (
                f"The SQLite file {file} is read-only for this user, who has to own it and its directory: "
                "correct the rights, or mount it for writing."
            )
        if "not a database" in said or "malformed" in said:
            return f"The file {file} is not a SQLite database, or is damaged; restore it from a backup."
        if "locked" in said:
            return f"The SQLite file {file} is in use by another process for too long; try again."
        if "disk" in said and ("full" in said or "i/o" in said):
            return f"The disk of the SQLite file {file} is full or fails."
        return None

    def _of_postgresql(self, error: BaseException) -> str | None:
        tls = tls_fault(error, self.place)
        if tls is not None:
            return f"{tls} For PostgreSQL, sslrootcert in IDP_DATABASE_URL does too."
        for cause in causes(error):
            sentence = self._of_cause(cause)
            if sentence is not None:
                return sentence
        return None

    def _of_cause(self, cause: BaseException) -> str | None:
        state, said, place = getattr(cause, "sqlstate", None), str(cause), self.place
        if state == "28P01":
            return f"PostgreSQL at {place} refuses the password of {self._user}; correct IDP_DATABASE_URL."
        if state == "28000":
            without = " without TLS, or not at all" if "no encryption" in said else ""
            advice = "add ?sslmode=verify-full to" if without else "correct the user in"
            return (
                f"PostgreSQL at {place} does not let {self._user} in{without}: {advice} IDP_DATABASE_URL, or allow "
                "it in pg_hba.conf."
            )
        if state == "3D000":
            return f"PostgreSQL at {place} has no database {self._name}; make it with: createdb {self._name}"
        if state == "42501":
            return f"{self._user} may not do that in {self._name} at {place}; let it own the schema."
        if state == "53300":
            return (
                f"PostgreSQL at {place} has no connection left; lower IDP_DATABASE__POOL_SIZE or allow more."
            )
        if isinstance(state, str) and state.startswith("57P"):
            return f"PostgreSQL at {place} is starting or stopping; try again."
        if "rejected SSL upgrade" in said:
            return f"PostgreSQL at {place} speaks no TLS; switch it on there, or use another sslmode."
        if isinstance(cause, asyncpg.TargetServerAttributeNotMatched):
            return f"None of {place} is the kind of server that target_session_attrs asks for."
        return _of_network(cause, place)


def _of_network(cause: BaseException, place: str) -> str | None:
    if isinstance(cause, socket.gaierror):
        return f"The host of {place} cannot be resolved; correct IDP_DATABASE_URL."
    if isinstance(cause, ConnectionRefusedError):
        return f"Nothing answers at {place}; is PostgreSQL running there, and is IDP_DATABASE_URL right?"
    if isinstance(cause, FileNotFoundError):
        return f"There is no socket at {place}; is PostgreSQL running, and is IDP_DATABASE_URL right?"
    if isinstance(cause, TimeoutError):
        return (
            f"{place} does not answer in time; is IDP_DATABASE_URL right, and does a firewall let it through?"
        )
    if isinstance(cause, ConnectionError | OSError):
        reason = cause.strerror or str(cause) or type(cause).__name__
        return f"{place} cannot be reached ({reason[:200]}); is IDP_DATABASE_URL right?"
    return None
