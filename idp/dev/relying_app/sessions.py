"""Browser sessions, held in memory: the cookie carries a random key and nothing else."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio

SESSION_SECONDS = 8 * 3600
PENDING_SECONDS = 600
MOST_SESSIONS = 1_000
MOST_PENDING = 8


@dataclass(frozen=True)
class PendingSignIn:
    """One trip to the provider: what must come back unchanged, and what only this app may know."""

    nonce: str
    code_verifier: str
    prompt: str
    started_at: float


@dataclass
class DemoSignIn:
    """The tokens of a signed-in person, with the claims that were verified."""

    id_token: str
    id_token_claims: dict[str, Any]
    access_token: str
    refresh_token: str | None
    token_type: str
    scope: str
    expires_at: float | None
    userinfo: dict[str, Any]
    nonce: str


@dataclass(frozen=True)
class Outcome:
    """What the last button did, shown once on the next page."""

    title: str
    sentence: str
    good: bool = True
    changes: tuple[tuple[str, str, str], ...] = ()
    detail: str = ""


@dataclass
class Session:
    key: str
    expires_at: float
    csrf_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    pending: OrderedDict[str, PendingSignIn] = field(default_factory=OrderedDict)
    sign_in: DemoSignIn | None = None
    outcome: Outcome | None = None
    logout_state: str | None = None
    # One refresh at a time: two tabs must not spend the same refresh token.
    refreshing: anyio.Lock = field(default_factory=anyio.Lock)

    def remember(self, state: str, pending: PendingSignIn) -> None:
        self.pending[state] = pending
        while len(self.pending) > MOST_PENDING:
            self.pending.popitem(last=False)

    def take_pending(self, state: str, now: float) -> PendingSignIn | None:
        """Single use: a second callback with the same state finds nothing."""
        pending = self.pending.pop(state, None)
        if pending is None or now - pending.started_at > PENDING_SECONDS:
            return None
        return pending

    def take_outcome(self) -> Outcome | None:
        outcome, self.outcome = self.outcome, None
        return outcome


class SessionStore:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def find(self, key: str | None) -> Session | None:
        session = self._sessions.get(key) if key else None
        if session is None:
            return None
        if session.expires_at <= self._clock():
            self.discard(session)
            return None
        self._sessions.move_to_end(session.key)
        return session

    def create(self) -> Session:
        session = Session(key=secrets.token_urlsafe(32), expires_at=self._clock() + SESSION_SECONDS)
        self._sessions[session.key] = session
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def renew(self, old: Session) -> Session:
        """A new key at sign-in, so that a key known before it is worth nothing afterwards."""
        session = self.create()
        session.pending = old.pending
        self.discard(old)
        return session

    def discard(self, session: Session) -> None:
        self._sessions.pop(session.key, None)
