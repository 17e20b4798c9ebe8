"""Links on every database, and what may be done at the same time."""

import asyncio

import pytest

from idp.clock import ManualClock
from idp.config import load_settings
from idp.crypto import MasterKey
from idp.errors import Conflict, IdpError, InvalidValue
from idp.identity.connections import Connections, UpstreamAccount
from idp.identity.generation import ProvenAccount
from idp.identity.mail import Mailer
from idp.identity.ways_in import WaysIn
from idp.resources import TEMPLATES
from idp.storage.database import Database
from idp.storage.models import User
from tests.support.provider import MASTER_KEY

VERA = "vera@example.com"


def account(number: int, provider: str = "google") -> UpstreamAccount:
    """Return an account elsewhere."""
    return UpstreamAccount(
        provider, provider.title(), "https://g.example", str(number), VERA, "Vera", tokens=b"secret"
    )


async def ways_in() -> WaysIn:
    """Return what there is to sign in with."""
    return WaysIn({(name, "https://g.example") for name in ("google", "github")})


@pytest.fixture
def connections(each_database: Database) -> Connections:
    """On either database."""
    clock = ManualClock()
    mailer = Mailer(load_settings({}), TEMPLATES, clock)
    return Connections(each_database, mailer, MasterKey.parse(MASTER_KEY), ways_in, clock)


@pytest.fixture
async def vera(connections: Connections) -> User:
    """Somebody who came from elsewhere and has no password."""
    return await connections.create(account(1), VERA)


async def test_an_account_elsewhere_is_found_by_provider_issuer_and_subject(
    connections: Connections, vera: User
) -> None:
    found = await connections.find("google", "https://g.example", "1")
    assert found is not None
    assert found.id == vera.id
    for key in (
        ("github", "https://g.example", "1"),
        ("google", "https://g.example/", "1"),
        ("google", "https://g.example", "2"),
        ("google", "https://g.example", VERA),
    ):
        assert await connections.find(*key) is None


async def test_of_two_who_arrive_at_once_with_one_address_one_gets_the_account(
    connections: Connections,
) -> None:
    made = await asyncio.gather(
        *(connections.create(account(number), VERA) for number in range(5)), return_exceptions=True
    )
    assert len([each for each in made if isinstance(each, User)]) == 1
    assert all(isinstance(each, User | Conflict) for each in made)


async def test_an_account_elsewhere_is_never_linked_twice(connections: Connections, vera: User) -> None:
    other = await connections.create(account(2), "other@example.com")
    both = await asyncio.gather(
        connections.link(ProvenAccount.of(vera), account(3), "asked"),
        connections.link(ProvenAccount.of(other), account(3), "asked"),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in both) == ["Conflict", "User"]


async def test_unlinking_all_at_once_leaves_a_way_in(connections: Connections, vera: User) -> None:
    await connections.link(ProvenAccount.of(vera), account(1, "github"), "asked")
    links = await connections.of_user(vera.id)
    done = await asyncio.gather(
        *(connections.unlink(vera.id, link.id, "x") for link in links), return_exceptions=True
    )
    assert [isinstance(each, InvalidValue) for each in done].count(True) == 1
    assert len(await connections.of_user(vera.id)) == 1


async def test_only_the_owner_unlinks(connections: Connections, vera: User) -> None:
    other = await connections.create(account(2), "other@example.com")
    (link,) = await connections.of_user(vera.id)
    with pytest.raises(IdpError):
        await connections.unlink(other.id, link.id, "x")
    assert len(await connections.of_user(vera.id)) == 1


async def test_tokens_are_kept_sealed_under_their_own_link(connections: Connections, vera: User) -> None:
    found = await connections.tokens(vera.id, "google")
    assert found is not None
    link, tokens = found
    assert tokens == b"secret"
    assert "secret" not in (link.sealed_tokens or "")


async def test_a_verified_account_is_never_taken_over(connections: Connections, vera: User) -> None:
    with pytest.raises(Conflict):
        await connections.take_over(vera.id, account(9, "github"))
