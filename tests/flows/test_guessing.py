"""Guesses at codes, whatever page or factor takes them, and what a stranger's requests leave behind."""

import re

import pytest
from prometheus_client import generate_latest
from sqlalchemy import func, select

from idp.errors import Throttled
from idp.identity.factors.email_code import EmailCode
from idp.identity.factors.factor import ChallengeAnswer
from idp.identity.tickets import VERIFY_EMAIL
from idp.storage.models import AuditEvent, EphemeralEntry
from tests.support.factors import give_app
from tests.support.provider import EMAIL, MakeProvider, RunningProvider
from tests.support.registering import register, wrong_code

HOME = "192.0.2.10"
_LABEL = re.compile(r'provider="([^"]*)"')


async def test_wrong_codes_for_many_addresses_from_one_network_are_slowed_down(
    make_provider: MakeProvider,
) -> None:
    provider = await make_provider(throttle={"free_tries_per_address": 12}, accounts={"mail_interval": 0})
    looked_at = 0
    for number in range(5):
        browser = await provider.browser(HOME)
        page = await register(browser, email=f"person{number}@example.com")
        wrong = await wrong_code(provider, f"person{number}@example.com")
        for _ in range(4):
            page = await browser.submit(page, code=wrong)
            looked_at += "This code is wrong" in page.text
    assert looked_at == 12


async def test_a_day_has_a_bounded_number_of_guesses_at_one_address(provider: RunningProvider) -> None:
    codes, looked_at = provider.parts.registration._throttle.codes, 0
    provider.clock.advance(86_400 - provider.clock.now() % 86_400)
    end = provider.clock.now() + 86_399
    while provider.clock.now() < end:
        try:
            await codes.check(VERIFY_EMAIL, "nora@example.com", f"10.0.{looked_at}.1")
            looked_at += 1
        except Throttled as throttled:
            provider.clock.advance(throttled.retry_after or 1)
    assert looked_at == provider.settings.accounts.code_guesses_per_day


async def test_a_code_by_mail_gives_no_guesses_at_the_authenticator_back(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"email_code": True}, accounts={"mail_interval": 0})
    person = await provider.create_user()
    await give_app(provider, person)
    second_factors, by_mail = provider.parts.second_factors, provider.parts.factors[EmailCode]
    looked_at = 0
    for _ in range(5):
        for _ in range(4):
            try:
                await second_factors.check(person, "totp", ChallengeAnswer(code="000000"), address=HOME)
                looked_at += 1
            except Throttled:
                pass
        provider.clock.advance(1)  # so that the mail is the latest
        await by_mail.send(person)
        code = (await provider.mails.latest(EMAIL)).code
        proven = await second_factors.check(person, "email", ChallengeAnswer(code=code), address=HOME)
        assert proven is not None
    assert looked_at <= provider.settings.throttle.free_tries_per_account + 2


async def rows(provider: RunningProvider) -> tuple[int | None, int | None]:
    """How many audit events and ephemeral entries there are."""
    async with provider.database.reading() as uow:
        events = await uow.session.scalar(select(func.count()).select_from(AuditEvent))
        return events, await uow.session.scalar(select(func.count()).select_from(EphemeralEntry))


def metrics_of(provider: RunningProvider) -> str:
    return generate_latest(provider.parts.metrics._registry).decode()


@pytest.mark.parametrize("name", ["none", "%00", "%1b%5d0;x%07", "x" * 4000])
async def test_a_provider_that_is_not_there_costs_no_row_and_is_in_no_label(
    provider: RunningProvider, name: str
) -> None:
    before = await rows(provider)
    for path in ("start", "callback?state=made-up&code=x"):
        answer = await provider.http("GET", f"/federation/{name}/{path}")
        assert answer.status_code in {400, 404}
    assert await rows(provider) == before
    assert set(_LABEL.findall(metrics_of(provider))) <= {"-", "other"}
