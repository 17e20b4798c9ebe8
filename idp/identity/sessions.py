"""Browser sessions: a person signed in at one browser."""

from dataclasses import dataclass
from typing import Any

from idp.clock import Clock
from idp.config import MINUTE, SessionSettings
from idp.crypto import digest, random_token
from idp.errors import NotFound
from idp.events.audit import record
from idp.events.catalogue import SignedIn, SignedOut
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import BrowserSession, User, new_id

TOUCH_EVERY = MINUTE
"""A session's last use is written at most so often, in seconds."""

LONGEST_USER_AGENT = 400
LONGEST_ADDRESS = 64


@dataclass(frozen=True)
class CurrentSession:
    """A live session and whose it is, as they were when the request came."""

    id: str
    """The `sid` claim."""
    user_id: str
    auth_time: float
    acr: str
    amr: tuple[str, ...]
    email: str
    email_verified: bool
    verification_due: bool
    name: str | None
    roles: tuple[str, ...]
    locale: str | None = None
    """The language that the person has chosen."""
    upstream: str | None = None
    """The provider that they signed in with, if it was not here."""
    factor_waived: bool = False
    """Whether the second factor is left to that provider."""
    factor_offered_at: float | None = None
    factor_due_at: float | None = None


@dataclass(frozen=True)
class StartedSession:
    """A new session with the value for its cookie, which is not stored and cannot be had again."""

    token: str
    session: CurrentSession


class Sessions:
    """Begins, finds and ends browser sessions."""

    def __init__(self, database: Database, settings: SessionSettings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def start(
        self,
        user_id: str,
        *,
        amr: tuple[str, ...],
        acr: str,
        user_agent: str = "",
        address: str = "",
        replacing: str | None = None,
        client_id: str | None = None,
        auth_time: float | None = None,
        strengthened: bool = False,
        proven_at: float | None = None,
        upstream: str | None = None,
        factor_waived: bool = False,
    ) -> StartedSession:
        """Begin a session under a new id and a new token; raise `NotFound` unless the account is in use.

        `replacing` is the token that the browser came with: that session ends, so a token planted before
        the sign-in, or one with fewer privileges, is worth nothing after it. `auth_time` is given when the
        session only gains a factor: a second one does not make the first any younger. `proven_at` is when
        the person proved who they are, if that was earlier: at `upstream`, the provider that they come from.
        `strengthened` says that the replaced session goes on as this one: then it has to live, so that what
        was signed out meanwhile stays so.
        """
        token = random_token()
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            proven = now if proven_at is None else min(proven_at, now)
            user = await uow.users.get(user_id)
            if user is None or user.disabled_at is not None:
                raise NotFound("This account is not in use.", detail=user_id)
            if replacing is not None:
                old = await uow.sessions.by_token_digest(digest(replacing))
                ended = old is not None and await uow.sessions.end(old.id, now)
                if strengthened and not ended:
                    raise NotFound("You were signed out in the meantime. Sign in again.")
            started = BrowserSession(
                id=new_id(),
                token_digest=digest(token),
                user_id=user_id,
                auth_time=proven if auth_time is None else auth_time,
                acr=acr,
                amr=list(amr),
                created_at=now,
                last_seen_at=now,
                expires_at=now + self._settings.absolute_ttl,
                ended_at=None,
                user_agent=user_agent[:LONGEST_USER_AGENT],
                address=address[:LONGEST_ADDRESS],
                upstream=upstream,
                factor_waived=factor_waived,
            )
            await uow.sessions.add(started)
            signed_in = SignedIn(
                user_id=user_id,
                client_id=client_id,
                address=address[:LONGEST_ADDRESS],
                session_id=started.id,
                amr=amr,
                acr=acr,
            )
            await record(uow, signed_in, now)
        return StartedSession(token, _view(started, user))

    async def current(self, token: str | None) -> CurrentSession | None:
        """Return the session of a cookie while it lives and its account is in use, and note its use."""
        if not token:
            return None
        async with self._database.reading() as uow:
            found = await uow.sessions.with_user(digest(token))
        if found is None:
            return None
        session, user = found
        now = self._clock.now()
        if user.disabled_at is not None or not self._is_live(session, now):
            return None
        if now - session.last_seen_at >= min(TOUCH_EVERY, self._settings.idle_ttl / 2):
            async with self._database.unit_of_work() as uow:
                await uow.sessions.touch(session.id, now)
        return _view(session, user)

    async def end(self, token: str) -> bool:
        """End the session of a cookie; tell whether it was this call that did."""
        async with self._database.unit_of_work() as uow:
            session = await uow.sessions.by_token_digest(digest(token))
            return session is not None and await self._end(uow, session)

    async def end_by_id(self, session_id: str, *, user_id: str | None = None) -> bool:
        """End the session with this `sid`, if it is `user_id`'s when that is given.

        A `sid` is known to clients and is no proof: never take one from a cookie or a form unchecked.
        """
        async with self._database.unit_of_work() as uow:
            session = await uow.sessions.get(session_id)
            if session is None or user_id not in {None, session.user_id}:
                return False
            return await self._end(uow, session)

    def _is_live(self, session: BrowserSession, now: float) -> bool:
        return (
            session.ended_at is None
            and now < session.expires_at
            and now < session.last_seen_at + self._settings.idle_ttl
        )

    async def _end(self, uow: UnitOfWork, session: BrowserSession) -> bool:
        now = self._clock.now()
        if not await uow.sessions.end(session.id, now):
            return False
        await record(uow, SignedOut(user_id=session.user_id, session_id=session.id), now)
        return True


def _view(session: BrowserSession, user: User) -> CurrentSession:
    profile: dict[str, Any] = user.profile
    name, locale = profile.get("name"), profile.get("locale")
    return CurrentSession(
        id=session.id,
        user_id=user.id,
        auth_time=session.auth_time,
        acr=session.acr,
        amr=tuple(session.amr),
        email=user.email,
        email_verified=user.email_verified,
        verification_due=user.verification_due,
        name=name if isinstance(name, str) else None,
        roles=tuple(user.roles),
        locale=locale if isinstance(locale, str) else None,
        upstream=session.upstream,
        factor_waived=session.factor_waived,
        factor_offered_at=user.factor_offered_at,
        factor_due_at=user.factor_due_at,
    )
