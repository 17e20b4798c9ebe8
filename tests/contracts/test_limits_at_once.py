"""What one user may have only so many of, made by many requests at once: none fails, and the limit holds."""

import asyncio

import pytest

from idp.clock import ManualClock
from idp.config import SettingsPolicies, load_settings
from idp.identity.generation import ProvenAccount
from idp.identity.login import by_password
from idp.identity.sessions import Sessions, Visitor
from idp.identity.trusted_browsers import MOST, TrustedBrowsers
from idp.storage.database import Database
from idp.storage.models import TrustedDevice, User

AT_ONCE = 20
NOW = ManualClock().now()


@pytest.fixture
async def ada(each_database: Database) -> User:
    async with each_database.unit_of_work() as uow:
        await uow.users.add(
            ada := User(email="a", email_key="a", generation=0, created_at=NOW, updated_at=NOW)
        )
    return ada


def sessions_of(database: Database, most: int, now: float = NOW) -> Sessions:
    settings = load_settings({}, sessions={"most_per_user": most})
    return Sessions(database, SettingsPolicies(settings), ManualClock(now))


@pytest.mark.parametrize("most_before", [10, 40], ids=["at the limit", "above a limit that was lowered"])
async def test_many_sign_ins_of_one_user_that_replace_sessions_all_succeed(
    each_database: Database, ada: User, most_before: int
) -> None:
    """Each ends the session of its browser and, beyond the limit, those that others are just replacing."""
    many, ten = sessions_of(each_database, most_before), sessions_of(each_database, 10, NOW + 1)
    proof = by_password(NOW, ada.generation)
    before = [await many.start(ada.id, proof, Visitor()) for _ in range(most_before)]
    replaced = [before[number % most_before].token for number in range(AT_ONCE)]
    started = await asyncio.gather(
        *(ten.start(ada.id, proof, Visitor(), replacing=token) for token in replaced)
    )
    live = {session.id for session in await ten.live(ada.id)}
    assert len(live) == 10
    assert live <= {each.session.id for each in started}


async def test_many_sign_ins_of_one_user_in_new_browsers_keep_to_the_limit(
    each_database: Database, ada: User
) -> None:
    ten, proof = sessions_of(each_database, 10), by_password(NOW, ada.generation)
    started = await asyncio.gather(*(ten.start(ada.id, proof, Visitor()) for _ in range(AT_ONCE * 2)))
    assert len({each.session.id for each in started}) == AT_ONCE * 2
    assert len(await ten.live(ada.id)) == 10


async def test_many_browsers_that_a_user_trusts_at_once_keep_to_the_limit(
    each_database: Database, ada: User
) -> None:
    browsers = TrustedBrowsers(each_database, 3600, ManualClock())
    await asyncio.gather(*(browsers.trust(ProvenAccount.of(ada), "") for _ in range(MOST + AT_ONCE)))
    async with each_database.reading() as uow:
        assert len(await uow.factors.of_user(TrustedDevice, ada.id)) == MOST
