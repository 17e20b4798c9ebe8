"""Registering with an account elsewhere, from the registration page, also by invitation."""

import asyncio

import pytest

from tests.support.provider import RunningProvider, callback_of
from tests.support.registering import link_to as path_to
from tests.support.registering import register
from tests.support.upstreams import MakeFederated, SignInElsewhere, Upstreams, link_to, path_of, text_of

VERA = "vera@example.com"
NO_ACCOUNT = "You have no account here, and you cannot create one this way."


@pytest.fixture
async def by_invitation(make_federated: MakeFederated) -> RunningProvider:
    """A provider at which people register by invitation."""
    return await make_federated(registration={"mode": "invitation"})


async def invitation(provider: RunningProvider, email: str = VERA) -> str:
    """Return the link of an invitation."""
    await provider.parts.registration.invite(email)
    return (await provider.mails.latest(email)).link


async def test_the_registration_page_offers_the_providers_of_the_sign_in_page_and_goes_on_to_the_app(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    app = await federated.relying_party(first_party=True)
    browser = await federated.browser()
    start = path_to(await browser.get(app.authorization_url()), "/register")
    answer = await elsewhere(browser, "google", "vera", start)
    assert "code" in callback_of(answer)


async def test_an_app_chooses_the_providers_of_the_registration_page_too(federated: RunningProvider) -> None:
    app = await federated.relying_party(providers=("github",))
    browser = await federated.browser()
    page = await browser.get(path_to(await browser.get(app.authorization_url()), "/register"))
    assert "Continue with GitHub" in page.text
    assert "Continue with Google" not in page.text


@pytest.mark.parametrize("name", ["google", "github"])
async def test_who_was_invited_registers_with_a_provider_that_has_verified_the_address(
    by_invitation: RunningProvider, elsewhere: SignInElsewhere, name: str
) -> None:
    link = await invitation(by_invitation)
    page = await elsewhere(await by_invitation.browser(), name, "vera", link)
    assert (path_of(page), VERA in text_of(page)) == ("/account", True)
    by_invitation.clock.advance(60)
    again = await register(await by_invitation.browser(), VERA, start=link)
    assert "This invitation is for another address, was used, or has expired." in again.text


async def test_an_invitation_lets_in_nobody_but_whom_it_is_for_and_a_refusal_leads_back_to_its_form(
    by_invitation: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    link = await invitation(by_invitation, "somebody.else@example.com")
    browser = await by_invitation.browser()
    refused = await elsewhere(browser, "google", "vera", link)
    assert (path_of(refused), NO_ACCOUNT in refused.text) == ("/login", True)
    form = await browser.get(path_to(refused, "/register"))
    waiting = await browser.submit(form, email="somebody.else@example.com", password="quiet otters at noon")
    assert path_of(waiting) == "/verify-email"


async def test_an_address_that_the_provider_has_not_verified_is_confirmed_here_before_an_invitation_counts(
    by_invitation: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    link = await invitation(by_invitation, "uma@example.com")
    browser = await by_invitation.browser()
    asked = await elsewhere(browser, "google", "uma", link)
    assert path_of(asked) == "/federation/welcome"
    asked = await browser.submit(asked, email="uma@example.com")
    page = await browser.submit(asked, code=(await by_invitation.mails.latest("uma@example.com")).code)
    assert path_of(page) == "/account"


async def test_without_an_invitation_or_with_an_old_one_a_provider_makes_no_account(
    by_invitation: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await by_invitation.browser()
    closed = await browser.get("/register")
    assert (closed.status_code, "/federation/" in closed.text) == (403, False)
    assert NO_ACCOUNT in (await elsewhere(browser, "google", "vera")).text
    link = await invitation(by_invitation)
    by_invitation.clock.advance(by_invitation.settings.registration.invitation_ttl)
    assert NO_ACCOUNT in (await elsewhere(await by_invitation.browser(), "google", "vera", link)).text


async def test_an_invitation_that_is_used_twice_at_once_makes_one_account(
    by_invitation: RunningProvider, upstreams: Upstreams
) -> None:
    people = upstreams.google.people
    people["twin"] = people["vera"].__class__("twin", 2001, "Vera Twin", VERA, True, "the same address")
    link = await invitation(by_invitation)
    browsers = [await by_invitation.browser() for _ in range(2)]
    callbacks = [
        await upstreams.choose(await browser.get(link_to(await browser.get(link), "google")), person)
        for browser, person in zip(browsers, ("vera", "twin"), strict=True)
    ]
    await asyncio.gather(*(browser.get(url) for browser, url in zip(browsers, callbacks, strict=True)))
    async with by_invitation.database.reading() as uow:
        assert len(await uow.users.page(None, 10)) == 1
