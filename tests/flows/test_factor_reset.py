"""An administrator's reset of the second factors: after a time in which the owner can object."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from idp.clock import ManualClock
from idp.errors import InvalidValue, Unavailable
from idp.identity.factor_reset import FactorResets
from idp.identity.factors.passkeys import Passkeys
from idp.storage.models import User
from tests.support.databases import BOTH
from tests.support.factors import Pocket, give_app, give_passkey
from tests.support.identity import audit_events, audit_names
from tests.support.provider import EMAIL, Browser, MakeProvider, RunningProvider, forms

DAY = 86_400.0
AT_ONCE = 10


@pytest.fixture(params=BOTH)
async def provider(
    request: pytest.FixtureRequest, make_provider: MakeProvider, new_database_url: Callable[[str], str]
) -> RunningProvider:
    return await make_provider(
        database_url=new_database_url(request.param),
        database={"timeout": 30},
        second_factor={"reset_delay": DAY, "trusted_device_ttl": DAY, "email_code": True},
    )


@pytest.fixture
def resets(provider: RunningProvider) -> FactorResets:
    return provider.parts.factor_resets


@pytest.fixture
async def pocket(provider: RunningProvider, person: User) -> Pocket:
    return await give_app(provider, person)


async def stored(provider: RunningProvider, person: User) -> User:
    user = await provider.parts.accounts.get(person.id)
    assert user is not None
    return user


async def prove(browser: Browser, page: object, **fields: str) -> object:
    form = forms(page)[0]  # type: ignore[arg-type]
    return await browser.post("/mfa", {**form.fields, **fields})


async def is_asked(provider: RunningProvider) -> bool:
    """Whether a sign-in with the password asks for a factor."""
    return (await (await provider.browser()).log_in()).url.path == "/mfa"


async def test_it_waits_and_is_told_at_once_and_then_takes_effect(
    provider: RunningProvider, resets: FactorResets, person: User, pocket: Pocket, browser: Browser
) -> None:
    await by_code(browser, pocket)
    at = await resets.request(person)
    assert at == provider.clock.now() + DAY
    told = await provider.mails.latest(EMAIL)
    assert "are to be removed" in told.subject
    provider.clock.advance(DAY - 1)
    await resets.carry_out_due()
    assert await is_asked(provider)
    provider.clock.advance(1)
    await resets.carry_out_due()
    assert not await is_asked(provider)
    assert (await browser.get("/account")).url.path == "/login"
    assert "was removed" in (await provider.mails.latest(EMAIL)).subject


async def test_each_of_its_steps_is_audited(
    provider: RunningProvider, resets: FactorResets, person: User, pocket: Pocket
) -> None:
    for act in (resets.request(person), resets.cancel(person, "administrator"), resets.request(person)):
        await act
        provider.clock.advance(1)
    provider.clock.advance(DAY)
    await resets.carry_out_due()
    trail = [
        event for event in await audit_events(provider.database) if event.name.startswith("factor.reset")
    ]
    assert [(event.name, event.detail) for event in trail] == [
        ("factor.reset_requested", {"at": trail[0].at + DAY}),
        ("factor.reset_cancelled", {"by": "administrator"}),
        ("factor.reset_requested", {"at": trail[2].at + DAY}),
        ("factor.reset", {}),
    ]


async def by_code(browser: Browser, pocket: Pocket) -> None:
    await prove(browser, await browser.log_in(), kind="totp", code=pocket.code())


async def by_recovery_code(browser: Browser, pocket: Pocket) -> None:
    await prove(browser, await browser.log_in(), kind="recovery_code", code=pocket.recovery_codes[0])


async def by_passkey_alone(browser: Browser, pocket: Pocket) -> None:
    passkeys = pocket.provider.parts.factors[Passkeys]
    ceremony = await passkeys.begin_sign_in()
    assert pocket.passkey is not None
    answer = {"ceremony": ceremony.id, "assertion": pocket.passkey.get(ceremony.options)}
    form = forms(await browser.get("/login"))[0]
    await browser.post("/login", {**form.fields, **answer, "decision": "passkey"})


@pytest.mark.parametrize("sign_in", [by_code, by_recovery_code, by_passkey_alone])
async def test_a_sign_in_with_a_factor_cancels_it(
    provider: RunningProvider,
    resets: FactorResets,
    person: User,
    pocket: Pocket,
    browser: Browser,
    sign_in: Callable[[Browser, Pocket], Awaitable[None]],
) -> None:
    pocket.passkey = await give_passkey(provider, person)
    await resets.request(person)
    provider.clock.advance(1)
    await sign_in(browser, pocket)
    assert "stay" in (await provider.mails.latest(EMAIL)).subject
    provider.clock.advance(DAY)
    await resets.carry_out_due()
    assert await is_asked(provider)
    assert (await audit_events(provider.database))[-1].name != "factor.reset"


async def test_neither_the_password_nor_a_code_by_mail_cancels_it(
    provider: RunningProvider, resets: FactorResets, person: User, pocket: Pocket, browser: Browser
) -> None:
    await resets.request(person)
    provider.clock.advance(1)
    page = await browser.log_in()
    await prove(browser, page, kind="email", decision="send")
    code = (await provider.mails.latest(EMAIL)).code
    answered = await prove(browser, page, kind="email", code=code)
    assert answered.url.path == "/account"  # type: ignore[attr-defined]
    assert (await stored(provider, person)).factor_reset_at is not None


async def test_who_is_signed_in_keeps_the_factors_by_a_button(
    provider: RunningProvider, resets: FactorResets, person: User, pocket: Pocket, browser: Browser
) -> None:
    await by_code(browser, pocket)
    await resets.request(person)
    provider.clock.advance(DAY / 2)  # long after the sign-in, which is recent enough for this
    page = await browser.get("/account/security")
    keep = next(form for form in forms(page) if ("decision", "keep") in form.buttons)
    page = await browser.post("/account/security", keep.fields | {"decision": "keep"})
    assert "Keep my second steps" not in page.text
    assert "factor.reset_cancelled" in await audit_names(provider.database)


async def test_asked_for_again_it_keeps_its_time(
    provider: RunningProvider, resets: FactorResets, person: User, pocket: Pocket
) -> None:
    at = await resets.request(person)
    provider.clock.advance(DAY / 2)
    assert await resets.request(await stored(provider, person)) == at
    assert (await audit_names(provider.database)).count("factor.reset_requested") == 1


async def test_there_has_to_be_something_to_remove(resets: FactorResets, person: User) -> None:
    with pytest.raises(InvalidValue):
        await resets.request(person)


async def test_of_many_who_carry_it_out_or_call_it_off_at_once_one_does(
    provider: RunningProvider, resets: FactorResets, person: User, pocket: Pocket
) -> None:
    await resets.request(person)
    provider.clock.advance(DAY)
    await asyncio.gather(
        *(resets.carry_out_due() for _ in range(AT_ONCE)),
        *(resets.cancel(person, "owner") for _ in range(AT_ONCE)),
    )
    ends = {"factor.reset", "factor.reset_cancelled"}
    done = [name for name in await audit_names(provider.database) if name in ends]
    assert len(done) == 1
    assert await is_asked(provider) is (done == ["factor.reset_cancelled"])


async def test_a_server_carries_out_what_became_due_while_none_ran(
    provider: RunningProvider,
    resets: FactorResets,
    person: User,
    pocket: Pocket,
    make_provider: MakeProvider,
) -> None:
    at = await resets.request(person)
    later = await make_provider(database_url=provider.settings.database_url, clock=ManualClock(at))
    async with asyncio.timeout(20):
        while (await stored(later, person)).factor_reset_at is not None:  # noqa: ASYNC110  a task does it
            await asyncio.sleep(0.05)
    assert not await is_asked(later)


async def test_what_cannot_be_carried_out_is_tried_again(
    resets: FactorResets, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, failures = asyncio.Event(), iter([Unavailable("The database is away."), RuntimeError("a defect")])

    async def fail_twice() -> None:
        for failure in failures:
            raise failure
        stop.set()

    monkeypatch.setattr(resets, "carry_out_due", fail_twice)
    monkeypatch.setattr("idp.identity.factor_reset.LOOK_EVERY", 0)
    async with asyncio.timeout(20):
        await resets.run(stop)
