"""The catalogue and the trail."""

import inspect

from idp.clock import ManualClock
from idp.events import Event, catalogue, record
from idp.events.catalogue import ClientChanged, GrantRevoked, SignedIn, SignInFailed
from idp.storage.database import Database
from tests.support.identity import audit_events

KINDS = [
    kind
    for _, kind in inspect.getmembers(catalogue, inspect.isclass)
    if issubclass(kind, Event) and kind is not Event
]


def test_every_event_has_a_dotted_name_of_its_own() -> None:
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names) > 0
    assert all(name.count(".") == 1 and name == name.lower() for name in names)


def test_detail_is_what_only_this_kind_of_event_tells() -> None:
    event = SignedIn(user_id="u", address="192.0.2.1", session_id="s", amr=("pwd", "otp"), acr="a")
    assert event.detail == {"session_id": "s", "amr": ["pwd", "otp"], "acr": "a"}
    assert ClientChanged(client_id="c").detail == {"what": []}


async def test_event_is_kept_with_its_time_and_whom_it_concerns(
    database: Database, clock: ManualClock
) -> None:
    async with database.unit_of_work() as uow:
        await record(uow, GrantRevoked(user_id="u", client_id="c", grant_id="g", reason="asked"), clock.now())
    [row] = await audit_events(database)
    assert (row.at, row.name, row.user_id, row.client_id) == (clock.now(), "grant.revoked", "u", "c")
    assert row.detail == {"grant_id": "g", "reason": "asked"}


async def test_event_goes_with_the_work_that_it_tells_of(database: Database, clock: ManualClock) -> None:
    async with database.unit_of_work() as uow:
        await record(uow, GrantRevoked(grant_id="g", reason="asked"), clock.now())
        await uow.session.rollback()
    assert await audit_events(database) == []


async def test_unchecked_values_fit_their_columns(each_database: Database, clock: ManualClock) -> None:
    async with each_database.unit_of_work() as uow:
        await record(uow, SignInFailed(client_id="c" * 5000, address="a" * 5000, reason="x"), clock.now())
    [row] = await audit_events(each_database)
    assert (len(row.client_id or ""), len(row.address)) == (200, 64)
