"""Addresses that are spelled alike find one account, and may be two people's: neither verifies the other."""

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select

from idp.storage.models import OutboxMail
from tests.support.provider import Browser, RunningProvider
from tests.support.upstreams import (
    MakeFederated,
    SignInElsewhere,
    Upstreams,
    identities,
    path_of,
    text_of,
)

VERA = "vera@example.com"
PASSWORD = "a password of her own"
SESSION = "idp_session"


async def register(browser: Browser, email: str, password: str) -> httpx.Response:
    """Make an account on the page, as anybody can with anybody's address."""
    return await browser.submit(await browser.get("/register"), email=email, password=password)


DIFFERENT = [
    ("strasse@example.com", "stra\u00dfe@example.com"),
    ("fiona@example.com", "\ufb01ona@example.com"),
    ("vera@example.com", "\uff56era@example.com"),
    ("jos\u00e9@example.com", "jose\u0301@example.com"),
    ("vera@example.com", "Vera@example.com"),
]
"""Addresses that find each other's account, and may be two people's."""


def arrives_as(upstreams: Upstreams, email: str) -> None:
    """Let Vera's verified address at Google be another one."""
    upstreams.google.people["vera"] = replace(upstreams.google.people["vera"], email=email)


@pytest.mark.parametrize(("verified", "registered"), DIFFERENT)
async def test_a_verified_address_does_not_verify_another_persons_that_looks_alike(
    make_federated: MakeFederated,
    elsewhere: SignInElsewhere,
    upstreams: Upstreams,
    verified: str,
    registered: str,
) -> None:
    """Whoever owns the one registers the other, and arrives through Google: not even so is it verified."""
    provider = await make_federated(
        google={"auto_link": True}, registration={"verify_email": "before_claims"}
    )
    await register(await provider.browser(), registered, PASSWORD)
    arrives_as(upstreams, verified)
    browser = await provider.browser()
    page = await elsewhere(browser, "google", "vera")
    assert path_of(page) == "/federation/welcome"
    assert SESSION not in browser.cookies
    user = await provider.parts.accounts.find(registered)
    assert user is not None
    assert (user.email, user.email_verified) == (registered, False)
    assert user.password_hash is not None
    assert await identities(provider, registered) == []


@pytest.mark.parametrize(("verified", "registered"), DIFFERENT)
async def test_who_reads_the_mail_of_the_other_spelling_gets_the_account_emptied(
    make_federated: MakeFederated,
    elsewhere: SignInElsewhere,
    upstreams: Upstreams,
    verified: str,
    registered: str,
) -> None:
    provider = await make_federated(registration={"verify_email": "before_claims"})
    await register(await provider.browser(), registered, PASSWORD)
    arrives_as(upstreams, verified)
    browser = await provider.browser()
    page = await elsewhere(browser, "google", "vera")
    assert verified in text_of(page)
    page = await browser.submit(page, code=(await provider.mails.latest(registered)).code)
    assert path_of(page) == "/account"
    user = await provider.parts.accounts.find(verified)
    assert user is not None
    assert (user.email, user.email_verified, user.password_hash) == (registered, True, None)
    assert await identities(provider, verified) == [("google", "1001")]


@pytest.mark.parametrize(("verified", "registered"), DIFFERENT)
async def test_a_code_never_goes_to_a_spelling_that_the_account_does_not_have(
    federated: RunningProvider, elsewhere: SignInElsewhere, verified: str, registered: str
) -> None:
    await federated.create_user(registered, PASSWORD, verified=False)
    browser = await federated.browser()
    page = await browser.submit(await elsewhere(browser, "github", "noel"), email=verified)
    assert verified in text_of(page)
    async with federated.database.reading() as uow:
        mails = (await uow.session.scalars(select(OutboxMail))).all()
    assert [mail.recipient for mail in mails] == [registered]


async def test_an_account_of_another_spelling_is_never_linked_automatically(
    make_federated: MakeFederated, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    provider = await make_federated(google={"auto_link": True})
    await provider.create_user("stra\u00dfe@example.com", PASSWORD)
    arrives_as(upstreams, "strasse@example.com")
    page = await elsewhere(await provider.browser(), "google", "vera")
    assert path_of(page) == "/login"
    assert await identities(provider, "strasse@example.com") == []


async def test_the_two_ways_to_write_a_domain_are_one_mailbox(
    make_federated: MakeFederated, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    provider = await make_federated(google={"auto_link": True})
    await provider.create_user("vera@m\u00fcller.example.com", PASSWORD)
    arrives_as(upstreams, "vera@XN--mller-kva.example.com")
    assert path_of(await elsewhere(await provider.browser(), "google", "vera")) == "/account"


async def test_a_dot_more_is_somebody_else(
    federated: RunningProvider, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    await federated.create_user("v.era@example.com", PASSWORD, verified=False)
    assert path_of(await elsewhere(await federated.browser(), "google", "vera")) == "/account"
    assert await identities(federated, "v.era@example.com") == []
    assert await identities(federated, VERA) == [("google", "1001")]
