"""How many statements the hot paths take: comparing generations and sessions costs none of its own.

The numbers are those of before the comparison; a change that raises one has to say why.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from tests.support.provider import EMAIL, MakeProvider, RunningProvider, callback_of

MANAGES_TRANSACTIONS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class Statements(list[str]):
    """What was sent to the database, but for what begins and ends transactions."""

    @contextmanager
    def counted(self) -> Iterator["Statements"]:
        """Begin anew."""
        self.clear()
        yield self

    def note(self, statement: str) -> None:
        if not statement.lstrip().upper().startswith(MANAGES_TRANSACTIONS):
            self.append(statement)


@pytest.fixture(params=["sqlite", "postgresql"])
async def provider(
    request: pytest.FixtureRequest, make_provider: MakeProvider, new_database_url: Callable[[str], str]
) -> RunningProvider:
    url = None if request.param == "sqlite" else new_database_url(request.param)
    return await make_provider(database_url=url)


@pytest.fixture
def statements(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> Statements:
    found = Statements()
    engine = provider.database.engine.sync_engine

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.note(statement)

    direct = provider.database.direct
    if direct is not None:
        row = direct.row

        async def noted(statement: Any, values: Any) -> Any:
            found.note(statement.sql)
            return await row(statement, values)

        monkeypatch.setattr(direct, "row", noted)
    return found


async def test_the_hot_paths_take_as_many_statements_as_before(
    provider: RunningProvider, statements: Statements
) -> None:
    await provider.create_user()
    rp = await provider.relying_party(first_party=True)
    browser = await provider.browser()
    await rp.sign_in(browser)
    counts: dict[str, int] = {}
    with statements.counted():
        code = callback_of(await browser.get(rp.authorization_url(prompt="none")))["code"]
        counts["a code without a question"] = len(statements)
    with statements.counted():
        tokens = (await rp.redeem(code)).json()
        counts["redeeming it"] = len(statements)
    with statements.counted():
        tokens = (await rp.refresh(tokens["refresh_token"])).json()
        counts["refreshing"] = len(statements)
    with statements.counted():
        assert (await rp.userinfo(tokens["access_token"])).is_success
        counts["userinfo"] = len(statements)
    with statements.counted():
        told = (await rp.post("/introspect", {"token": tokens["access_token"]})).json()
        counts["introspection"] = len(statements)
    assert (told["active"], told["email"]) == (True, EMAIL)
    assert counts == EXPECTED[provider.database.is_sqlite]


EXPECTED = {
    True: {
        "a code without a question": 4,
        "redeeming it": 4,
        "refreshing": 4,
        "userinfo": 1,
        "introspection": 1,
    },
    False: {
        "a code without a question": 4,
        "redeeming it": 4,
        "refreshing": 2,
        "userinfo": 1,
        "introspection": 1,
    },
}
"""By whether the database is SQLite. PostgreSQL rotates a refresh token in one statement."""
