"""Signing in with Google and with GitHub: first, again, cancelled, down, and what the app learns of it."""

from dataclasses import replace

import pytest

from idp.identity.connections import UpstreamAccount
from idp.storage.models import User
from tests.support.provider import RunningProvider, callback_of
from tests.support.upstreams import MakeFederated, SignInElsewhere, Upstreams, link_to, path_of, text_of

PROVIDERS = ("google", "github")


@pytest.mark.parametrize("name", PROVIDERS)
async def test_first_arrival_makes_an_account_and_the_next_one_finds_it(
    federated: RunningProvider, elsewhere: SignInElsewhere, name: str
) -> None:
    rp = await federated.relying_party(first_party=True)
    first = await elsewhere(await federated.browser(), name, "vera", rp.authorization_url())
    tokens = (await rp.redeem(callback_of(first)["code"])).json()
    claims = await rp.id_claims(tokens)
    assert claims["amr"] == ["fed"]
    assert claims["acr"] == "urn:idp:acr:1fa"
    told = (await rp.userinfo(tokens["access_token"])).json()
    assert (told["email"], told["email_verified"], told["name"]) == (
        "vera@example.com",
        True,
        "Vera Verified",
    )
    again = await elsewhere(await federated.browser(), name, "vera", rp.authorization_url())
    tokens = (await rp.redeem(callback_of(again)["code"])).json()
    assert (await rp.id_claims(tokens))["sub"] == claims["sub"]


@pytest.mark.parametrize(("skew", "enters"), [(60, False), (300, True)])
async def test_a_providers_clock_may_differ_by_what_the_setting_says(
    make_federated: MakeFederated, upstreams: Upstreams, elsewhere: SignInElsewhere, skew: int, enters: bool
) -> None:
    provider = await make_federated(google={"clock_skew": skew})
    upstreams.google.extra_claims = {"iat": int(provider.clock.now()) + 200}
    await elsewhere(await provider.browser(), "google", "vera")
    async with provider.database.reading() as uow:
        assert bool(await uow.users.page(None, 1)) is enters


@pytest.mark.parametrize("name", PROVIDERS)
async def test_the_subject_is_the_key_and_neither_address_nor_name_are(
    federated: RunningProvider, upstreams: Upstreams, elsewhere: SignInElsewhere, name: str
) -> None:
    await elsewhere(await federated.browser(), name, "vera")
    people = upstreams.named(name).people
    people["vera"] = replace(people["vera"], key="vera-2", email="new@example.com", name="Vera Renamed")
    people["mallory"] = replace(people["vera"], key="vera", number=6666, email="mallory@example.com")
    browser = await federated.browser()
    page = await elsewhere(browser, name, "vera")
    assert path_of(page) == "/account"
    assert "vera@example.com" in text_of(page)
    page = await elsewhere(await federated.browser(), name, "mallory")
    assert "mallory@example.com" in text_of(page)
    assert "vera@example.com" not in text_of(page)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_cancelling_returns_to_the_sign_in_page_with_a_sentence(
    federated: RunningProvider, elsewhere: SignInElsewhere, name: str
) -> None:
    rp = await federated.relying_party()
    page = await elsewhere(await federated.browser(), name, "", rp.authorization_url())
    assert path_of(page) == "/login"
    assert "You cancelled the sign-in" in page.text


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_provider_that_is_down_is_told_at_once_and_the_password_still_works(
    federated: RunningProvider, upstreams: Upstreams, name: str
) -> None:
    await federated.create_user()
    rp = await federated.relying_party(first_party=True)
    browser = await federated.browser()
    page = await browser.get(rp.authorization_url())
    if name == "google":
        upstreams.google.mode = "down"
        page = await browser.get(link_to(page, name))
    else:
        left = await browser.get(link_to(page, name))
        callback = await upstreams.choose(left, "vera")
        upstreams.github.mode = "down"
        page = await browser.get(callback)
    assert path_of(page) == "/login"
    assert "cannot be reached at the moment" in page.text
    answer = await rp.answer(browser, page)
    assert "code" in callback_of(answer)


async def test_a_provider_that_keeps_failing_is_left_alone_for_a_while(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    upstreams.google.mode = "down"
    browser = await federated.browser()
    for _ in range(8):
        await browser.get(link_to(await browser.get("/login"), "google"))
    assert len([name for name, _ in upstreams.google.requests if name == "discovery"]) == 5
    upstreams.google.mode = "normal"
    federated.clock.advance(30)
    left = await browser.get(link_to(await browser.get("/login"), "google"))
    assert left.headers["location"].startswith(upstreams.google.issuer)


async def test_an_app_sends_people_straight_to_a_provider_and_they_can_come_back(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    rp = await federated.relying_party()
    browser = await federated.browser()
    left = await browser.get(rp.authorization_url(idp_hint="github"))
    page = await browser.get(await upstreams.choose(left, ""))
    assert path_of(page) == "/login"
    assert "You cancelled" in page.text


async def test_a_provider_that_there_is_not_is_not_found_and_nothing_is_stored(
    federated: RunningProvider,
) -> None:
    browser = await federated.browser()
    response = await browser.get("/federation/nobody/start", follow=False)
    assert response.status_code == 404
    assert not browser.cookies
    async with federated.database.reading() as uow:
        events = await uow.audit.page(None, 10, name="federation.failed")
    assert events == []


@pytest.mark.parametrize("hint", ["nobody", "", "GitHub", "../github", "github/start?x=", "%00", "x" * 5000])
async def test_a_hint_at_no_provider_leads_nowhere_else_than_the_sign_in_page(
    federated: RunningProvider, hint: str
) -> None:
    rp = await federated.relying_party()
    browser = await federated.browser()
    assert path_of(await browser.get(rp.authorization_url(idp_hint=hint))) == "/login"


async def test_a_hint_reaches_a_hidden_provider_but_none_that_the_client_does_not_want(
    make_federated: MakeFederated,
) -> None:
    provider = await make_federated(github={"hidden": True})
    plain = await provider.relying_party()
    left = await (await provider.browser()).get(plain.authorization_url(idp_hint="github"))
    assert "location" in left.headers
    for wanted in (("google",), ("none",)):
        choosy = await provider.relying_party(providers=wanted)
        page = await (await provider.browser()).get(choosy.authorization_url(idp_hint="github"))
        assert path_of(page) == "/login"


async def test_people_of_a_domain_are_sent_to_their_provider_after_the_address(
    make_federated: MakeFederated,
) -> None:
    provider = await make_federated(federation={"domains": {"Example.com": "google"}})
    browser = await provider.browser()
    page = await browser.get("/login")
    left = await browser.submit(page, email="vera@example.com", decision="organisation")
    assert "login_hint=vera%40example.com" in left.headers["location"]
    page = await browser.get("/login")
    page = await browser.submit(page, email="vera@elsewhere.example", decision="organisation")
    assert page.status_code == 400
    assert "No organisation is known" in page.text


async def test_a_client_orders_and_hides_providers(make_federated: MakeFederated) -> None:
    provider = await make_federated(github={"hidden": True})
    plain = await provider.relying_party()
    chosen = await provider.relying_party(providers=("github", "google", "gone"))
    none = await provider.relying_party(providers=("none",))
    browser = await provider.browser()
    assert _offered((await browser.get(plain.authorization_url())).text) == ["google"]
    assert _offered((await browser.get(chosen.authorization_url())).text) == ["github", "google"]
    assert _offered((await browser.get(none.authorization_url())).text) == []


async def test_a_session_from_a_provider_that_the_client_does_not_take_signs_in_again(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated()
    browser = await provider.browser()
    await elsewhere(browser, "google", "vera")
    takes = await provider.relying_party(providers=("google",), first_party=True)
    takes_none = await provider.relying_party(providers=("none",), first_party=True)
    assert "code" in callback_of(await browser.get(takes.authorization_url()))
    assert path_of(await browser.get(takes_none.authorization_url())) == "/login"
    silent = callback_of(await browser.get(takes_none.authorization_url(prompt="none")))
    assert silent["error"] == "login_required"


async def test_a_closed_registration_takes_nobody_in(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated(registration={"mode": "closed"})
    page = await elsewhere(await provider.browser(), "google", "vera")
    assert path_of(page) == "/login"
    assert "you cannot create one this way" in page.text
    assert await provider.parts.accounts.find("vera@example.com") is None


async def test_a_disabled_account_stays_shut(federated: RunningProvider, elsewhere: SignInElsewhere) -> None:
    await elsewhere(await federated.browser(), "google", "vera")
    user = await federated.parts.accounts.find("vera@example.com")
    assert user is not None
    await federated.parts.accounts.disable(user.id)
    for name in PROVIDERS:
        page = await elsewhere(await federated.browser(), name, "vera")
        assert "This account is disabled" in page.text


async def test_two_tabs_with_two_providers_do_not_get_into_each_others_way(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    rp, other = (
        await federated.relying_party(first_party=True),
        await federated.relying_party(first_party=True),
    )
    browser = await federated.browser()
    one = await browser.get(link_to(await browser.get(rp.authorization_url()), "google"))
    two = await browser.get(link_to(await browser.get(other.authorization_url()), "github"))
    answer_two = await browser.get(await upstreams.choose(two, "dana"))
    answer_one = await browser.get(await upstreams.choose(one, "vera"))
    assert callback_of(answer_one)["state"] == rp.state
    assert callback_of(answer_two)["state"] == other.state
    assert "code" in callback_of(answer_one)
    assert "code" in callback_of(answer_two)


async def test_a_name_is_confirmed_first_where_the_operator_wants_it(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated(google={"confirm_profile": True})
    browser = await provider.browser()
    page = await elsewhere(browser, "google", "vera")
    assert path_of(page) == "/federation/welcome"
    assert await provider.parts.accounts.find("vera@example.com") is None
    page = await browser.submit(page, name="Vera V.")
    assert path_of(page) == "/account"
    user = await provider.parts.accounts.find("vera@example.com")
    assert user is not None
    assert user.profile["name"] == "Vera V."


def _offered(page: str) -> list[str]:
    return [part.split("/", 1)[0] for part in page.split("/federation/")[1:] if "/start?tx=" in part]


@pytest.mark.parametrize("wanted", [("none",), ("github",)])
async def test_a_provider_that_the_client_does_not_want_cannot_be_used_by_a_link(
    federated: RunningProvider, wanted: tuple[str, ...]
) -> None:
    app = await federated.relying_party(providers=wanted)
    browser = await federated.browser()
    page = await browser.get(app.authorization_url())
    refused = await browser.get(f"/federation/google/start?tx={page.url.params['tx']}")
    assert refused.status_code == 404
    assert "takes no users from this provider" in refused.text


async def test_a_provider_that_the_client_takes_no_more_leads_back_to_the_sign_in_page(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    app = await federated.relying_party()
    browser = await federated.browser()
    left = await browser.get(link_to(await browser.get(app.authorization_url()), "google"))
    await federated.parts.administration.clients.change(app.client_id, {"providers": ("github",)})
    federated.clock.advance(6)  # until every worker has read it
    page = await browser.get(await upstreams.choose(left, "vera"))
    assert path_of(page) == "/login"
    assert "takes no users from this provider" in page.text
    assert await federated.parts.accounts.find("vera@example.com") is None


async def test_an_account_that_is_disabled_on_the_way_back_leads_to_the_sign_in_page(
    federated: RunningProvider,
    upstreams: Upstreams,
    elsewhere: SignInElsewhere,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await elsewhere(await federated.browser(), "google", "vera")
    user = await federated.parts.accounts.find("vera@example.com")
    assert user is not None
    browser = await federated.browser()
    callback = await upstreams.choose(
        await browser.get(link_to(await browser.get("/login"), "google")), "vera"
    )
    connections = federated.parts.federation.connections
    sign_in = connections.sign_in

    async def sign_in_before_the_end(user_id: str, elsewhere: UpstreamAccount) -> User:
        found = await sign_in(user_id, elsewhere)
        await federated.parts.accounts.disable(user.id)
        return found

    monkeypatch.setattr(connections, "sign_in", sign_in_before_the_end)
    page = await browser.get(callback)
    assert (page.status_code, path_of(page)) == (200, "/login")
    assert "Sign in again" in page.text
