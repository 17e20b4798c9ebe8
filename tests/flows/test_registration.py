"""Making an account: from an app's redirect to its tokens, by code, by link, on another device."""

import asyncio
import re

import pytest

from idp.storage.models import User
from tests.support.provider import (
    EMAIL,
    PASSWORD,
    Browser,
    MakeProvider,
    RelyingParty,
    RunningProvider,
    callback_of,
    the_form,
)
from tests.support.registering import NEW, NEW_PASSWORD, link_to, make_account, register, seen, wrong_code

ATTACKERS = "the password of an attacker"


async def test_a_person_registers_verifies_by_code_consents_and_is_signed_in_at_the_app(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    page = await make_account(browser, start=relying_party.authorization_url())
    answer = callback_of(await browser.submit(page, decision="allow"))
    tokens = (await relying_party.redeem(answer["code"])).json()
    claims = (await relying_party.userinfo(tokens["access_token"])).json()
    assert (claims["email"], claims["email_verified"], claims["name"]) == (NEW, True, "Nora New")
    assert (await relying_party.id_claims(tokens))["amr"] == ["pwd"]


async def test_a_registration_is_not_forgotten_when_the_sign_in_is_resumed(
    provider: RunningProvider, browser: Browser
) -> None:
    page = await register(browser)
    tx = page.url.params["tx"]
    for path in ("/authorize/resume", "/mfa", "/consent"):
        assert (await browser.get(f"{path}?tx={tx}")).url.path == "/verify-email"
    assert (
        await browser.get(f"/login?tx={tx}")
    ).url.path == "/login"  # the user may still choose another way
    page = await browser.submit(page, code=(await provider.mails.latest(NEW)).code)
    assert page.url.path == "/account"


async def test_the_link_works_on_another_device_and_the_first_one_goes_on(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    page = await register(browser, start=relying_party.authorization_url())
    pressed = await other_browser.submit(await other_browser.get((await provider.mails.latest(NEW)).link))
    assert "confirmed" in pressed.text
    assert provider.parts.edge.cookies.session_name not in other_browser.cookies
    consent = await browser.submit(page, decision="continue")
    assert ("decision", "allow") in the_form(consent).buttons


async def test_the_link_in_the_same_browser_goes_on_at_once(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    await register(browser, start=relying_party.authorization_url())
    page = await browser.submit(await browser.get((await provider.mails.latest(NEW)).link))
    assert ("decision", "allow") in the_form(page).buttons


async def test_the_script_of_the_waiting_page_learns_when_to_go_on(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    page = await register(browser)
    state = re.search(r'data-wait="([^"]+)"', page.text)
    assert state is not None
    assert (await browser.get(state[1])).json() == {"verified": False}
    assert (await other_browser.get(state[1])).status_code == 400
    await other_browser.submit(await other_browser.get((await provider.mails.latest(NEW)).link))
    assert (await browser.get(state[1])).json() == {"verified": True}


async def test_opening_the_link_changes_nothing_since_mail_scanners_open_links(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    page = await register(browser)
    for _ in range(3):
        await other_browser.get((await provider.mails.latest(NEW)).link)
    refused = await browser.submit(page, decision="continue")
    assert refused.status_code == 400
    assert "not confirmed yet" in refused.text


async def test_verifying_twice_is_harmless(provider: RunningProvider, other_browser: Browser) -> None:
    await register(await provider.browser())
    link = (await provider.mails.latest(NEW)).link
    page = await other_browser.get(link)
    for _ in range(2):
        assert "is confirmed" in (await other_browser.submit(page)).text
    assert "is confirmed" in (await other_browser.get(link)).text


async def test_a_link_that_is_too_old_is_dead(provider: RunningProvider, other_browser: Browser) -> None:
    await register(await provider.browser())
    mail = await provider.mails.latest(NEW)
    page = await other_browser.get(mail.link)
    provider.clock.advance(provider.settings.accounts.mail_ticket_ttl)
    assert (await other_browser.submit(page)).status_code == 400
    assert (await other_browser.get(mail.link)).status_code == 400


async def test_a_code_can_be_tried_five_times(provider: RunningProvider, browser: Browser) -> None:
    page = await register(browser)
    right, wrong = (await provider.mails.latest(NEW)).code, await wrong_code(provider, NEW)
    for _ in range(5):
        page = await browser.submit(page, code=wrong)
        assert page.status_code == 400
    provider.clock.advance(1)  # the budget for guesses
    page = await browser.submit(page, code=right)
    assert "wrong or has expired" in page.text
    provider.clock.advance(provider.settings.accounts.mail_interval)
    page = await browser.submit(page, decision="again")
    page = await browser.submit(page, code=(await provider.mails.latest(NEW)).code)
    assert page.url.path == "/account"


async def test_a_mail_is_not_sent_again_at_once_and_only_the_latest_counts(
    provider: RunningProvider, browser: Browser
) -> None:
    page = await register(browser)
    first = await provider.mails.latest(NEW)
    page = await browser.submit(page, decision="again")
    assert "use the one you have" in page.text
    assert len(await provider.mails.to(NEW)) == 1  # the first still works
    provider.clock.advance(provider.settings.accounts.mail_interval)
    page = await browser.submit(page, decision="again")
    assert "on its way again" in page.text
    assert (await browser.get(first.link)).status_code == 400


async def test_an_address_can_be_changed_before_it_is_verified(browser: Browser) -> None:
    page = await register(browser, "mistyped@example.com")
    page = await make_account(browser, start=link_to(page, "/register"))
    assert page.url.path == "/account"
    assert NEW in page.text.replace("<wbr>", "")


# What nobody may learn ------------------------------------------------------------------------------------


async def test_a_known_and_an_unknown_address_get_the_same_answers(
    provider: RunningProvider, person: User
) -> None:
    answers = []
    for email in (EMAIL, "nobody@example.com"):
        browser = await provider.browser()
        posted = await register(browser, email, follow=False)
        page = await browser.get(posted.headers["location"])
        wrong = await browser.submit(page, code="123456")
        waiting = await browser.submit(page, decision="continue")
        throttled = await browser.submit(page, decision="again")
        provider.clock.advance(provider.settings.accounts.mail_interval)
        again = await browser.submit(page, decision="again")
        answers.append([seen(each, email) for each in (posted, page, wrong, waiting, throttled, again)])
    known, unknown = answers
    assert known == unknown


async def test_an_address_that_somebody_began_to_register_answers_the_same_too(
    provider: RunningProvider,
) -> None:
    await register(await provider.browser(), "NeW@example.com")
    provider.clock.advance(60)
    answers = [
        seen(await register(await provider.browser(), email), email)
        for email in ("new@example.com", "not@example.com")
    ]
    assert answers[0] == answers[1]


async def test_the_owner_of_a_taken_address_gets_a_mail_and_nobody_gets_in(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    page = await register(browser, EMAIL)
    mail = await provider.mails.latest(EMAIL)
    assert "/recover" in mail.link
    assert (await browser.submit(page, decision="continue")).status_code == 400
    assert (await browser.log_in(EMAIL, NEW_PASSWORD)).status_code == 401
    assert (await browser.log_in(EMAIL, PASSWORD)).status_code == 200


async def test_an_account_that_an_administrator_made_is_not_begun_anew_by_a_stranger(
    provider: RunningProvider, browser: Browser
) -> None:
    await provider.create_user(verified=False)
    await register(await provider.browser(), EMAIL)
    assert (await browser.log_in()).url.path == "/account"


# Whoever registers somebody else's address (pre-hijacking) -----------------------------------------------


async def test_the_code_in_the_owner_s_browser_makes_the_password_good_that_was_chosen_there(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    waiting = await register(other_browser, password=ATTACKERS)
    provider.clock.advance(60)
    assert (await make_account(browser)).url.path == "/account"
    stolen = await other_browser.submit(waiting, decision="continue")
    assert (stolen.url.path, "is not valid" in stolen.text) == ("/login", True)
    assert (await other_browser.log_in(NEW, ATTACKERS)).status_code == 401
    assert (await (await provider.browser()).log_in(NEW, NEW_PASSWORD)).url.path == "/account"


@pytest.mark.parametrize("attacker_first", [True, False])
async def test_the_owner_s_code_is_good_in_the_owner_s_browser_whoever_registered_first(
    provider: RunningProvider, browser: Browser, other_browser: Browser, attacker_first: bool
) -> None:
    waiting = await register(browser) if not attacker_first else None
    provider.clock.advance(60)
    await register(other_browser, password=ATTACKERS)
    provider.clock.advance(60)
    waiting = waiting or await register(browser)
    page = await browser.submit(waiting, code=(await provider.mails.latest(NEW)).code)
    assert page.url.path == "/account"
    assert (await other_browser.log_in(NEW, ATTACKERS)).status_code == 401


async def test_an_attacker_who_registers_after_the_owner_gets_nothing_when_the_owner_presses_the_link(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    mine = await register(browser)
    provider.clock.advance(60)
    theirs = await register(other_browser, password=ATTACKERS)
    confirmed = await browser.submit(await browser.get((await provider.mails.latest(NEW)).link))
    assert "Choose a password" in confirmed.text
    assert link_to(confirmed, "/recover")
    for who, waiting, password in ((browser, mine, NEW_PASSWORD), (other_browser, theirs, ATTACKERS)):
        turned_away = await who.submit(waiting, decision="continue")
        assert (turned_away.url.path, "is not valid" in turned_away.text) == ("/login", True)
        assert (await who.log_in(NEW, password)).status_code == 401


async def test_the_owner_of_a_contested_address_chooses_a_password_and_goes_on_to_the_app(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    mine = await register(browser, start=relying_party.authorization_url())
    provider.clock.advance(60)
    await register(other_browser, password=ATTACKERS)
    await browser.submit(await browser.get((await provider.mails.latest(NEW)).link))
    turned_away = await browser.submit(mine, decision="continue")
    provider.clock.advance(1)
    await browser.submit(await browser.get(link_to(turned_away, "/recover")), email=NEW)
    chosen = await browser.submit(
        await browser.get((await provider.mails.latest(NEW)).link), password=NEW_PASSWORD
    )
    signed_in = await browser.submit(
        await browser.get(link_to(chosen, "/authorize/resume")), email=NEW, password=NEW_PASSWORD
    )
    assert ("decision", "allow") in the_form(signed_in).buttons


async def test_the_link_of_a_contested_address_in_the_browser_that_asked_for_it_makes_its_password_good(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    await register(other_browser, password=ATTACKERS)
    provider.clock.advance(60)
    await register(browser)
    page = await browser.submit(await browser.get((await provider.mails.latest(NEW)).link))
    assert page.url.path == "/account"
    assert (await other_browser.log_in(NEW, ATTACKERS)).status_code == 401


async def test_a_contested_account_keeps_no_session_no_password_and_nothing_that_was_filled_in(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    await register(other_browser, password=ATTACKERS, name="Mallory")
    assert (await other_browser.log_in(NEW, ATTACKERS)).url.path == "/verify-email"
    provider.clock.advance(60)
    await register(browser)
    assert (await other_browser.get("/account")).url.path == "/login"
    async with provider.database.reading() as uow:
        user = await uow.users.by_email_key(NEW)
        assert user is not None
        assert (user.password_hash, user.profile) == (None, {})
        assert [event.name for event in await uow.audit.page(None, 1, user_id=user.id)] == [
            "user.registration_contested"
        ]


async def test_the_mail_to_a_contested_address_says_that_somebody_registered_it_before(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    await register(other_browser)
    assert "register this address before" not in (await provider.mails.latest(NEW)).text
    provider.clock.advance(60)
    page = await register(browser)
    assert "register this address before" in (await provider.mails.latest(NEW)).text
    provider.clock.advance(60)
    await browser.submit(page, decision="again")
    assert "register this address before" in (await provider.mails.latest(NEW)).text


async def test_a_reset_by_the_owner_ends_what_a_stranger_registered(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    waiting = await register(other_browser, password=ATTACKERS)
    provider.clock.advance(1)
    await browser.submit(await browser.get("/recover"), email=NEW)
    await browser.submit(await browser.get((await provider.mails.latest(NEW)).link), password=NEW_PASSWORD)
    assert (await other_browser.submit(waiting, decision="continue")).url.path == "/login"


async def test_an_unverified_person_who_signs_in_is_asked_for_the_code_and_sees_no_account(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    await register(browser)
    page = await other_browser.log_in(NEW, NEW_PASSWORD)
    assert page.url.path == "/verify-email"
    assert (await other_browser.get("/account/profile")).url.path == "/verify-email"
    page = await other_browser.submit(page, code=(await provider.mails.latest(NEW)).code)
    assert page.url.path == "/account"


async def test_an_unverified_person_can_go_on_as_somebody_else(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await register(await provider.browser())
    page = await browser.submit(await browser.log_in(NEW, NEW_PASSWORD), decision="switch")
    page = await browser.submit(page, email=EMAIL, password=PASSWORD)
    assert page.url.path == "/account"


async def test_fifty_at_once_with_one_address_make_one_account(make_provider: MakeProvider) -> None:
    provider = await make_provider(
        accounts={"mail_interval": 0, "mails_per_hour": 1000}, rate_limits={"pages_per_address": 0}
    )
    variants = [
        "jose\u0301@example.com",
        "jos\u00e9@example.com",
        "JOS\u00c9@EXAMPLE.COM",
        "Jos\u00e9@Example.com",
    ]
    browsers = [await provider.browser() for _ in range(50)]
    pages = await asyncio.gather(*(register(browser, variants[n % 4]) for n, browser in enumerate(browsers)))
    assert {(page.status_code, page.url.path) for page in pages} == {(200, "/verify-email")}
    async with provider.database.reading() as uow:
        assert len(await uow.users.page(None, 10)) == 1


# Who may register -----------------------------------------------------------------------------------------


async def test_where_registration_is_closed_a_sentence_says_so(make_provider: MakeProvider) -> None:
    provider = await make_provider(registration={"mode": "closed"})
    browser = await provider.browser()
    page = await browser.get("/register")
    assert (page.status_code, "New accounts are not made here" in page.text) == (403, True)
    assert "/register" not in (await browser.get("/login")).text


async def test_an_invitation_makes_one_account_for_its_address(make_provider: MakeProvider) -> None:
    provider = await make_provider(registration={"mode": "invitation"})
    browser = await provider.browser()
    assert (await browser.get("/register")).status_code == 403
    await provider.parts.registration.invite(NEW)
    link = (await provider.mails.latest(NEW)).link
    provider.clock.advance(60)
    assert (await register(browser, "other@example.com", start=link)).status_code == 400
    assert (await make_account(browser, start=link)).url.path == "/account"
    provider.clock.advance(60)
    used = await register(await provider.browser(), NEW, start=link)
    assert "This invitation" in used.text


async def test_only_addresses_of_the_domains_that_are_wanted_may_register(
    make_provider: MakeProvider,
) -> None:
    provider = await make_provider(registration={"email_domains": ("school.example",)})
    browser = await provider.browser()
    assert (await register(browser, NEW)).status_code == 400
    assert (await register(browser, "pupil@school.example")).url.path == "/verify-email"


@pytest.mark.parametrize("when", ["before_claims", "never"])
async def test_without_verification_first_the_person_is_signed_in_at_once(
    make_provider: MakeProvider, when: str
) -> None:
    provider = await make_provider(registration={"verify_email": when})
    assert (await register(await provider.browser())).url.path == "/account"
    provider.clock.advance(60)
    taken = await register(await provider.browser())
    assert (taken.status_code, "There is an account with this address" in taken.text) == (409, True)


async def test_an_app_that_asks_for_the_address_waits_for_it_to_be_verified(
    make_provider: MakeProvider,
) -> None:
    provider = await make_provider(registration={"verify_email": "before_claims"})
    app = await provider.relying_party()
    browser = await provider.browser()
    page = await register(browser, start=app.authorization_url(scope="openid"))
    assert page.url.path == "/consent"
    page = await browser.get(app.authorization_url(scope="openid email"))
    assert page.url.path == "/verify-email"
