"""Browser sessions: a user who is signed in in one browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import MINUTE, Policies, SessionSettings
from idp.crypto import digest, random_token
from idp.errors import FlowError
from idp.events.audit import record
from idp.events.catalogue import SignedIn, SignedOut
from idp.identity.endings import AccountEvent, LeftOpen, end
from idp.identity.generation import ENDED, ProvenAccount, still
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import BrowserSession, User, new_id

TOUCH_EVERY = MINUTE
"""A session's last use is written at most so often, in seconds."""

LONGEST_USER_AGENT = 400
LONGEST_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from, as the list of sessions and the audit trail show it."""

    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True)
class CurrentSession:
    """A live session and its user, as they were when the request came."""

    id: str
    """The `sid` claim."""
    user_id: str
    authentication: Authentication
    email: str
    email_verified: bool
    verification_due: bool
    name: str | None
    roles: tuple[str, ...]
    locale: str | None = None
    """The language that the user has chosen."""
    factor_offered_at: float | None = None
    factor_due_at: float | None = None

    @property
    def account(self) -> ProvenAccount:
        """The account, as what the user does in this session proves it."""
        return ProvenAccount(self.user_id, self.authentication.generation)


@dataclass(frozen=True)
class StartedSession:
    """A new session with the value for its cookie, which is not stored and cannot be had again."""

    token: str
    session: CurrentSession


class Sessions:
    """Begins, finds and ends browser sessions."""

    def __init__(self, database: Database, policies: Policies, clock: Clock) -> None:
        self._database = database
        self._policies = policies
        self._clock = clock

    async def start(
        self,
        user_id: str,
        authentication: Authentication,
        visitor: Visitor,
        *,
        replacing: str | None = None,
    ) -> StartedSession:
        """Begin a session under a new id and a new token; raise `FlowError` when the account is not in use or
        the authentication has ended in the meantime.

        `replacing` is the token that the browser came with: that session ends, so a token planted before
        the sign-in, or one with fewer privileges, is worth nothing after it.
        """
        account = ProvenAccount(user_id, authentication.generation)
        async with self._database.unit_of_work() as uow:
            user = await _one_at_a_time(uow, account)
            if replacing is not None:
                await self._end_replaced(uow, replacing)
            return await self._start(uow, user, authentication, visitor)

    async def strengthen(
        self, user_id: str, authentication: Authentication, visitor: Visitor, *, replacing: str | None
    ) -> StartedSession:
        """Go on with the session of the token `replacing` as one with a stronger authentication, under a new
        id and a new token. Raise `FlowError` when that session has ended: what was signed out meanwhile stays
        signed out."""
        account = ProvenAccount(user_id, authentication.generation)
        async with self._database.unit_of_work() as uow:
            user = await _one_at_a_time(uow, account)
            if replacing is None or not await self._end_replaced(uow, replacing):
                raise FlowError(ENDED, detail="the session has ended")
            return await self._start(uow, user, authentication, visitor)

    async def _end_replaced(self, uow: UnitOfWork, token: str) -> bool:
        old = await uow.sessions.by_token_digest(digest(token))
        return old is not None and await uow.sessions.end(old.id, self._clock.now())

    async def _start(
        self, uow: UnitOfWork, user: User, authentication: Authentication, visitor: Visitor
    ) -> StartedSession:
        now, token, lifetimes = self._clock.now(), random_token(), await self._lifetimes()
        started = BrowserSession(
            id=new_id(),
            token_digest=digest(token),
            user_id=user.id,
            generation=authentication.generation,
            auth_time=authentication.auth_time,
            acr=authentication.acr,
            amr=list(authentication.amr),
            created_at=now,
            last_seen_at=now,
            expires_at=now + lifetimes.absolute_ttl,
            ended_at=None,
            user_agent=visitor.user_agent[:LONGEST_USER_AGENT],
            address=visitor.address[:LONGEST_ADDRESS],
            upstream=authentication.upstream,
            factor_waived=authentication.factor_waived,
        )
        await uow.sessions.add(started)
        await uow.sessions.end_surplus(user.id, lifetimes.most_per_user, now, kept_id=started.id)
        signed_in = SignedIn(
            user_id=user.id,
            address=started.address,
            session_id=started.id,
            amr=authentication.amr,
            acr=authentication.acr,
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
        now, lifetimes = self._clock.now(), await self._lifetimes()
        if user.disabled_at is not None or session.generation != user.generation:
            return None
        if not _is_live(session, now, lifetimes.idle_ttl):
            return None
        if now - session.last_seen_at >= min(TOUCH_EVERY, lifetimes.idle_ttl / 2):
            async with self._database.unit_of_work() as uow:
                await uow.sessions.touch(session.id, now)
        return _view(session, user)

    async def live(self, user_id: str) -> Sequence[BrowserSession]:
        """Return the user's sessions that have not ended, the one used last first."""
        lifetimes = await self._lifetimes()
        async with self._database.reading() as uow:
            return await uow.sessions.live_for_user(user_id, self._clock.now(), lifetimes.idle_ttl)

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

    async def end_others(self, session: CurrentSession) -> list[str]:
        """End every session of the user but this one, and what is proven for the account at this moment; return
        the ids."""
        lifetimes = await self._lifetimes()
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await still(uow, session.account, to_change=True)
            live = await uow.sessions.live_for_user(user.id, now, lifetimes.idle_ttl)
            ending = [each.id for each in live if each.id != session.id]
            await end(uow, user, AccountEvent.SIGNED_OUT_EVERYWHERE, now, LeftOpen(session.id))
            await uow.users.save(user)
            for session_id in ending:
                await record(uow, SignedOut(user_id=user.id, session_id=session_id), now)
        return ending

    async def _lifetimes(self) -> SessionSettings:
        """A session serves every client, so it has the lifetimes of none of them."""
        return (await self._policies.of()).sessions

    async def _end(self, uow: UnitOfWork, session: BrowserSession) -> bool:
        now = self._clock.now()
        if not await uow.sessions.end(session.id, now):
            return False
        await record(uow, SignedOut(user_id=session.user_id, session_id=session.id), now)
        return True


async def _one_at_a_time(uow: UnitOfWork, account: ProvenAccount) -> User:
    """Return the account, locked before any of its sessions, as whatever ends the proof locks it first too. Sign-ins
    of one user take turns: each ends sessions that others may be ending, and counts those that are left."""
    return await still(uow, account, to_change=True)


def _is_live(session: BrowserSession, now: float, idle_ttl: float) -> bool:
    return session.ended_at is None and now < min(session.expires_at, session.last_seen_at + idle_ttl)


def _view(session: BrowserSession, user: User) -> CurrentSession:
    profile: dict[str, Any] = user.profile
    name, locale = profile.get("name"), profile.get("locale")
    return CurrentSession(
        id=session.id,
        user_id=user.id,
        authentication=session.authentication,
        email=user.email,
        email_verified=user.email_verified,
        verification_due=user.verification_due,
        name=name if isinstance(name, str) else None,
        roles=tuple(user.roles),
        locale=locale if isinstance(locale, str) else None,
        factor_offered_at=user.factor_offered_at,
        factor_due_at=user.factor_due_at,
    )
