"""How many mails strangers can have sent, and that no owner of an address is locked out by them."""

import pytest

from idp.clock import ManualClock
from idp.identity.mail_reach import MailReach
from idp.storage.sweeper import Sweeper
from tests.support.api import Api, code_of
from tests.support.provider import EMAIL, Browser, MakeProvider, RunningProvider
from tests.support.registering import NEW, NEW_PASSWORD, register, seen

HOME, ELSEWHERE = "192.0.2.10", "198.51.100.7"


async def resend(stranger: Api, number: int) -> None:
    await stranger.post("/auth/resend-verification", {"email": NEW})


async def forgot(stranger: Api, number: int) -> None:
    await stranger.post("/auth/forgot-password", {"email": NEW})


async def sign_up(stranger: Api, number: int) -> None:
    await stranger.post("/auth/register", {"email": NEW, "password": f"the stranger's {number} words"})


@pytest.mark.parametrize("asks", [resend, forgot, sign_up])
async def test_strangers_who_ask_for_mails_keep_nobody_from_registering(
    provider: RunningProvider, browser: Browser, asks: object
) -> None:
    stranger = Api(provider, ELSEWHERE)
    for number in range(10):
        await asks(stranger, number)  # type: ignore[operator]
        provider.clock.advance(1)
    page = await register(browser, NEW)
    assert page.url.path == "/verify-email"
    page = await browser.submit(page, code=(await provider.mails.latest(NEW)).code)
    assert page.url.path == "/account"
    again = await (await provider.browser()).log_in(NEW, NEW_PASSWORD)
    assert again.url.path == "/account"


async def test_strangers_who_ask_for_mails_keep_nobody_from_recovering(
    provider: RunningProvider, browser: Browser
) -> None:
    await provider.create_user()
    stranger = Api(provider, ELSEWHERE)
    for _ in range(10):
        await stranger.post("/auth/forgot-password", {"email": EMAIL})
        provider.clock.advance(120)
    provider.clock.advance(
        provider.settings.accounts.mail_ticket_ttl - 119
    )  # the last link is dead, the hour not over
    page = await browser.submit(await browser.get("/recover"), email=EMAIL)
    assert "Check your mail" in page.text
    reset = await browser.get((await provider.mails.latest(EMAIL)).link)
    assert reset.url.path == "/recover/reset"
    assert reset.status_code == 200


async def test_an_address_gets_few_mails_and_the_latest_goes_on_working(provider: RunningProvider) -> None:
    await provider.create_user()
    stranger = Api(provider, ELSEWHERE)
    for _ in range(25):
        assert (await stranger.post("/auth/forgot-password", {"email": EMAIL})).status_code == 202
        provider.clock.advance(61)
    assert len(await provider.mails.to(EMAIL)) == provider.settings.accounts.mails_per_hour
    link = (await provider.mails.latest(EMAIL)).link
    assert (await provider.http("GET", link)).status_code == 200


async def test_many_requests_tell_a_known_address_from_an_unknown_one_no_more_than_one(
    provider: RunningProvider,
) -> None:
    await provider.create_user()
    for _ in range(9):
        pages = []
        for email in (EMAIL, "nobody@example.com"):
            browser = await provider.browser()
            pages.append(seen(await browser.submit(await browser.get("/recover"), email=email), email))
        assert pages[0] == pages[1]


async def test_a_network_has_a_bounded_number_of_mails_and_others_go_on(make_provider: MakeProvider) -> None:
    provider = await make_provider(accounts={"mails_per_network": 5})
    stranger = Api(provider, ELSEWHERE)
    answers = [
        await stranger.post("/auth/forgot-password", {"email": f"p{number}@example.com"})
        for number in range(7)
    ]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429] * 2
    assert code_of(answers[-1]) == (429, "throttled")
    assert (await Api(provider, HOME).post("/auth/forgot-password", {"email": EMAIL})).status_code == 202
    provider.clock.advance(3600)
    assert (await stranger.post("/auth/forgot-password", {"email": EMAIL})).status_code == 202


async def test_all_networks_together_have_a_bounded_number_of_mails(make_provider: MakeProvider) -> None:
    provider = await make_provider(accounts={"mails_in_all": 5})
    for number in range(6):
        answer = await Api(provider, f"10.0.0.{number}").post("/auth/forgot-password", {"email": EMAIL})
    assert code_of(answer) == (503, "unavailable")


# Accounts that nobody verifies --------------------------------------------------------------------------------


async def test_an_account_that_nobody_verifies_is_deleted_and_others_stay(
    provider: RunningProvider, browser: Browser
) -> None:
    await register(browser, NEW)
    person = await provider.create_user()
    made_by_operator = await provider.create_user("ops@example.com", verified=False)
    ttl = provider.settings.registration.unverified_ttl
    await provider.parts.sweeper.sweep_once()
    assert await provider.parts.accounts.find(NEW) is not None
    provider.clock.advance(ttl + 1)
    await provider.parts.sweeper.sweep_once()
    assert await provider.parts.accounts.find(NEW) is None
    for each in (person, made_by_operator):
        assert await provider.parts.accounts.find(each.email) is not None


async def test_an_account_that_is_used_unverified_stays(make_provider: MakeProvider) -> None:
    provider = await make_provider(registration={"verify_email": "never"})
    api = Api(provider)
    answer = await api.post("/auth/register", {"email": NEW, "password": NEW_PASSWORD})
    assert answer.status_code == 201
    sweeper = Sweeper(
        provider.database, ManualClock(provider.clock.now() + 86_400 * 20), unverified_ttl=86_400
    )
    await sweeper.sweep_once()
    assert await provider.parts.accounts.find(NEW) is not None


async def test_an_address_that_the_mail_server_cannot_write_to_is_refused_where_it_is_typed(
    provider: RunningProvider, browser: Browser
) -> None:
    await MailReach(provider.parts.store).note(smtputf8=False)
    page = await register(browser, "\u00fcber@example.org")
    assert "cannot write to an address with such letters" in page.text
    assert page.url.path == "/register"
    assert (await register(browser, "x@b\u00fccher.example.org")).url.path == "/verify-email"
