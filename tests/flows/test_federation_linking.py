"""Whose account somebody from elsewhere gets: nothing is linked silently, and nobody is pre-hijacked.

Keycloak CVE-2026-9087 and -15571, better-auth GHSA-g38m-r43w-p2q7, Zitadel CVE-2026-27946.
"""

from dataclasses import replace

import httpx
import pytest

from idp.events.catalogue import AccountReclaimed, IdentityLinked
from tests.support.factors import give_app
from tests.support.provider import Browser, RunningProvider, forms
from tests.support.upstreams import (
    MakeFederated,
    SignInElsewhere,
    Upstreams,
    connections_page,
    identities,
    link_to,
    path_of,
    press,
    text_of,
)

VERA = "vera@example.com"
PASSWORD = "a password of her own"
SESSION = "idp_session"


async def events(provider: RunningProvider) -> list[str]:
    """Return the names of the audit trail, oldest first."""
    async with provider.database.reading() as uow:
        return [event.name for event in reversed(await uow.audit.page(None, 100))]


async def register(browser: Browser, email: str, password: str) -> httpx.Response:
    """Make an account on the page, as anybody can with anybody's address."""
    return await browser.submit(await browser.get("/register"), email=email, password=password)


async def test_the_owner_of_the_address_signs_in_first_and_then_it_is_linked(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    await federated.create_user(VERA, PASSWORD)
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "vera")
    assert path_of(page) == "/login"
    assert "An account with the address vera@example.com already exists" in page.text
    assert forms(page)[0].fields["email"] == VERA
    assert SESSION not in browser.cookies
    assert await identities(federated, VERA) == []
    page = await browser.submit(page, password=PASSWORD)
    assert path_of(page) == "/account"
    assert await identities(federated, VERA) == [("google", "1001")]
    assert "linked to your account" in (await federated.mails.latest(VERA)).subject
    assert IdentityLinked.name in await events(federated)
    page = await elsewhere(await federated.browser(), "google", "vera")
    assert path_of(page) == "/account"


async def test_signing_in_as_somebody_else_links_nothing(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    await federated.create_user(VERA, PASSWORD)
    await federated.create_user("mallory@example.com", "a password of mallory")
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "vera")
    page = await browser.submit(page, email="mallory@example.com", password="a password of mallory")
    assert path_of(page) == "/account"
    assert await identities(federated, VERA) == []
    assert await identities(federated, "mallory@example.com") == []


async def test_a_session_from_before_is_no_proof_for_a_link(
    federated: RunningProvider, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    await federated.create_user(VERA, PASSWORD)
    browser = await federated.browser()
    left = await browser.get(link_to(await browser.get("/login"), "google"))
    await browser.log_in(VERA, PASSWORD)
    page = await browser.get(await upstreams.choose(left, "vera"))
    assert await identities(federated, VERA) == []
    assert path_of(page) == "/account"


async def test_the_second_factor_is_due_before_the_link(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated(second_factor={"policy": "required"})
    await provider.create_user(VERA, PASSWORD)
    browser = await provider.browser()
    page = await elsewhere(browser, "google", "vera")
    page = await browser.submit(page, email=VERA, password=PASSWORD)
    assert path_of(page).startswith("/mfa")
    assert await identities(provider, VERA) == []


async def test_automatic_linking_needs_the_operator_and_both_sides_verified(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated(google={"auto_link": True})
    await provider.create_user(VERA, PASSWORD)
    page = await elsewhere(await provider.browser(), "google", "vera")
    assert path_of(page) == "/account"
    assert await identities(provider, VERA) == [("google", "1001")]
    assert "linked to your account" in (await provider.mails.latest(VERA)).subject
    page = await elsewhere(await provider.browser(), "github", "vera")
    assert path_of(page) == "/login"


@pytest.mark.parametrize("auto_link", [False, True])
async def test_an_address_that_upstream_has_not_verified_opens_no_account(
    make_federated: MakeFederated, elsewhere: SignInElsewhere, auto_link: bool
) -> None:
    provider = await make_federated(google={"auto_link": auto_link}, github={"auto_link": auto_link})
    await provider.create_user("uma@example.com", PASSWORD)
    for name in ("google", "github"):
        browser = await provider.browser()
        page = await elsewhere(browser, name, "uma")
        assert path_of(page) == "/federation/welcome"
        assert SESSION not in browser.cookies
    assert await identities(provider, "uma@example.com") == []


# Pre-hijacking, both ways -------------------------------------------------------------------------------


async def test_an_attacker_who_registered_the_address_first_is_out_when_the_owner_arrives(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated(registration={"verify_email": "before_claims"})
    rp = await provider.relying_party(first_party=True, scopes=("openid", "profile", "offline_access"))
    attacker = await provider.browser()
    await register(attacker, VERA, "the password of mallory")
    assert SESSION in attacker.cookies
    tokens = await rp.tokens(
        attacker, email=VERA, password="the password of mallory", scope="openid offline_access"
    )
    victim = await provider.browser()
    page = await elsewhere(victim, "google", "vera")
    assert path_of(page) == "/account"
    assert path_of(await attacker.get("/account")) == "/login"
    page = await (await provider.browser()).log_in(VERA, "the password of mallory")
    assert "do not match" in page.text
    assert (await rp.refresh(tokens["refresh_token"])).status_code == 400
    assert (await rp.userinfo(tokens["access_token"])).status_code == 401
    assert AccountReclaimed.name in await events(provider)
    assert "yours alone" in (await provider.mails.latest(VERA)).subject


async def test_the_verification_mail_of_the_attackers_registration_is_worth_nothing_after(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    attacker = await federated.browser()
    waiting = await register(attacker, VERA, "the password of mallory")
    code = (await federated.mails.latest(VERA)).code
    await elsewhere(await federated.browser(), "google", "vera")
    page = await attacker.submit(waiting, code=code)
    assert SESSION not in attacker.cookies
    assert path_of(page) != "/account"


async def test_an_attackers_link_does_not_survive_the_owner_who_registers_the_address(
    make_federated: MakeFederated, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    provider = await make_federated(registration={"verify_email": "before_claims"})
    attacker = await provider.browser()
    await register(attacker, "victim@example.com", "the password of mallory")
    left = await press(attacker, await connections_page(attacker), "link")
    await attacker.get(await upstreams.choose(left, "noel"))
    assert await identities(provider, "victim@example.com") != []
    victim = await provider.browser()
    await victim.submit(await victim.get("/recover"), email="victim@example.com")
    page = await victim.get((await provider.mails.latest("victim@example.com")).link)
    await victim.submit(page, password="quite another password")
    assert await identities(provider, "victim@example.com") == []


async def test_an_attacker_with_an_unverified_address_upstream_gets_a_code_to_type_that_only_the_owner_reads(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    await federated.create_user(VERA, PASSWORD)
    browser = await federated.browser()
    page = await elsewhere(browser, "github", "noel")
    page = await browser.submit(page, email=VERA)
    known = text_of(page)
    for _ in range(5):
        page = await browser.submit(page, code="000000")
        assert "wrong or has expired" in page.text
    page = await browser.submit(page, code="000000")
    assert page.status_code == 429
    federated.clock.advance(600)  # the throttle has forgotten; the code has not
    page = await browser.submit(page, code=(await federated.mails.latest(VERA)).code)
    assert "wrong or has expired" in page.text
    assert await identities(federated, VERA) == []
    stranger = await federated.browser()
    page = await stranger.submit(await elsewhere(stranger, "google", "noel"), email="free@example.com")
    assert _shape(text_of(page)) == _shape(known.replace(VERA, "free@example.com"))


async def test_an_account_that_the_operator_made_keeps_all_it_has_when_somebody_arrives_with_its_address(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    user = await federated.create_user(VERA, PASSWORD, verified=False)
    pocket = await give_app(federated, user)
    owner = await federated.browser()
    await owner.submit(await owner.log_in(VERA, PASSWORD), code=pocket.code())
    newcomer = await federated.browser()
    page = await elsewhere(newcomer, "google", "vera")
    assert path_of(page) == "/login"
    assert SESSION not in newcomer.cookies
    assert AccountReclaimed.name not in await events(federated)
    assert path_of(await owner.get("/account")) == "/account"
    page = await newcomer.submit(page, email=VERA, password=PASSWORD)
    assert path_of(page) == "/mfa"
    assert await identities(federated, VERA) == []
    page = await newcomer.submit(page, code=pocket.code())
    assert path_of(page) == "/account"
    assert await identities(federated, VERA) == [("google", "1001")]


async def test_an_account_with_a_second_factor_is_not_emptied_by_an_arrival(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated(registration={"verify_email": "before_claims"})
    owner = await provider.browser()
    await register(owner, VERA, PASSWORD)
    user = await provider.parts.accounts.find(VERA)
    assert user is not None
    await give_app(provider, user)
    page = await elsewhere(await provider.browser(), "google", "vera")
    assert path_of(page) == "/login"
    assert "already" in page.text
    assert path_of(await (await provider.browser()).log_in(VERA, PASSWORD)) == "/mfa"


# Without a verified address -----------------------------------------------------------------------------


async def test_an_arrival_is_not_forgotten_when_the_sign_in_is_resumed(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "noel")
    tx = page.url.params["tx"]
    assert path_of(page) == "/federation/welcome"
    assert path_of(await browser.get(f"/authorize/resume?tx={tx}")) == "/federation/welcome"
    page = await browser.submit(page, email="noel@example.com")
    assert path_of(await browser.get(f"/authorize/resume?tx={tx}")) == "/federation/welcome"
    assert path_of(await browser.get(f"/login?tx={tx}")) == "/login"  # the user may still choose another way
    page = await browser.submit(page, code=(await federated.mails.latest("noel@example.com")).code)
    assert path_of(page) == "/account"


async def test_an_arrival_that_has_expired_leads_back_to_the_sign_in_page(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "noel")
    arrivals = federated.parts.federation.arrivals
    transaction = await federated.parts.transactions.load(
        page.url.params["tx"], browser.cookies.get("idp_browser")
    )
    arrival = await arrivals.of(transaction)
    assert arrival is not None
    await arrivals.forget(arrival)
    page = await browser.submit(page, email="noel@example.com")
    assert path_of(page) == "/login"
    assert "has expired or was finished" in page.text


async def test_an_arrival_from_a_provider_that_is_gone_leads_back_to_the_sign_in_page(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "noel")
    del federated.parts.federation.providers._configured["google"]
    page = await browser.get(f"/authorize/resume?tx={page.url.params['tx']}")
    assert (page.status_code, path_of(page)) == (200, "/login")
    assert "not available any more" in page.text


@pytest.mark.parametrize("name", ["google", "github"])
@pytest.mark.parametrize("person", ["uma", "noel"])
async def test_who_has_no_verified_address_gives_one_and_shows_that_it_is_theirs(
    federated: RunningProvider, elsewhere: SignInElsewhere, name: str, person: str
) -> None:
    browser = await federated.browser()
    page = await elsewhere(browser, name, person)
    assert await federated.parts.accounts.find("uma@example.com") is None
    page = await browser.submit(page, email="somebody@example.com")
    assert await federated.parts.accounts.find("somebody@example.com") is None
    page = await browser.submit(page, code=(await federated.mails.latest("somebody@example.com")).code)
    assert path_of(page) == "/account"
    user = await federated.parts.accounts.find("somebody@example.com")
    assert user is not None
    assert user.email_verified
    page = await elsewhere(await federated.browser(), name, person)
    assert path_of(page) == "/account"


async def test_an_address_proven_here_that_has_an_account_still_asks_for_its_password(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated(github={"auto_link": True})
    await provider.create_user(VERA, PASSWORD)
    browser = await provider.browser()
    page = await browser.submit(await elsewhere(browser, "github", "noel"), email=VERA)
    page = await browser.submit(page, code=(await provider.mails.latest(VERA)).code)
    assert path_of(page) == "/login"
    assert await identities(provider, VERA) == []
    page = await browser.submit(page, email=VERA, password=PASSWORD)
    assert await identities(provider, VERA) == [("github", "1003")]


async def test_the_session_is_another_one_after_a_sign_in_elsewhere(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    """Keycloak CVE-2026-7507."""
    browser = await federated.browser()
    browser.client.cookies.set(SESSION, "planted", domain="localhost.local", path="/")
    await elsewhere(browser, "google", "vera")
    first = browser.cookies[SESSION]
    page = await browser.get("/login")
    assert first != "planted"
    federated.clock.advance(3600)
    page = await connections_page(browser)
    await elsewhere(browser, "google", "vera", str(page.url))
    assert browser.cookies[SESSION] != first


async def test_a_provider_of_another_name_is_another_key(
    make_federated: MakeFederated, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    """The same issuer and subject under another name is not the same identity."""
    provider = await make_federated()
    await elsewhere(await provider.browser(), "google", "vera")
    upstreams.github.people["evil"] = replace(
        upstreams.github.people["noel"], key="evil", number=1001, email="evil@example.com", verified=True
    )
    page = await elsewhere(await provider.browser(), "github", "evil")
    assert "evil@example.com" in text_of(page)


def _shape(page: str) -> list[str]:
    """Return a page without what differs from request to request."""
    return [line for line in page.splitlines() if "csrf_token" not in line and 'name="tx"' not in line]
