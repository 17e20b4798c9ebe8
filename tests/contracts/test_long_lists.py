"""However much has gathered around one account, no page and no request holds the event loop for long.

The loop's own processor time is measured, not the clock's: what else the machine does, and what the database does for
so many rows, does not count.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import String, cast, func, insert, literal, select

from idp.storage.database import UnitOfWork
from idp.storage.models import (
    AuditEvent,
    BrowserSession,
    FederatedIdentity,
    Grant,
    MailTicket,
    OutboxMail,
    RefreshToken,
    TrustedDevice,
    User,
    new_id,
)
from tests.support.api import Api
from tests.support.databases import BOTH
from tests.support.provider import EMAIL, PASSWORD, Browser, MakeProvider, RunningProvider, forms

ROWS = {"sqlite": 100_000, "postgresql": 10_000}
"""Copies of each row. What PostgreSQL does with more of them takes time, but not the loop's."""
LONGEST = 0.05
"""Seconds of processor time for which the loop may do one thing."""

UNIQUE: dict[type, tuple[str, ...]] = {
    BrowserSession: ("id", "token_digest"),
    Grant: ("id",),
    RefreshToken: ("digest",),
    TrustedDevice: ("id", "token_digest"),
    FederatedIdentity: ("id", "subject"),
    AuditEvent: ("id",),
    MailTicket: ("id", "token_digest"),
    OutboxMail: ("id",),
}
"""The tables that grow with what one user does, and the columns in which the copies of a row have to differ."""


async def multiply(uow: UnitOfWork, model: Any, rows: int, *, among: Any) -> None:
    """Copy one row, whose columns are as in `among`, until there are so many."""
    table = model.__table__
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < rows))
    one = select(table).where(among).limit(1).subquery()
    columns = [
        func.substr(cast(numbers.c.n, String).concat("-copy-").concat(one.c[column.name]), 1, 60)
        if column.name in UNIQUE[model]
        else one.c[column.name]
        for column in table.columns
    ]
    copies = select(*columns).select_from(one.join(numbers, literal(value=True)))
    await uow.session.execute(insert(table).from_select([column.name for column in table.columns], copies))


class Watchdog:
    """Notes the longest that the event loop did one thing."""

    def __init__(self) -> None:
        self.longest = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at every callback."""
        run = asyncio.events.Handle._run

        def timed(handle: asyncio.Handle) -> None:
            began = time.thread_time()
            run(handle)
            self.longest = max(self.longest, time.thread_time() - began)

        gc.collect()
        gc.disable()  # a collection takes as long as there are objects in all of the tests
        asyncio.events.Handle._run = timed  # type: ignore[method-assign]
        try:
            yield
        finally:
            asyncio.events.Handle._run = run  # type: ignore[method-assign]
            gc.enable()


async def gather_rows(provider: RunningProvider, person: User, rows: int) -> None:
    """Make a row of each kind, where there is none yet, and copy it."""
    now = provider.clock.now()
    link = FederatedIdentity(
        id=new_id(), user_id=person.id, provider="google", issuer="google", subject="s", linked_at=now
    )
    device = TrustedDevice(
        id=new_id(),
        user_id=person.id,
        token_digest="d",
        created_at=now,
        last_used_at=now,
        expires_at=now + 9e6,
    )
    async with provider.database.unit_of_work() as uow:
        await uow.identities.add(link)
        await uow.factors.add(device)
    async with provider.database.unit_of_work() as uow:
        for model in UNIQUE:
            own = getattr(model, "user_id", None)
            await multiply(uow, model, rows, among=literal(value=True) if own is None else own == person.id)


async def export(browser: Browser) -> int:
    page = await browser.get("/account/data")
    form = next(
        each for each in forms(page) if each.method == "post" and each.action.endswith("/account/data")
    )
    answer = await browser.post("/account/data", form.fields)
    assert answer.headers["content-type"] == "application/json"
    return len(answer.content)


@pytest.mark.parametrize("kind", BOTH)
async def test_nothing_holds_the_loop_however_many_rows_there_are(
    make_provider: MakeProvider, new_database_url: Callable[[str], str], kind: str
) -> None:
    provider = await make_provider(database_url=new_database_url(kind), database={"timeout": 120})
    person = await provider.create_user()
    browser, app = await provider.browser(), await provider.relying_party()
    api = Api(provider)

    async def everything() -> None:
        await browser.log_in()
        for path in ("", "/sessions", "/apps", "/security", "/connections", "/profile"):
            assert (await browser.get(f"/account{path}")).status_code == 200
        await export(browser)
        await api.log_in(EMAIL, PASSWORD)
        for path in ("/users/me/sessions", "/users/me/apps"):
            assert (await api.get(path)).status_code == 200
        await app.tokens(browser)
        await browser.get("/account/sessions")

    await everything()  # templates and statements are compiled, and there is a row of most kinds
    await gather_rows(provider, person, ROWS[kind])
    watchdog = Watchdog()
    with watchdog.watching():
        await everything()
    assert watchdog.longest < LONGEST
