"""A forgotten password: the mail, the new password, and what ends with the old one."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from idp.errors import InvalidValue
from idp.identity.generation import ProvenAccount
from idp.storage.models import DisabledBy, User
from tests.support.provider import EMAIL, PASSWORD, Browser, RelyingParty, RunningProvider, callback_of
from tests.support.registering import NEW_PASSWORD, link_to, seen

LATER = 60


async def ask(browser: Browser, email: str = EMAIL, start: str = "/recover") -> str:
    """Ask for the mail and return its link."""
    await browser.submit(await browser.get(start), email=email)
    return (await browser.provider.mails.latest(email)).link


async def test_a_forgotten_password_is_reset_within_the_sign_in_at_an_app(
    relying_party: RelyingParty, browser: Browser
) -> None:
    page = await browser.get(relying_party.authorization_url())
    link = await ask(browser, start=link_to(page, "/recover"))
    done = await browser.submit(await browser.get(link), password=NEW_PASSWORD)
    page = await browser.get(link_to(done, "/authorize/resume"))
    assert page.url.path == "/login"  # the mail alone signs nobody in
    answer = await relying_party.answer(browser, page, password=NEW_PASSWORD)
    assert "code" in callback_of(answer)


async def test_a_link_opened_on_another_device_leads_to_a_sign_in_there(
    person: User, browser: Browser, other_browser: Browser
) -> None:
    link = await ask(browser)
    done = await other_browser.submit(await other_browser.get(link), password=NEW_PASSWORD)
    assert (await other_browser.get(link_to(done, "/account"))).url.path == "/login"
    assert (await other_browser.log_in(EMAIL, NEW_PASSWORD)).url.path == "/account"


async def test_a_reset_ends_every_session_and_every_refresh_token(
    relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser)
    await other_browser.submit(await other_browser.get(await ask(other_browser)), password=NEW_PASSWORD)
    assert (await browser.get("/account")).url.path == "/login"
    assert (await relying_party.refresh(tokens["refresh_token"])).status_code == 400
    assert "password" in (await browser.provider.mails.latest(EMAIL)).subject.casefold()


async def test_a_reset_ends_a_change_of_address_that_a_thief_has_begun(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    changes = provider.parts.email_changes
    await changes.ask(ProvenAccount.of(person), "thief@evil.example")
    stolen = (await provider.mails.latest("thief@evil.example")).link
    await browser.submit(await browser.get(await ask(browser)), password=NEW_PASSWORD)
    assert await changes.asked(parse_qs(urlsplit(stolen).query)["token"][0]) is None


async def test_known_and_unknown_addresses_get_the_same_answers(
    provider: RunningProvider, person: User
) -> None:
    answers = []
    for email in (EMAIL, "nobody@example.com"):
        browser = await provider.browser()
        form = await browser.get("/recover")
        sent = await browser.submit(form, email=email)
        at_once = await browser.submit(form, email=email)
        answers.append([seen(each, email) for each in (sent, at_once)])
    assert answers[0] == answers[1]
    assert [status for status, _, _ in answers[0]] == [200, 200]
    assert len(await provider.mails.to(EMAIL)) == 1


async def test_a_link_used_fifty_times_at_once_works_once(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    page = await browser.get(await ask(browser))
    passwords = [f"password number {number} of fifty" for number in range(50)]
    answers = await asyncio.gather(*(browser.submit(page, password=each) for each in passwords))
    won = [password for password, answer in zip(passwords, answers, strict=True) if answer.is_success]
    assert len(won) == 1
    assert {answer.status_code for answer in answers} == {200, 400}
    assert (await browser.log_in(EMAIL, won[0])).url.path == "/account"


async def test_a_refused_password_leaves_the_link_good(person: User, browser: Browser) -> None:
    page = await browser.get(await ask(browser))
    refused = await browser.submit(page, password="password123")
    assert refused.status_code == 400
    assert "tried first" in refused.text
    assert (await browser.submit(refused, password=NEW_PASSWORD)).status_code == 200


async def test_a_link_is_dead_after_use_after_its_time_and_after_the_next_mail(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    first = await ask(browser)
    provider.clock.advance(LATER)
    second = await ask(browser)
    assert (await browser.get(first)).status_code == 400
    await browser.submit(await browser.get(second), password=NEW_PASSWORD)
    assert (await browser.get(second)).status_code == 400
    provider.clock.advance(LATER)
    third = await ask(browser)
    provider.clock.advance(provider.settings.accounts.mail_ticket_ttl)
    assert (await browser.get(third)).status_code == 400


async def test_a_verification_link_resets_no_password(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    token = (await ask(browser)).partition("token=")[2].partition("&")[0]
    assert (await browser.get(f"/verify-email/link?token={token}")).status_code == 400
    assert (await browser.get(f"/account/restore?token={token}")).status_code == 400
    with pytest.raises(InvalidValue):
        await browser.provider.parts.self_service.deletion.restore(token)
    assert (await browser.get(f"/recover/reset?token={token}")).status_code == 200


async def test_a_reset_shows_that_the_address_is_its_owners(
    provider: RunningProvider, browser: Browser
) -> None:
    user = await provider.create_user(verified=False)
    await browser.submit(await browser.get(await ask(browser)), password=NEW_PASSWORD)
    async with provider.database.reading() as uow:
        found = await uow.users.get(user.id)
    assert found is not None
    assert found.email_verified


async def test_a_disabled_account_gets_no_mail(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await provider.parts.accounts.disable(person.id)
    page = await browser.submit(await browser.get("/recover"), email=EMAIL)
    assert page.status_code == 200
    assert await provider.mails.to(EMAIL) == []
    assert (await browser.log_in(EMAIL, PASSWORD)).status_code == 401


async def test_the_owner_undoes_their_own_deletion_and_nothing_else(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    parts = provider.parts
    await parts.self_service.deletion.delete(ProvenAccount.of(person))
    restoring = await browser.get((await provider.mails.latest(EMAIL)).link)
    await parts.accounts.disable(person.id)
    await browser.submit(restoring)
    assert (await browser.log_in()).url.path == "/login"
    await parts.accounts.enable(person.id, DisabledBy.OWNER)
    assert (await browser.log_in()).url.path == "/login"
    await parts.accounts.enable(person.id)
    assert (await browser.log_in()).url.path == "/account"
