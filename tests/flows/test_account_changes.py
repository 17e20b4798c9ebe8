"""What people change while signed in: profile, address, password."""

import pytest

from idp.identity.generation import ProvenAccount
from idp.oauth.scopes import SCOPE_CLAIMS
from idp.storage.models import User
from tests.support.factors import give_app, give_passkey
from tests.support.provider import (
    EMAIL,
    PASSWORD,
    Browser,
    MakeProvider,
    RelyingParty,
    RunningProvider,
    the_form,
)
from tests.support.registering import NEW, NEW_PASSWORD, wrong_code

LONG_AGO = 11 * 60


async def user_of(provider: RunningProvider, person: User) -> User:
    async with provider.database.reading() as uow:
        found = await uow.users.get(person.id)
    assert found is not None
    return found


# Profile --------------------------------------------------------------------------------------------------


async def test_what_is_entered_reaches_the_apps_that_may_see_it(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await browser.log_in()
    entered = {
        "given_name": "Alice",
        "phone_number": "+491701234567",
        "picture": "https://pictures.example/alice.png",
        "locale": "en-GB",
        "zoneinfo": "Europe/Vienna",
        "address.locality": "Wien",
    }
    saved = await browser.submit(await browser.get("/account/profile"), **entered)
    assert "saved" in saved.text
    tokens = await relying_party.tokens(browser, scope="openid profile phone address")
    claims = (await relying_party.userinfo(tokens["access_token"])).json()
    assert claims | {"locale": "en-GB", "zoneinfo": "Europe/Vienna"} == claims
    assert (claims["phone_number"], claims["phone_number_verified"]) == ("+491701234567", False)
    assert claims["address"] == {"locality": "Wien"}
    assert claims["name"] == "Alice Example"  # sent as it was


async def test_every_claim_of_the_scope_profile_can_be_entered(make_provider: MakeProvider) -> None:
    """OIDC Core §5.4."""
    provider = await make_provider(accounts={"username_changes": True})
    await provider.create_user()
    relying_party, browser = await provider.relying_party(), await provider.browser()
    entered = {
        "name": "Alice B. Example",
        "given_name": "Alice",
        "middle_name": "Berta",
        "family_name": "Example",
        "nickname": "Ali",
        "preferred_username": "alice.e",
        "profile": "https://alice.example/about",
        "picture": "https://alice.example/face.png",
        "website": "https://alice.example",
        "gender": "female",
        "birthdate": "1990-12-31",
        "zoneinfo": "Europe/Vienna",
        "locale": "de-AT",
    }
    await browser.log_in()
    await browser.submit(await browser.get("/account/profile"), **entered)
    tokens = await relying_party.tokens(browser, scope="openid profile")
    claims = (await relying_party.userinfo(tokens["access_token"])).json()
    assert entered.items() <= claims.items()
    assert isinstance(claims["updated_at"], int)
    assert claims.keys() == {"sub", *SCOPE_CLAIMS["profile"]}


async def test_the_lines_of_a_street_address_stay_apart(
    relying_party: RelyingParty, browser: Browser
) -> None:
    """OIDC Core §5.1.1."""
    await browser.log_in()
    entered = {"address.street_address": "1 Long Road\r\nBack house"}
    await browser.submit(await browser.get("/account/profile"), **entered)
    assert ">\n1 Long Road\nBack house</textarea>" in (await browser.get("/account/profile")).text
    tokens = await relying_party.tokens(browser, scope="openid address")
    claims = (await relying_party.userinfo(tokens["access_token"])).json()
    assert claims["address"] == {"street_address": "1 Long Road\nBack house"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone_number", "0170 123"),
        ("picture", "javascript:alert(1)"),
        ("picture", "http://plain.example/a.png"),
        ("locale", "german"),
        ("zoneinfo", "Europe/Atlantis"),
        ("name", "visit https://evil.example"),
        ("birthdate", "yesterday"),
    ],
)
async def test_a_value_that_is_refused_comes_back_with_the_reason_at_its_field(
    provider: RunningProvider, person: User, browser: Browser, field: str, value: str
) -> None:
    await browser.log_in()
    page = await browser.submit(await browser.get("/account/profile"), **{field: value})
    assert page.status_code == 400
    assert f'id="f-{field}-error"' in page.text
    assert (await user_of(provider, person)).profile == {"name": "Alice Example"}


async def test_nobody_sets_their_own_roles_tier_or_verification(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await browser.log_in()
    extra = {"roles": "admin", "tier": "gold", "email_verified": "true", "phone_number_verified": "true"}
    await browser.submit(await browser.get("/account/profile"), **extra)
    user = await user_of(provider, person)
    assert (user.roles, user.tier, user.profile) == ([], "free", {"name": "Alice Example"})


# Address --------------------------------------------------------------------------------------------------


async def test_a_new_address_counts_when_its_mail_is_answered_and_the_old_one_is_told(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await browser.log_in()
    page = await browser.submit(await browser.get("/account/email"), email=NEW)
    assert (await user_of(provider, person)).email == EMAIL
    page = await browser.submit(page, code=(await provider.mails.latest(NEW)).code)
    assert "Your email is changed" in page.text
    assert NEW in (await provider.mails.latest(EMAIL)).text
    user = await user_of(provider, person)
    assert (user.email, user.email_verified) == (NEW, True)


async def test_the_link_of_the_new_address_works_where_its_user_is_signed_in(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await browser.log_in()
    await browser.submit(await browser.get("/account/email"), email=NEW)
    page = await browser.get((await provider.mails.latest(NEW)).link)
    assert EMAIL in page.text
    assert NEW in page.text.replace("<wbr>", "")
    assert (await user_of(provider, person)).email == EMAIL
    changed = await browser.submit(page)
    assert "is changed" in changed.text
    assert (changed.url.path, changed.url.params.get("token")) == ("/account/email", None)
    assert (await user_of(provider, person)).email == NEW
    assert (await browser.submit(page)).status_code == 400


async def test_the_reader_of_the_new_address_gives_it_to_nobody_by_the_link(
    provider: RunningProvider, person: User, browser: Browser, other_browser: Browser
) -> None:
    """A trojan identifier: the account is a thief's, who then waits for the owner to take it over by a reset."""
    await browser.log_in()
    await browser.submit(await browser.get("/account/email"), email=NEW)
    mail = await provider.mails.latest(NEW)
    assert "a…@example.com" in mail.text
    nobody = await other_browser.get(mail.link)
    await provider.create_user("vera@example.com")
    await other_browser.log_in("vera@example.com", PASSWORD)
    for page in (nobody, await other_browser.get(mail.link)):
        assert "a…@example.com" in page.text
        assert EMAIL not in page.text
        assert 'name="token"' not in page.text
    own = await browser.get(mail.link)  # the form of the right browser, posted from the wrong one
    fields = {**the_form(own).fields, "csrf_token": "x"}
    assert (await other_browser.post(str(own.url), fields)).status_code == 400
    assert (await user_of(provider, person)).email == EMAIL
    assert (await browser.submit(own)).status_code == 200
    assert (await user_of(provider, person)).email == NEW


async def test_the_link_of_the_new_address_waits_for_the_second_factor(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await browser.log_in()
    await browser.submit(await browser.get("/account/email"), email=NEW)
    link = (await provider.mails.latest(NEW)).link
    pocket = await give_app(provider, person)
    page = await browser.get(link)
    assert page.url.path == "/mfa"
    page = await browser.submit(page, code=pocket.code())
    assert "is changed" in (await browser.submit(page)).text


async def change_address(provider: RunningProvider, person: User, email: str) -> None:
    """Change the address of an account."""
    account = ProvenAccount.of(await user_of(provider, person))
    await provider.parts.email_changes.ask(account, email)
    code = (await provider.mails.latest(email)).code
    await provider.parts.email_changes.confirm(account, code=code)


async def test_the_owner_takes_back_a_change_of_address_with_all_that_a_thief_set_up(
    provider: RunningProvider, person: User, browser: Browser, other_browser: Browser
) -> None:
    await browser.log_in()
    await change_address(provider, person, NEW)
    undo = (await provider.mails.latest(EMAIL)).link
    provider.clock.advance(61)
    await give_passkey(provider, await user_of(provider, person))
    await change_address(provider, person, "further@example.com")
    later = (await provider.mails.latest(NEW)).link
    # The thief resets the password by the new address, which must not end the owner's link.
    await provider.parts.recovery.ask("further@example.com")
    token = (await provider.mails.latest("further@example.com")).link.partition("token=")[2]
    await provider.parts.recovery.reset(token, "the password of a thief")
    page = await other_browser.get(undo)
    assert EMAIL in page.text.replace("<wbr>", "")
    assert (await user_of(provider, person)).email == "further@example.com"
    assert "its address back" in (await other_browser.submit(page)).text
    user = await user_of(provider, person)
    assert (user.email, user.email_verified, user.password_hash) == (EMAIL, True, None)
    assert await provider.parts.enrolled_factors.of_user(user.id) == []
    assert (await browser.get("/account")).url.path == "/login"
    assert (await other_browser.submit(page)).status_code == 400
    assert (await other_browser.get(later)).status_code == 400  # it would lead to the thief again


async def test_what_was_set_up_before_the_change_outlives_its_being_taken_back(
    provider: RunningProvider, person: User, browser: Browser, other_browser: Browser
) -> None:
    await give_passkey(provider, person)
    provider.clock.advance(1)
    await change_address(provider, person, NEW)
    await other_browser.submit(await other_browser.get((await provider.mails.latest(EMAIL)).link))
    assert (await user_of(provider, person)).email == EMAIL
    assert len(await provider.parts.enrolled_factors.of_user(person.id)) == 1


async def test_a_change_is_taken_back_for_some_days_only_or_never(
    make_provider: MakeProvider,
) -> None:
    for undo in (3600, 0):
        provider = await make_provider(accounts={"email_undo": undo})
        user = await provider.create_user()
        await change_address(provider, user, NEW)
        link = (await provider.mails.latest(EMAIL)).link
        assert ("/account/email/undo" in link) is bool(undo)
        if undo:
            provider.clock.advance(undo)
            assert (await (await provider.browser()).get(link)).status_code == 400


async def test_an_address_that_is_taken_gets_the_same_answer_and_its_owner_a_mail(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await provider.create_user(NEW)
    await browser.log_in()
    page = await browser.submit(await browser.get("/account/email"), email=NEW)
    assert page.url.path == "/account/email/confirm"
    assert "/recover" in (await provider.mails.latest(NEW)).link
    assert (await browser.submit(page, code="123456")).status_code == 400
    assert (await user_of(provider, person)).email == EMAIL


async def test_the_code_for_a_new_address_can_be_tried_five_times(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await browser.log_in()
    page = await browser.submit(await browser.get("/account/email"), email=NEW)
    right, wrong = (await provider.mails.latest(NEW)).code, await wrong_code(provider, NEW)
    for _ in range(5):
        assert (await browser.submit(page, code=wrong)).status_code == 400
    assert (await browser.submit(page, code=right)).status_code == 429
    provider.clock.advance(600)  # the throttle has forgotten; the code has not
    assert (await browser.submit(page, code=right)).status_code == 400
    assert (await user_of(provider, person)).email == EMAIL


async def test_an_address_that_an_administrator_entered_can_be_verified_by_its_owner(
    provider: RunningProvider, browser: Browser
) -> None:
    user = await provider.create_user(verified=False)
    await browser.log_in()
    page = await browser.submit(await browser.get("/account/email/verify"), decision="again")
    page = await browser.submit(page, code=(await provider.mails.latest(EMAIL)).code)
    assert "is confirmed" in page.text
    assert (await user_of(provider, user)).email_verified


# Password -------------------------------------------------------------------------------------------------


async def test_a_new_password_ends_what_is_elsewhere_if_that_is_wished(
    relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    tokens = await relying_party.tokens(other_browser)
    await browser.log_in()
    page = await browser.get("/account/password")
    page = await browser.submit(page, current_password=PASSWORD, password=NEW_PASSWORD)
    assert "Your password is changed" in page.text
    assert (await other_browser.get("/account")).url.path == "/login"
    assert (await relying_party.refresh(tokens["refresh_token"])).status_code == 400
    assert (await other_browser.log_in(EMAIL, PASSWORD)).status_code == 401
    assert (await other_browser.log_in(EMAIL, NEW_PASSWORD)).url.path == "/account"


async def test_a_new_password_leaves_what_is_elsewhere_if_that_is_wished(
    relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    tokens = await relying_party.tokens(other_browser)
    await browser.log_in()
    page = await browser.get("/account/password")
    await browser.submit(page, current_password=PASSWORD, password=NEW_PASSWORD, end_others=None)
    assert (await other_browser.get("/account")).url.path == "/account"
    assert (await relying_party.refresh(tokens["refresh_token"])).status_code == 200


async def test_the_current_password_is_asked_for_under_the_throttle_of_the_sign_in(
    person: User, browser: Browser
) -> None:
    await browser.log_in()
    page = await browser.get("/account/password")
    answers = [
        await browser.submit(page, current_password=f"guess {number}", password=NEW_PASSWORD)
        for number in range(8)
    ]
    assert [answer.status_code for answer in answers][:5] == [400] * 5
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_an_account_without_a_password_gets_one_after_a_recent_sign_in(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await browser.log_in()
    async with provider.database.unit_of_work() as uow:
        user = await uow.users.get(person.id)
        assert user is not None
        user.password_hash = None
        await uow.users.save(user)
    page = await browser.get("/account/password")
    assert "current_password" not in page.text
    provider.clock.advance(LONG_AGO)
    assert (await browser.get("/account/password")).url.path == "/login"
    late = await browser.submit(page, password=NEW_PASSWORD)
    assert late.url.path == "/login"


# A recent sign-in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["email", "data", "delete"])
async def test_a_sensitive_page_asks_for_a_recent_sign_in_and_goes_on_after_it(
    provider: RunningProvider, person: User, browser: Browser, page: str
) -> None:
    await browser.log_in()
    early = await browser.get(f"/account/{page}")
    assert early.url.path == f"/account/{page}"
    provider.clock.advance(LONG_AGO)
    assert (await browser.submit(early)).url.path == "/login"
    asked = await browser.get(f"/account/{page}")
    assert asked.url.path == "/login"
    assert (await browser.submit(asked, password=PASSWORD)).url.path == f"/account/{page}"
