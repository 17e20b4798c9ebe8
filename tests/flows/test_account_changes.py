"""What people change while signed in: profile, address, password."""

import pytest

from idp.oauth.scopes import SCOPE_CLAIMS
from idp.storage.models import User
from tests.support.provider import EMAIL, PASSWORD, Browser, MakeProvider, RelyingParty, RunningProvider
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


async def test_the_link_of_the_new_address_works_on_another_device(
    provider: RunningProvider, person: User, browser: Browser, other_browser: Browser
) -> None:
    await browser.log_in()
    await browser.submit(await browser.get("/account/email"), email=NEW)
    link = (await provider.mails.latest(NEW)).link
    page = await other_browser.get(link)
    assert (await user_of(provider, person)).email == EMAIL
    assert "is changed" in (await other_browser.submit(page)).text
    assert (await other_browser.submit(page)).status_code == 400
    assert (await other_browser.log_in(NEW, PASSWORD)).url.path == "/account"


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
    assert (await browser.submit(page, code=right)).status_code == 400


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
