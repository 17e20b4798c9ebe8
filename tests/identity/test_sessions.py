"""Browser sessions: when they begin, live and end."""

from dataclasses import replace

import pytest

from idp.authentication import Authentication
from idp.clock import ManualClock
from idp.config import Settings
from idp.crypto import digest
from idp.errors import FlowError
from idp.identity.accounts import Accounts
from idp.identity.acr import ACR_MULTI, ACR_SINGLE
from idp.identity.login import by_password
from idp.identity.second_factor import ProvenFactor
from idp.identity.sessions import Sessions, StartedSession, Visitor
from idp.storage.database import Database
from idp.storage.models import BrowserSession, User
from tests.support.identity import PASSWORD, audit_names


@pytest.fixture
async def ada(accounts: Accounts) -> User:
    return await accounts.create("ada@example.com", PASSWORD, "Ada", verified=True, roles=["admin"])


@pytest.fixture
async def started(sessions: Sessions, ada: User, clock: ManualClock) -> StartedSession:
    return await sessions.start(
        ada.id, by_password(clock.now(), ada.generation), Visitor("192.0.2.1", "x" * 9000)
    )


async def stored(database: Database, session_id: str) -> BrowserSession:
    async with database.reading() as uow:
        found = await uow.sessions.get(session_id)
    assert found is not None
    return found


async def test_cookie_leads_to_whose_session_it_is_and_how_it_was_proven(
    sessions: Sessions, started: StartedSession, ada: User, clock: ManualClock
) -> None:
    current = await sessions.current(started.token)
    assert current == started.session
    assert current is not None
    assert current.user_id == ada.id
    assert current.authentication == Authentication(clock.now(), ACR_SINGLE, ("pwd",), 0)
    assert (current.email, current.email_verified, current.name, current.roles) == (
        "ada@example.com",
        True,
        "Ada",
        ("admin",),
    )


async def test_token_is_stored_as_a_digest_and_is_not_the_session_id(
    sessions: Sessions, started: StartedSession, database: Database
) -> None:
    row = await stored(database, started.session.id)
    assert row.token_digest == digest(started.token)
    assert started.token not in {row.id, row.token_digest}
    for guess in (row.id, row.token_digest, "", None, "x"):
        assert await sessions.current(guess) is None


async def test_unused_session_ends_after_the_idle_limit_and_use_extends_it(
    sessions: Sessions, started: StartedSession, clock: ManualClock, settings: Settings
) -> None:
    idle = settings.sessions.idle_ttl
    clock.advance(idle - 1)
    assert await sessions.current(started.token) is not None
    clock.advance(idle - 1)
    assert await sessions.current(started.token) is not None
    clock.advance(idle)
    assert await sessions.current(started.token) is None


async def test_session_ends_after_the_absolute_limit_however_much_it_is_used(
    sessions: Sessions, started: StartedSession, clock: ManualClock, settings: Settings
) -> None:
    step = settings.sessions.idle_ttl / 2
    for _ in range(int(settings.sessions.absolute_ttl / step)):
        assert await sessions.current(started.token) is not None
        clock.advance(step)
    clock.advance(settings.sessions.absolute_ttl % step)
    assert await sessions.current(started.token) is None


async def test_last_use_is_written_at_most_once_a_minute(
    sessions: Sessions, started: StartedSession, database: Database, clock: ManualClock
) -> None:
    began = clock.now()
    clock.advance(59)
    await sessions.current(started.token)
    assert (await stored(database, started.session.id)).last_seen_at == began
    clock.advance(1)
    await sessions.current(started.token)
    assert (await stored(database, started.session.id)).last_seen_at == began + 60


async def test_signing_in_makes_a_token_planted_before_worthless(
    sessions: Sessions, started: StartedSession, ada: User
) -> None:
    """CVE-2026-7507: login-session fixation."""
    stronger = replace(started.session.authentication, acr=ACR_MULTI, amr=("pwd", "otp", "mfa"))
    renewed = await sessions.start(ada.id, stronger, Visitor(), replacing=started.token)
    assert renewed.token != started.token
    assert renewed.session.id != started.session.id
    assert await sessions.current(started.token) is None
    current = await sessions.current(renewed.token)
    assert current is not None
    assert current.authentication == stronger


async def test_second_factor_keeps_the_time_of_the_first_and_all_else_of_the_authentication(
    sessions: Sessions, ada: User, clock: ManualClock
) -> None:
    once = Authentication(clock.now() - 60, ACR_SINGLE, ("fed",), 0, upstream="google", factor_waived=True)
    first = await sessions.start(ada.id, once, Visitor())
    clock.advance(30)
    with_code = ProvenFactor("totp", ("otp", "mfa")).added_to(first.session.authentication)
    second = await sessions.strengthen(ada.id, with_code, Visitor(), replacing=first.token)
    assert second.session.authentication == replace(once, acr=ACR_MULTI, amr=("fed", "otp", "mfa"))
    assert await sessions.current(first.token) is None
    assert await sessions.current(second.token) == second.session


async def test_session_that_was_signed_out_gains_no_factor(
    sessions: Sessions, started: StartedSession, ada: User
) -> None:
    await sessions.end(started.token)
    for token in (started.token, "planted", None):
        with pytest.raises(FlowError, match="signed out"):
            await sessions.strengthen(ada.id, started.session.authentication, Visitor(), replacing=token)


async def test_token_that_nobody_made_can_be_replaced_and_stays_worthless(
    sessions: Sessions, ada: User, clock: ManualClock
) -> None:
    """CVE-2026-7507: an attacker's own value in the cookie is never taken over."""
    started = await sessions.start(
        ada.id, by_password(clock.now(), ada.generation), Visitor(), replacing="planted"
    )
    assert started.token != "planted"
    assert await sessions.current("planted") is None


async def test_ended_session_stays_ended_and_ends_once(
    sessions: Sessions, started: StartedSession, database: Database
) -> None:
    assert await sessions.end(started.token)
    assert not await sessions.end(started.token)
    assert await sessions.current(started.token) is None
    assert (await audit_names(database)).count("session.signed_out") == 1


async def test_session_id_in_the_cookie_ends_nobodys_session(
    sessions: Sessions, started: StartedSession
) -> None:
    """A `sid` is known to every client that the person uses."""
    assert not await sessions.end(started.session.id)
    assert await sessions.current(started.token) is not None


async def test_signing_out_touches_one_session(
    sessions: Sessions, started: StartedSession, ada: User
) -> None:
    """Dex #4945."""
    other = await sessions.start(ada.id, started.session.authentication, Visitor())
    assert not await sessions.end_by_id(started.session.id, user_id="somebody else")
    assert await sessions.end_by_id(started.session.id, user_id=ada.id)
    assert await sessions.current(started.token) is None
    assert await sessions.current(other.token) is not None


async def test_sign_in_is_in_the_trail_without_the_token(started: StartedSession, database: Database) -> None:
    async with database.reading() as uow:
        [event] = await uow.audit.page(None, 10, name="session.signed_in")
    assert event.detail == {"session_id": started.session.id, "amr": ["pwd"], "acr": ACR_SINGLE}
    assert event.address == "192.0.2.1"
