"""Transactions: bound to one browser, alive for a while, finished once."""

import asyncio
import json
from base64 import urlsafe_b64decode
from dataclasses import replace

import pytest
from sqlalchemy import select

from idp.crypto import MasterKey, digest
from idp.errors import FlowError
from idp.flow.transaction import Proof, Transaction, Transactions
from idp.oauth.authorization_request import AuthorizationRequest
from idp.oauth.claims import ClaimsRequest
from idp.storage.ephemeral.table import TableStore
from idp.storage.models import EphemeralEntry
from idp.storage.single_use import SingleUse
from tests.support.provider import RunningProvider

TTL = 1800
REQUEST = AuthorizationRequest(
    "app",
    "https://app.example/cb",
    scopes=("openid", "email"),
    prompts=("login",),
    max_age=0,
    acr_values=("gold",),
    claims=ClaimsRequest(id_token={"acr": {"essential": True}}),
)
MASTER_KEY = MasterKey(bytes(range(32)))
PROOF = Proof("login", "alice", "session-1", "authenticated", 1.0)


@pytest.fixture
async def transactions(provider: RunningProvider) -> Transactions:
    database, clock = provider.database, provider.clock
    return Transactions(TableStore(database, clock), SingleUse(database, clock), MASTER_KEY, clock, TTL)


async def test_a_transaction_comes_back_as_it_was_saved(transactions: Transactions) -> None:
    begun = await transactions.save(transactions.begin(REQUEST, "cookie"))
    changed = replace(begun.with_proof(PROOF), switching=True)
    await transactions.save(changed)
    assert await transactions.load(begun.id, "cookie") == changed


@pytest.mark.parametrize(
    "change", [{"of_tomorrow": 1}, {"registered": {"of": "yesterday"}}], ids=["more", "other"]
)
async def test_one_of_another_version_of_the_program_is_as_good_as_expired(
    transactions: Transactions, provider: RunningProvider, change: dict[str, object]
) -> None:
    begun = await transactions.save(transactions.begin(REQUEST, "cookie"))
    store, key = TableStore(provider.database, provider.clock), f"tx:{digest(begun.id)}"
    written = json.loads(await store.get(key) or b"")
    written["document"] |= change
    await store.put(key, json.dumps(written).encode(), TTL)
    with pytest.raises(FlowError, match="expired"):
        await transactions.load(begun.id, "cookie")


def test_a_proof_counts_only_in_the_session_it_was_given_in() -> None:
    """Keycloak CVE-2026-18963: a proof taken for what it does not prove."""
    transaction = Transaction("tx", "browser", REQUEST, 1.0).with_proof(PROOF)
    assert transaction.proof("login", "session-1") == PROOF
    assert transaction.proof("login", "session-2") is None
    assert transaction.proof("login", None) is None
    assert transaction.proof("consent", "session-1") is None


@pytest.mark.parametrize("cookie", ["another", None, ""])
async def test_another_browser_cannot_load_it(transactions: Transactions, cookie: str | None) -> None:
    """Dex CVE-2022-39222: known by its id alone."""
    begun = await transactions.save(transactions.begin(REQUEST, "cookie"))
    with pytest.raises(FlowError):
        await transactions.load(begun.id, cookie)


async def test_it_lives_its_time_and_no_longer_however_often_it_is_saved(
    transactions: Transactions, provider: RunningProvider
) -> None:
    begun = await transactions.save(transactions.begin(REQUEST, "cookie"))
    provider.clock.advance(TTL - 1)
    await transactions.save(begun)
    assert await transactions.load(begun.id, "cookie") == begun
    provider.clock.advance(2)
    with pytest.raises(FlowError, match="expired"):
        await transactions.load(begun.id, "cookie")
    await transactions.save(begun)
    with pytest.raises(FlowError, match="expired"):
        await transactions.load(begun.id, "cookie")


async def test_of_many_who_finish_it_one_succeeds(transactions: Transactions) -> None:
    begun = await transactions.save(transactions.begin(REQUEST, "cookie"))
    results = await asyncio.gather(*(transactions.finish(begun) for _ in range(20)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["FlowError"] * 19 + ["NoneType"]


async def test_what_was_finished_cannot_be_finished_again_when_a_late_page_saves_it(
    transactions: Transactions,
) -> None:
    begun = await transactions.save(transactions.begin(REQUEST, "cookie"))
    await transactions.finish(begun)
    await transactions.save(begun.with_proof(PROOF))
    with pytest.raises(FlowError, match="finished already"):
        await transactions.finish(begun)


async def test_one_that_was_only_begun_is_stored_nowhere_and_comes_back_from_its_handle(
    transactions: Transactions, provider: RunningProvider
) -> None:
    begun = transactions.begin(REQUEST, "cookie", destination="/account/apps")
    assert await transactions.load(begun.handle, "cookie") == begun
    async with provider.database.reading() as uow:
        assert (await uow.session.scalars(select(EphemeralEntry))).all() == []
    assert b"app.example" not in urlsafe_b64decode(begun.handle.rpartition(".")[2] + "==")


async def test_what_a_form_stored_counts_for_the_pages_that_were_opened_before_it(
    transactions: Transactions,
) -> None:
    begun = transactions.begin(REQUEST, "cookie")
    stored = await transactions.save(begun.with_proof(PROOF))
    assert stored.handle == stored.id
    assert await transactions.load(begun.handle, "cookie") == stored
    await transactions.finish(stored)
    with pytest.raises(FlowError, match="finished already"):
        await transactions.load(begun.handle, "cookie")


@pytest.mark.parametrize("cookie", ["another", None, ""])
async def test_another_browser_cannot_open_what_is_sealed(
    transactions: Transactions, cookie: str | None
) -> None:
    with pytest.raises(FlowError):
        await transactions.load(transactions.begin(REQUEST, "cookie").handle, cookie)


async def test_what_is_sealed_expires_and_cannot_be_altered(
    transactions: Transactions, provider: RunningProvider
) -> None:
    begun = transactions.begin(REQUEST, "cookie")
    middle = len(begun.handle) // 2
    letter = "A" if begun.handle[middle] != "A" else "B"
    altered = begun.handle[:middle] + letter + begun.handle[middle + 1 :]
    for handle in (altered, begun.handle[:middle], "1.x.y", "."):
        with pytest.raises(FlowError):
            await transactions.load(handle, "cookie")
    provider.clock.advance(TTL + 1)
    with pytest.raises(FlowError, match="expired"):
        await transactions.load(begun.handle, "cookie")


async def test_of_many_who_finish_what_is_sealed_one_succeeds(transactions: Transactions) -> None:
    begun = transactions.begin(REQUEST, "cookie")
    results = await asyncio.gather(*(transactions.finish(begun) for _ in range(20)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["FlowError"] * 19 + ["NoneType"]
