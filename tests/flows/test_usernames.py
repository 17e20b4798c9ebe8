"""Who gives a person the name that apps are told."""

import pytest

from idp.errors import Throttled
from idp.storage.models import User
from tests.support.provider import EMAIL, PASSWORD, Browser, MakeProvider, RelyingParty, RunningProvider


async def told(app: RelyingParty, browser: Browser) -> object:
    """Return the preferred_username that the app is told."""
    tokens = await app.tokens(browser)
    return (await app.userinfo(tokens["access_token"])).json().get("preferred_username")


async def name_of(provider: RunningProvider, person: User) -> object:
    user = await provider.parts.accounts.get(person.id)
    assert user is not None
    return user.profile.get("preferred_username")


async def test_a_person_cannot_take_a_name_unless_a_setting_allows_it(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    """An app that keys accounts by the name would take the person for somebody else."""
    await browser.log_in()
    page = await browser.get("/account/profile")
    assert 'name="preferred_username"' not in page.text
    refused = await browser.submit(page, preferred_username="root")
    assert refused.status_code == 400
    assert await name_of(provider, person) is None


async def test_the_operators_name_reaches_the_apps_and_survives_the_profile_page(
    provider: RunningProvider, person: User, browser: Browser, relying_party: RelyingParty
) -> None:
    await provider.parts.administration.people.change_username(EMAIL, "Root")
    await browser.log_in()
    await browser.submit(await browser.get("/account/profile"), nickname="Ali")
    assert await told(relying_party, browser) == "root"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("admin", "reserved"),
        ("supp0rt", "reserved"),
        ("b0b", "taken"),
        ("acme", "reserved"),
        ("a b", "39 characters"),
    ],
)
async def test_where_people_choose_they_cannot_take_what_is_not_theirs(
    make_provider: MakeProvider, name: str, reason: str
) -> None:
    provider = await make_provider(accounts={"username_changes": True, "reserved_usernames": ("acme",)})
    person = await provider.create_user()
    await provider.parts.accounts.create("bob@example.com", None, username="bob")
    browser = await provider.browser()
    await browser.log_in()
    answer = await browser.submit(await browser.get("/account/profile"), preferred_username=name)
    assert reason in answer.text
    assert await name_of(provider, person) is None
    await browser.submit(await browser.get("/account/profile"), preferred_username="Alice")
    assert await name_of(provider, person) == "alice"
    await browser.submit(await browser.get("/account/profile"), preferred_username="")
    assert await name_of(provider, person) is None


@pytest.mark.parametrize(("fallback", "expected"), [("none", None), ("email", EMAIL), ("sub", "sub")])
async def test_an_account_without_a_name_has_what_the_setting_says(
    make_provider: MakeProvider, fallback: str, expected: str | None
) -> None:
    provider = await make_provider(accounts={"username_fallback": fallback})
    person = await provider.create_user()
    browser = await provider.browser()
    name = await told(await provider.relying_party(), browser)
    assert name == (person.id if expected == "sub" else expected)


async def test_a_username_signs_in_where_the_setting_says_so(make_provider: MakeProvider) -> None:
    provider = await make_provider(accounts={"username_sign_in": True})
    person = await provider.create_user()
    await provider.parts.accounts.change_username(person.id, "alice")
    for typed in ("Alice", EMAIL):
        browser = await provider.browser()
        page = await browser.get("/login")
        assert "Email or username" in page.text
        done = await browser.submit(page, email=typed, password=PASSWORD)
        assert done.url.path == "/account"
    for typed, password in (("alice", "wrong"), ("bob", PASSWORD), ("ali ce", PASSWORD)):
        browser = await provider.browser()
        refused = await browser.submit(await browser.get("/login"), email=typed, password=password)
        assert "do not match" in refused.text


async def test_tries_at_the_name_and_at_the_address_count_together(make_provider: MakeProvider) -> None:
    provider = await make_provider(
        accounts={"username_sign_in": True}, throttle={"free_tries_per_account": 4}
    )
    person = await provider.create_user()
    await provider.parts.accounts.change_username(person.id, "alice")
    login = provider.parts.login
    for typed in ("alice", EMAIL, "ALICE", EMAIL):
        assert await login.authenticate(typed, "wrong", "192.0.2.1") is None
    for typed in ("alice", EMAIL):
        with pytest.raises(Throttled):
            await login.authenticate(typed, PASSWORD, "192.0.2.2")


async def test_a_username_signs_nobody_in_unless_the_setting_says_so(
    provider: RunningProvider, person: User
) -> None:
    await provider.parts.accounts.change_username(person.id, "alice")
    assert await provider.parts.login.authenticate("alice", PASSWORD, "192.0.2.1") is None
