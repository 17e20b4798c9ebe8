"""Second factors on the way: asked for, stepped up to, set up, put off, lost."""

import asyncio
import json
import re
from urllib.parse import urljoin

import httpx
import pytest

from idp.errors import Throttled
from idp.identity.factors.factor import ChallengeAnswer
from idp.identity.factors.recovery_codes import RecoveryCodes
from idp.identity.generation import ProvenAccount
from idp.identity.tickets import MOST_WRONG_CODES
from idp.storage.models import TrustedDevice, User
from tests.support.authenticator import Passkey, totp
from tests.support.factors import Pocket, give_app, give_passkey
from tests.support.identity import audit_names
from tests.support.provider import (
    EMAIL,
    PASSWORD,
    Browser,
    MakeProvider,
    RelyingParty,
    RunningProvider,
    callback_of,
    forms,
)

OTHER_PASSWORD = "quite another battery staple"
MULTI, SINGLE = "urn:idp:acr:mfa", "urn:idp:acr:1fa"


@pytest.fixture
async def pocket(provider: RunningProvider, person: User) -> Pocket:
    """The person's authenticator app and recovery codes."""
    return await give_app(provider, person)


async def password(browser: Browser, page: httpx.Response) -> httpx.Response:
    return await browser.submit(page, email=EMAIL, password=PASSWORD)


async def send(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    """Send the first form of a page that has several."""
    form = forms(page)[0]
    return await browser.post(urljoin(str(page.url), form.action), {**form.fields, **fields})


async def with_code(browser: Browser, page: httpx.Response, code: str, **fields: str) -> httpx.Response:
    assert page.url.path == "/mfa", page.text[:300]
    return await send(browser, page, code=code, **fields)


async def claims(app: RelyingParty, browser: Browser, page: httpx.Response) -> dict[str, object]:
    answer = callback_of(await app.answer(browser, page))
    return await app.id_claims((await app.redeem(answer["code"])).json())


async def continued(browser: Browser, page: httpx.Response) -> httpx.Response:
    """Press the link that leads on from the recovery codes."""
    target = re.findall(r'class="button primary" href="([^"]+)"', page.text)[-1]
    return await browser.get(urljoin(str(page.url), target.replace("&amp;", "&")))


async def reset_password(browser: Browser) -> None:
    """Set another password by the link of a mail."""
    await browser.submit(await browser.get("/recover"), email=EMAIL)
    mail = await browser.provider.mails.latest(EMAIL)
    await browser.submit(await browser.get(mail.link), password=OTHER_PASSWORD)


async def enrol_app(browser: Browser, page: httpx.Response, now: float) -> httpx.Response:
    """Set up the authenticator app that a page offers."""
    secret = re.search(r'class="secret-key">([A-Z2-7 ]+)<', page.text)
    assert secret is not None
    return await send(browser, page, code=totp(secret[1].replace(" ", ""), now))


# Signing in ----------------------------------------------------------------------------------------------


async def test_tokens_tell_the_truth_about_two_factors(
    relying_party: RelyingParty, browser: Browser, pocket: Pocket
) -> None:
    began = relying_party.provider.clock.now()
    page = await password(browser, await browser.get(relying_party.authorization_url()))
    page = await with_code(browser, page, pocket.code())
    answer = callback_of(await relying_party.answer(browser, page))
    tokens = (await relying_party.redeem(answer["code"])).json()
    access = await relying_party.verify(tokens["access_token"], audience=relying_party.provider.issuer)
    told = (await relying_party.post("/introspect", {"token": tokens["access_token"]})).json()
    for each in (await relying_party.id_claims(tokens), access, told):
        assert (each["acr"], each["amr"], each["auth_time"]) == (MULTI, ["pwd", "otp", "mfa"], began)


async def test_a_session_gets_a_new_name_when_it_gains_a_factor(browser: Browser, pocket: Pocket) -> None:
    page = await browser.log_in()
    before = browser.cookies["idp_session"]
    assert (await with_code(browser, page, pocket.code())).url.path == "/account"
    assert browser.cookies["idp_session"] != before
    other = await browser.provider.browser()
    other.client.cookies.set("idp_session", before, domain="localhost.local", path="/")
    assert (await other.get("/account")).url.path == "/login"


async def test_what_was_signed_out_while_the_factor_was_proven_stays_so(
    provider: RunningProvider, browser: Browser, pocket: Pocket, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await browser.log_in()
    check = provider.parts.second_factors.check

    async def and_meanwhile(*arguments: object, **options: object) -> object:
        proven = await check(*arguments, **options)  # type: ignore[arg-type]
        await provider.parts.accounts.set_password(person.id, "another battery staple")
        return proven

    monkeypatch.setattr(
        type(provider.parts.second_factors), "check", lambda _self, *a, **o: and_meanwhile(*a, **o)
    )
    assert (await with_code(browser, page, pocket.code())).status_code >= 400
    assert (await browser.get("/account")).url.path == "/login"


async def test_of_many_at_once_with_one_code_one_goes_on(
    provider: RunningProvider, browser: Browser, pocket: Pocket
) -> None:
    browsers = [await provider.browser() for _ in range(4)]
    pages = [await each.log_in() for each in browsers]
    code = pocket.code()
    answers = await asyncio.gather(
        *(with_code(each, page, code) for each, page in zip(browsers, pages, strict=True))
    )
    assert sorted(answer.url.path for answer in answers) == ["/account", "/mfa", "/mfa", "/mfa"]


async def test_a_wrong_code_says_so_and_a_right_one_goes_on(browser: Browser, pocket: Pocket) -> None:
    page = await with_code(browser, await browser.log_in(), "000000")
    assert page.url.path == "/mfa"
    assert "This code is not right" in page.text
    assert (await with_code(browser, page, pocket.code())).url.path == "/account"


async def test_nothing_tells_of_factors_before_the_password_is_right(
    provider: RunningProvider, pocket: Pocket
) -> None:
    await provider.create_user("bob@example.com")
    seen = set()
    for email in (EMAIL, "bob@example.com", "nobody@example.com"):
        browser = await provider.browser()
        page = await browser.log_in(email, "wrong password")
        seen.add((page.status_code, re.sub(r'value="[^"]*"|href="[^"]*"|\?v=\w+', "", page.text)))
    assert len(seen) == 1


async def test_a_factor_page_without_a_password_leads_to_the_sign_in(
    browser: Browser, pocket: Pocket
) -> None:
    page = await browser.get("/login")
    tx = forms(page)[0].fields["tx"]
    for path in ("/mfa", "/mfa/enrol"):
        assert (await browser.get(f"{path}?tx={tx}")).url.path == "/login"


async def test_a_passkey_alone_signs_in_with_two_factors(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser, person: User
) -> None:
    passkey = await give_passkey(provider, person)
    page = await browser.get(relying_party.authorization_url())
    fields = forms(page)[0].fields
    challenge = (await browser.post("/login/passkey", fields)).json()
    assertion = passkey.get(json.dumps(challenge["options"]))
    values = {"decision": "passkey", "ceremony": challenge["ceremony"], "assertion": assertion}
    page = await browser.post("/login", {**fields, **values})
    found = await claims(relying_party, browser, page)
    assert (found["sub"], found["acr"], found["amr"]) == (person.id, MULTI, ["hwk", "mfa", "user"])
    again = await (await provider.browser()).post("/login", {**fields, **values})
    assert again.status_code == 400


async def test_a_passkey_answers_as_the_second_factor(
    provider: RunningProvider, browser: Browser, person: User
) -> None:
    passkey = await give_passkey(provider, person)
    page = await browser.log_in()
    assert await answer_with(browser, page, passkey) == "/account"


async def answer_with(browser: Browser, page: httpx.Response, passkey: Passkey) -> str:
    options = re.search(r'data-ceremony="([^"]+)" data-options="([^"]+)"', page.text)
    assert options is not None
    ceremony, asked = options[1], options[2].replace("&#34;", '"')
    page = await send(browser, page, ceremony=ceremony, assertion=passkey.get(asked))
    return page.url.path


async def test_another_factor_can_be_chosen(
    provider: RunningProvider, browser: Browser, pocket: Pocket, person: User
) -> None:
    await give_passkey(provider, person)
    page = await browser.log_in()
    assert 'data-passkey="get"' in page.text
    link = re.search(r'href="([^"]*use=totp)"', page.text)
    assert link is not None
    page = await browser.get(link[1].replace("&amp;", "&"))
    assert (await with_code(browser, page, pocket.code())).url.path == "/account"


# Step-up -------------------------------------------------------------------------------------------------


async def test_a_second_app_steps_up_a_session_that_is_signed_in(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    first, second = await provider.relying_party(), await provider.relying_party()
    await first.tokens(browser)
    pocket = await give_app(provider, person)
    began = provider.clock.now()
    page = await browser.get(second.authorization_url(acr_values=MULTI))
    found = await claims(second, browser, await with_code(browser, page, pocket.code()))
    assert (found["acr"], found["auth_time"]) == (MULTI, began)


@pytest.mark.parametrize("wish", ["acr_values", "voluntary"])
async def test_a_wish_for_two_factors_is_no_obstacle_for_who_has_one(
    relying_party: RelyingParty, browser: Browser, wish: str
) -> None:
    voluntary = json.dumps({"id_token": {"acr": {"values": [MULTI]}}})
    asked = {"acr_values": MULTI} if wish == "acr_values" else {"claims": voluntary}
    page = await browser.get(relying_party.authorization_url(**asked))
    assert (await claims(relying_party, browser, page))["acr"] == SINGLE


async def test_an_essential_acr_leads_to_setting_up_a_factor(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    essential = json.dumps({"id_token": {"acr": {"essential": True, "values": [MULTI]}}})
    page = await password(browser, await browser.get(relying_party.authorization_url(claims=essential)))
    assert page.url.path == "/mfa/enrol"
    page = await enrol_app(browser, page, provider.clock.now())
    found = await claims(relying_party, browser, await continued(browser, page))
    assert (found["acr"], found["amr"]) == (MULTI, ["pwd", "otp", "mfa"])


async def test_an_essential_acr_of_either_kind_is_content_with_one_factor(
    relying_party: RelyingParty, browser: Browser
) -> None:
    either = json.dumps({"id_token": {"acr": {"essential": True, "values": [MULTI, SINGLE]}}})
    page = await browser.get(relying_party.authorization_url(claims=either))
    assert (await claims(relying_party, browser, page))["acr"] == SINGLE


async def test_a_refresh_never_raises_the_acr(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser, person: User
) -> None:
    tokens = await relying_party.tokens(browser)
    pocket = await give_app(provider, person)
    page = await browser.get(relying_party.authorization_url(acr_values=MULTI))
    await with_code(browser, page, pocket.code())
    fresh = (await relying_party.refresh(tokens["refresh_token"])).json()
    assert (await relying_party.verify(fresh["access_token"], audience=provider.issuer))["acr"] == SINGLE


# Grants without pages ------------------------------------------------------------------------------------


async def test_the_password_grant_goes_on_with_the_code(
    provider: RunningProvider, pocket: Pocket, person: User
) -> None:
    app = await provider.relying_party(
        grant_types=("password",), redirect_uris=(), post_logout_redirect_uris=()
    )
    asked = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    first = (await app.post("/token", asked)).json()
    assert (first["error"], first["factors"]) == ("mfa_required", ["totp", "recovery_code"])
    proof = {"grant_type": "password", "mfa_token": first["mfa_token"], "mfa_code": pocket.code()}
    other = await provider.relying_party(
        grant_types=("password",), redirect_uris=(), post_logout_redirect_uris=()
    )
    assert (await other.post("/token", proof)).json()["error"] == "invalid_grant"
    wrong = await app.post("/token", {**proof, "mfa_code": "000000"})
    assert wrong.json()["error"] == "invalid_grant"
    answers = await asyncio.gather(*(app.post("/token", proof) for _ in range(5)))
    good = [each.json() for each in answers if each.is_success]
    assert len(good) == 1
    token = await app.verify(good[0]["access_token"], audience=provider.issuer)
    assert (token["acr"], token["amr"]) == (MULTI, ["pwd", "otp", "mfa"])


@pytest.mark.parametrize("how", ["changed", "reset"])
async def test_what_waits_for_a_code_ends_when_the_password_is(
    provider: RunningProvider, pocket: Pocket, person: User, how: str
) -> None:
    app = await provider.relying_party(
        grant_types=("password",), redirect_uris=(), post_logout_redirect_uris=()
    )
    asked = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    token = (await app.post("/token", asked)).json()["mfa_token"]
    if how == "changed":
        await provider.parts.self_service.password.change(
            ProvenAccount.of(person),
            PASSWORD,
            OTHER_PASSWORD,
            keep_session=None,
            end_others=False,
            address="127.0.0.1",
        )
    else:
        await reset_password(await provider.browser())
    proof = {"grant_type": "password", "mfa_token": token, "mfa_code": pocket.code()}
    assert (await app.post("/token", proof)).json()["error"] == "invalid_grant"
    fresh = (await app.post("/token", asked | {"password": OTHER_PASSWORD})).json()["mfa_token"]
    proof = {"grant_type": "password", "mfa_token": fresh, "mfa_code": pocket.code()}
    assert (await app.post("/token", proof)).status_code == 200


# Setting up ----------------------------------------------------------------------------------------------


async def test_a_required_factor_is_set_up_inside_the_flow(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"policy": "required"})
    await provider.create_user()
    app, browser = await provider.relying_party(), await provider.browser()
    page = await password(browser, await browser.get(app.authorization_url()))
    assert ("decision", "later") not in [button for form in forms(page) for button in form.buttons]
    page = await enrol_app(browser, page, provider.clock.now())
    assert len(set(re.findall(r"<code>([a-z2-9]{4}(?:-[a-z2-9]{4}){2})</code>", page.text))) == 10
    assert (await claims(app, browser, await continued(browser, page)))["acr"] == MULTI


async def test_enrolment_can_wait_while_the_grace_lasts(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"policy": "required", "enrolment_grace": 3600})
    await provider.create_user()
    app, browser = await provider.relying_party(), await provider.browser()
    page = await password(browser, await browser.get(app.authorization_url()))
    page = await browser.post("/mfa/enrol", forms(page)[1].fields | {"decision": "later"})
    assert (await claims(app, browser, page))["acr"] == SINGLE
    assert "code" in await app.sign_in(browser)  # not asked again before the next sign-in
    provider.clock.advance(3600)
    page = await browser.get(app.authorization_url())
    assert page.url.path in {"/login", "/mfa/enrol"}
    late = forms(page)[0].fields | {"decision": "later"}
    assert (await browser.post("/mfa/enrol", late)).url.path in {"/mfa/enrol", "/login"}


async def test_a_factor_is_offered_once(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"offer_after_sign_in": True})
    await provider.create_user()
    browser, other = await provider.browser(), await provider.browser()
    page = await browser.log_in()
    assert (page.url.path, 'data-passkey="create"' in page.text) == ("/mfa/enrol", True)
    page = await browser.post("/mfa/enrol", forms(page)[1].fields | {"decision": "later"})
    assert page.url.path == "/account"
    assert (await other.log_in()).url.path == "/account"


async def test_an_old_session_signs_in_again_before_it_sets_up_a_factor(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await browser.log_in()
    provider.clock.advance(provider.settings.accounts.recent_sign_in + 1)
    app = await provider.relying_party(require_second_factor=True)
    page = await browser.get(app.authorization_url())
    assert page.url.path == "/login"
    page = await password(browser, page)
    assert page.url.path == "/mfa/enrol"


async def test_a_name_survives_a_wrong_code_and_may_be_left_out(
    provider: RunningProvider, browser: Browser, person: User
) -> None:
    browser.client.headers["Accept-Language"] = "de"
    await browser.log_in()
    page = await send(browser, await browser.get("/account/security/totp"), code="000000", name="Diensthandy")
    assert forms(page)[0].fields["name"] == "Diensthandy"
    await enrol_app(browser, await browser.get("/account/security/totp"), provider.clock.now())
    enrolled = await provider.parts.enrolled_factors.of_user(person.id)
    assert [each.name for each in enrolled] == ["Authenticator-App"]


async def test_adding_a_factor_asks_for_one_that_is_there(
    provider: RunningProvider, browser: Browser, person: User
) -> None:
    await browser.log_in()
    pocket = await give_app(provider, person)
    page = await browser.get("/account/security/passkeys")
    assert page.url.path == "/mfa"
    page = await with_code(browser, page, pocket.code())
    assert page.url.path == "/account/security/passkeys"


@pytest.mark.parametrize("path", ["/account/email", "/account/password", "/account/data", "/account/delete"])
async def test_sensitive_changes_ask_for_the_factor_of_who_has_one(
    provider: RunningProvider, browser: Browser, person: User, path: str
) -> None:
    await browser.log_in()
    assert (await browser.get(path)).url.path == path
    await give_app(provider, person)
    assert (await browser.get(path)).url.path == "/mfa"


async def test_removing_a_factor_asks_for_a_recent_proof_of_one(
    provider: RunningProvider, browser: Browser, pocket: Pocket, person: User
) -> None:
    await with_code(browser, await browser.log_in(), pocket.code())
    page = await browser.get("/account/security")
    form = next(form for form in forms(page) if ("decision", "remove") in form.buttons)
    provider.clock.advance(provider.settings.accounts.recent_sign_in + 1)
    again = await browser.post("/account/security", form.fields | {"decision": "remove"})
    assert again.url.path == "/login"
    assert (await password(browser, again)).url.path == "/mfa"
    assert len(await provider.parts.enrolled_factors.of_user(person.id)) == 1


async def test_removing_the_last_factor_takes_codes_and_trust_along_and_is_mailed(
    provider: RunningProvider, pocket: Pocket, person: User
) -> None:
    second_factors = provider.parts.second_factors
    await second_factors.trusted_browsers.trust(ProvenAccount.of(person), "test")
    await pocket.lose_app()
    assert await provider.parts.factors[RecoveryCodes].left(person.id) == 0
    async with provider.database.reading() as uow:
        assert list(await uow.factors.of_user(TrustedDevice, person.id)) == []
    assert "removed" in (await provider.mails.latest(EMAIL)).subject


# Recovery codes, codes by mail, trusted browsers -----------------------------------------------------------


async def use(browser: Browser, page: httpx.Response, kind: str) -> httpx.Response:
    link = re.search(rf'href="([^"]*use={kind})"', page.text)
    assert link is not None, f"no way to use {kind}"
    return await browser.get(link[1].replace("&amp;", "&"))


async def test_a_recovery_code_gets_in_once_and_warns_when_few_are_left(
    provider: RunningProvider, pocket: Pocket
) -> None:
    for number, code in enumerate(pocket.recovery_codes):
        browser = await provider.browser()
        page = await use(browser, await browser.log_in(), "recovery_code")
        page = await with_code(browser, page, code.upper().replace("-", " "))
        if number < 6:
            assert page.url.path == "/account"
        else:
            assert "Few recovery codes are left" in page.text
            assert (await continued(browser, page)).url.path == "/account"
    assert "use=recovery_code" not in (await (await provider.browser()).log_in()).text


async def test_a_code_by_mail_goes_on_but_counts_as_one_factor(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"email_code": True})
    await give_app(provider, await provider.create_user())
    app, browser = await provider.relying_party(), await provider.browser()
    page = await password(browser, await browser.get(app.authorization_url()))
    page = await send(browser, await use(browser, page, "email"), decision="send")
    page = await with_code(browser, page, (await provider.mails.latest(EMAIL)).code)
    found = await claims(app, browser, page)
    assert (found["acr"], found["amr"]) == (SINGLE, ["pwd", "email"])
    for asks in (app.authorization_url(acr_values=MULTI), "/account/security/totp", "/account/email"):
        page = await browser.get(asks)
        assert (page.url.path, "use=email" in page.text) == ("/mfa", False)


async def test_a_code_by_mail_is_sent_first_and_then_asked_for(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"email_code": True})
    await give_app(provider, await provider.create_user())
    browser = await provider.browser()
    page = await use(browser, await browser.log_in(), "email")
    assert ("code" in forms(page)[0].fields, "Send a code" in page.text) == (False, True)
    page = await send(browser, page, decision="send")
    again = await browser.get(str(page.url) + f"?tx={forms(page)[0].fields['tx']}&use=email")
    wrong = await with_code(browser, again, "000000")
    for each in (page, again, wrong):
        assert "code" in forms(each)[0].fields
        assert each.text.index("Continue</button>") < each.text.index("Send again</button>")


async def test_a_code_by_mail_that_was_guessed_at_is_sent_anew(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"email_code": True})
    await give_app(provider, await provider.create_user())
    browser = await provider.browser()
    page = await send(browser, await use(browser, await browser.log_in(), "email"), decision="send")
    for _ in range(MOST_WRONG_CODES):
        page = await with_code(browser, page, "000000")
    assert "This code is not right" in page.text
    assert ("code" in forms(page)[0].fields, "Send a code" in page.text) == (False, True)


async def test_a_trusted_browser_is_asked_again_after_a_password_change(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"trusted_device_ttl": 3600})
    person = await provider.create_user()
    pocket, browser = await give_app(provider, person), await provider.browser()
    await with_code(browser, await browser.log_in(), pocket.code(), trust="yes")
    browser.client.cookies.delete("idp_session")
    assert (await browser.log_in()).url.path == "/account"
    assert "Trusted browsers" in (await browser.get("/account/security")).text
    await provider.parts.accounts.set_password(person.id, PASSWORD)
    assert (await browser.log_in()).url.path == "/mfa"


async def test_a_trusted_browser_can_be_forgotten(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"trusted_device_ttl": 3600})
    pocket, browser = await give_app(provider, await provider.create_user()), await provider.browser()
    await with_code(browser, await browser.log_in(), pocket.code(), trust="yes")
    page = await browser.get("/account/security")
    form = next(form for form in forms(page) if ("decision", "distrust") in form.buttons)
    await browser.post("/account/security", form.fields | {"decision": "distrust"})
    browser.client.cookies.delete("idp_session")
    assert (await browser.log_in()).url.path == "/mfa"


async def test_an_administrators_reset_ends_sessions_and_is_told_and_audited(
    provider: RunningProvider, browser: Browser, pocket: Pocket, person: User
) -> None:
    await with_code(browser, await browser.log_in(), pocket.code())
    await provider.parts.factor_resets.request(person)
    assert (await browser.get("/account")).url.path == "/login"
    assert (await browser.log_in()).url.path == "/account"
    assert "factor.reset" in await audit_names(provider.database)
    assert "removed" in (await provider.mails.latest(EMAIL)).subject


# Guessing ------------------------------------------------------------------------------------------------


async def guesses(provider: RunningProvider, person: User, hours: int, addresses: int) -> int:
    """How many wrong codes are looked at, when each is tried as soon as it may be, from so many addresses."""
    provider.clock.advance(86_400 - provider.clock.now() % 86_400)  # the beginning of a window
    end, looked_at = provider.clock.now() + 3600 * hours, 0
    while provider.clock.now() < end:
        number = looked_at % addresses
        address = f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}"
        try:
            await provider.parts.second_factors.check(
                person, "totp", ChallengeAnswer(code="000000"), address=address
            )
            looked_at += 1
        except Throttled as throttled:
            provider.clock.advance(throttled.retry_after or 1)
    return looked_at


@pytest.mark.parametrize("addresses", [1, 10_000])
@pytest.mark.parametrize(("hours", "most"), [(1, 17), (24, 109)])
async def test_guesses_at_one_person_are_as_few_as_the_docs_say(
    provider: RunningProvider, person: User, pocket: Pocket, addresses: int, hours: int, most: int
) -> None:
    """docs/second-factor.md."""
    assert await guesses(provider, person, hours, addresses) == most
    assert "tried the second step" in (await provider.mails.latest(EMAIL)).subject


async def test_all_channels_draw_on_one_budget(provider: RunningProvider, pocket: Pocket) -> None:
    app = await provider.relying_party(
        grant_types=("password",), redirect_uris=(), post_logout_redirect_uris=()
    )
    browser = await provider.browser("192.0.2.9")
    page = await browser.log_in()
    asked = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    token = (await app.post("/token", asked)).json()["mfa_token"]
    for _ in range(3):
        page = await with_code(browser, page, "000000")
        await app.post("/token", {"grant_type": "password", "mfa_token": token, "mfa_code": "000000"})
    right = totp(pocket.secret, provider.clock.now())
    assert (await with_code(browser, page, right)).status_code == 429
    told = await app.post("/token", {"grant_type": "password", "mfa_token": token, "mfa_code": right})
    assert told.status_code == 429
