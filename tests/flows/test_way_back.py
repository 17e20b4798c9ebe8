"""An account that its owner has deleted, and can still bring back: offered to the owner wherever they look for it."""

import pytest

from idp.identity.generation import ProvenAccount
from idp.storage.models import User
from tests.support.api import Api, code_of
from tests.support.provider import EMAIL, PASSWORD, Browser, RunningProvider
from tests.support.registering import register, seen
from tests.support.upstreams import SignInElsewhere


async def delete(provider: RunningProvider, user: User) -> None:
    """The owner deletes the account, and throws the mail away."""
    await provider.parts.self_service.deletion.delete(ProvenAccount.of(user))
    provider.clock.advance(3600)


@pytest.fixture
async def deleted(provider: RunningProvider, person: User) -> User:
    await delete(provider, person)
    return person


async def comes_back(provider: RunningProvider, mails_before: int) -> bool:
    """Tell whether a mail came since with the link that restores the account, and use it."""
    mails = await provider.mails.to(EMAIL)
    if len(mails) == mails_before or "/account/restore" not in (await provider.mails.latest(EMAIL)).text:
        return False
    assert "Somebody tried to register, to sign in or" in (await provider.mails.latest(EMAIL)).text
    browser = await provider.browser()
    await browser.submit(await browser.get((await provider.mails.latest(EMAIL)).link))
    return (await (await provider.browser()).log_in()).url.path == "/account"


async def test_who_registers_again_gets_the_way_back_and_nobody_else_can_tell(
    provider: RunningProvider, deleted: User
) -> None:
    before = len(await provider.mails.to(EMAIL))
    pages = [
        seen(await register(await provider.browser(), email), email) for email in (EMAIL, "new@example.com")
    ]
    assert pages[0] == pages[1]
    assert await comes_back(provider, before)


async def test_who_recovers_gets_the_way_back_and_nobody_else_can_tell(
    provider: RunningProvider, deleted: User
) -> None:
    before, pages = len(await provider.mails.to(EMAIL)), []
    for email in (EMAIL, "nobody@example.com"):
        browser = await provider.browser()
        pages.append(seen(await browser.submit(await browser.get("/recover"), email=email), email))
    assert pages[0] == pages[1]
    assert await comes_back(provider, before)


async def test_the_right_password_gets_the_way_back_and_a_wrong_one_learns_nothing(
    provider: RunningProvider, deleted: User, browser: Browser
) -> None:
    before = len(await provider.mails.to(EMAIL))
    wrong = await (await provider.browser()).log_in(EMAIL, "another password")
    unknown = await (await provider.browser()).log_in("nobody@example.com", "another password")
    assert seen(wrong, EMAIL) == seen(unknown, "nobody@example.com")
    assert len(await provider.mails.to(EMAIL)) == before
    page = await browser.log_in(EMAIL, PASSWORD)
    assert page.url.path == "/login"
    assert "A mail to its address has the link that brings it back." in page.text
    assert await comes_back(provider, before)


async def test_the_json_api_says_wrong_and_the_owner_gets_the_mail(
    provider: RunningProvider, deleted: User
) -> None:
    before = len(await provider.mails.to(EMAIL))
    answer = await Api(provider).post("/auth/login", {"email": EMAIL, "password": PASSWORD})
    assert code_of(answer) == (401, "invalid_credentials")
    assert await comes_back(provider, before)


async def test_a_provider_that_knows_the_address_leads_to_the_way_back(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    await delete(federated, await federated.create_user("vera@example.com"))
    page = await elsewhere(await federated.browser(), "google", "vera")
    assert "A mail to its address has the link that brings it back." in page.text
    assert "/account/restore" in (await federated.mails.latest("vera@example.com")).text


async def test_an_account_that_the_operator_switched_off_too_is_not_offered(
    provider: RunningProvider, deleted: User
) -> None:
    await provider.parts.accounts.disable(deleted.id)
    before = len(await provider.mails.to(EMAIL))
    browser = await provider.browser()
    await browser.submit(await browser.get("/recover"), email=EMAIL)
    page = await browser.log_in(EMAIL, PASSWORD)
    assert "brings it back" not in page.text
    assert len(await provider.mails.to(EMAIL)) == before
