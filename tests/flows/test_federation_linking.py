"""Whose account somebody from elsewhere gets: nothing is linked silently, and nobody is pre-hijacked.

Keycloak CVE-2026-9087 and -15571, better-auth GHSA-g38m-r43w-p2q7, Zitadel CVE-2026-27946.
"""

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select

from idp.errors import InvalidValue
from idp.events.catalogue import AccountReclaimed, IdentityLinked, IdentityUnlinked
from idp.storage.models import OutboxMail, WebAuthnCredential
from tests.support.provider import Browser, RunningProvider, forms
from tests.support.upstreams import MakeFederated, SignInElsewhere, Upstreams, link_to, path_of, text_of

VERA = "vera@example.com"
PASSWORD = "a password of her own"
SESSION = "idp_session"


async def identities(provider: RunningProvider, email: str) -> list[tuple[str, str]]:
    """Return what is linked to the account with an address."""
    user = await provider.parts.accounts.find(email)
    assert user is not None
    links = await provider.parts.federation.connections.of_user(user.id)
    return [(link.provider, link.subject) for link in links]


async def events(provider: RunningProvider) -> list[str]:
    """Return the names of the audit trail, oldest first."""
    async with provider.database.reading() as uow:
        return [event.name for event in reversed(await uow.audit.page(None, 100))]


async def register(browser: Browser, email: str, password: str) -> httpx.Response:
    """Make an account on the page, as anybody can with anybody's address."""
    return await browser.submit(await browser.get("/register"), email=email, password=password)


async def connections_page(browser: Browser) -> httpx.Response:
    """Open the page of the account."""
    return await browser.get("/account/connections")


async def press(browser: Browser, page: httpx.Response, decision: str) -> httpx.Response:
    """Press the first such button of a page."""
    form = next(each for each in forms(page) if ("decision", decision) in each.buttons)
    return await browser.post("/account/connections", {**form.fields, "decision": decision})


async def test_the_owner_of_the_address_signs_in_first_and_then_it_is_linked(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    await federated.create_user(VERA, PASSWORD)
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "vera")
    assert path_of(page) == "/login"
    assert "There is an account with the address vera@example.com already" in page.text
    assert SESSION not in browser.cookies
    assert await identities(federated, VERA) == []
    page = await browser.submit(page, email=VERA, password=PASSWORD)
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
    for _ in range(6):
        page = await browser.submit(page, code="000000")
        assert "wrong or no longer good" in page.text
    page = await browser.submit(page, code=(await federated.mails.latest(VERA)).code)
    assert "wrong or no longer good" in page.text
    assert await identities(federated, VERA) == []
    stranger = await federated.browser()
    page = await stranger.submit(await elsewhere(stranger, "google", "noel"), email="free@example.com")
    assert _shape(text_of(page)) == _shape(known.replace(VERA, "free@example.com"))


DIFFERENT = [
    ("strasse@example.com", "stra\u00dfe@example.com"),
    ("fiona@example.com", "\ufb01ona@example.com"),
    ("vera@example.com", "\uff56era@example.com"),
    ("jos\u00e9@example.com", "jose\u0301@example.com"),
    ("vera@example.com", "Vera@example.com"),
]
"""Addresses that find each other's account, and may be two people's."""


def arrives_as(upstreams: Upstreams, email: str) -> None:
    """Let Vera's verified address at Google be another one."""
    upstreams.google.people["vera"] = replace(upstreams.google.people["vera"], email=email)


@pytest.mark.parametrize(("verified", "registered"), DIFFERENT)
async def test_a_verified_address_does_not_verify_another_persons_that_looks_alike(
    make_federated: MakeFederated,
    elsewhere: SignInElsewhere,
    upstreams: Upstreams,
    verified: str,
    registered: str,
) -> None:
    """Whoever owns the one registers the other, and arrives through Google: not even so is it verified."""
    provider = await make_federated(
        google={"auto_link": True}, registration={"verify_email": "before_claims"}
    )
    await register(await provider.browser(), registered, PASSWORD)
    arrives_as(upstreams, verified)
    browser = await provider.browser()
    page = await elsewhere(browser, "google", "vera")
    assert path_of(page) == "/federation/welcome"
    assert SESSION not in browser.cookies
    user = await provider.parts.accounts.find(registered)
    assert user is not None
    assert (user.email, user.email_verified) == (registered, False)
    assert user.password_hash is not None
    assert await identities(provider, registered) == []


@pytest.mark.parametrize(("verified", "registered"), DIFFERENT)
async def test_who_reads_the_mail_of_the_other_spelling_gets_the_account_emptied(
    make_federated: MakeFederated,
    elsewhere: SignInElsewhere,
    upstreams: Upstreams,
    verified: str,
    registered: str,
) -> None:
    provider = await make_federated(registration={"verify_email": "before_claims"})
    await register(await provider.browser(), registered, PASSWORD)
    arrives_as(upstreams, verified)
    browser = await provider.browser()
    page = await elsewhere(browser, "google", "vera")
    assert verified in text_of(page)
    page = await browser.submit(page, code=(await provider.mails.latest(registered)).code)
    assert path_of(page) == "/account"
    user = await provider.parts.accounts.find(verified)
    assert user is not None
    assert (user.email, user.email_verified, user.password_hash) == (registered, True, None)
    assert await identities(provider, verified) == [("google", "1001")]


@pytest.mark.parametrize(("verified", "registered"), DIFFERENT)
async def test_a_code_never_goes_to_a_spelling_that_the_account_does_not_have(
    federated: RunningProvider, elsewhere: SignInElsewhere, verified: str, registered: str
) -> None:
    await federated.create_user(registered, PASSWORD, verified=False)
    browser = await federated.browser()
    page = await browser.submit(await elsewhere(browser, "github", "noel"), email=verified)
    assert verified in text_of(page)
    async with federated.database.reading() as uow:
        mails = (await uow.session.scalars(select(OutboxMail))).all()
    assert [mail.recipient for mail in mails] == [registered]


async def test_an_account_of_another_spelling_is_never_linked_automatically(
    make_federated: MakeFederated, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    provider = await make_federated(google={"auto_link": True})
    await provider.create_user("stra\u00dfe@example.com", PASSWORD)
    arrives_as(upstreams, "strasse@example.com")
    page = await elsewhere(await provider.browser(), "google", "vera")
    assert path_of(page) == "/login"
    assert await identities(provider, "strasse@example.com") == []


async def test_the_two_ways_to_write_a_domain_are_one_mailbox(
    make_federated: MakeFederated, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    provider = await make_federated(google={"auto_link": True})
    await provider.create_user("vera@m\u00fcller.example.com", PASSWORD)
    arrives_as(upstreams, "vera@XN--mller-kva.example.com")
    assert path_of(await elsewhere(await provider.browser(), "google", "vera")) == "/account"


async def test_a_dot_more_is_somebody_else(
    federated: RunningProvider, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    await federated.create_user("v.era@example.com", PASSWORD, verified=False)
    assert path_of(await elsewhere(await federated.browser(), "google", "vera")) == "/account"
    assert await identities(federated, "v.era@example.com") == []
    assert await identities(federated, VERA) == [("google", "1001")]


# Without a verified address -----------------------------------------------------------------------------


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


# The account page ---------------------------------------------------------------------------------------


async def test_linking_and_unlinking_from_the_account_page(
    federated: RunningProvider, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    await federated.create_user("alice@example.com", PASSWORD)
    browser = await federated.browser()
    await browser.log_in("alice@example.com", PASSWORD)
    left = await press(browser, await connections_page(browser), "link")
    page = await browser.get(await upstreams.choose(left, "noel"))
    assert "account is linked" in page.text
    assert len(await identities(federated, "alice@example.com")) == 1
    page = await press(browser, page, "unlink")
    assert "not linked any more" in page.text
    assert await identities(federated, "alice@example.com") == []
    assert "unlinked" in (await federated.mails.latest("alice@example.com")).subject
    assert IdentityUnlinked.name in await events(federated)


async def test_the_last_way_to_sign_in_cannot_be_removed(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    await elsewhere(browser, "google", "vera")
    page = await press(browser, await connections_page(browser), "unlink")
    assert "the only way to sign in" in page.text
    assert await identities(federated, VERA) == [("google", "1001")]


async def test_of_two_links_only_one_can_go(
    federated: RunningProvider, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    browser = await federated.browser()
    await elsewhere(browser, "google", "vera")
    left = await press(browser, await connections_page(browser), "link")
    page = await browser.get(await upstreams.choose(left, "vera"))
    page = await press(browser, page, "unlink")
    page = await press(browser, page, "unlink")
    assert "the only way to sign in" in page.text
    assert len(await identities(federated, VERA)) == 1


async def begin_linking(federated: RunningProvider, email: str) -> tuple[Browser, httpx.Response]:
    """Sign in, and go as far as the provider to link an account there."""
    await federated.create_user(email, PASSWORD)
    browser = await federated.browser()
    await browser.log_in(email, PASSWORD)
    return browser, await press(browser, await connections_page(browser), "link")


async def test_the_callback_of_a_link_in_another_persons_browser_links_nothing(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    """Else whoever sent it could sign in to the other person's account from then on (RFC 6749 §10.12)."""
    mallory, left = await begin_linking(federated, "mallory@example.com")
    callback = await upstreams.choose(left, "noel")
    victim, _ = await begin_linking(federated, "victim@example.com")
    page = await victim.get(callback)
    assert page.status_code == 400
    assert await identities(federated, "victim@example.com") == []
    assert await identities(federated, "mallory@example.com") == []
    assert "account is linked" in (await mallory.get(callback)).text


async def test_a_link_that_was_asked_for_by_who_was_signed_in_before_links_nothing(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    browser, left = await begin_linking(federated, "mallory@example.com")
    callback = await upstreams.choose(left, "noel")
    await federated.create_user("victim@example.com", PASSWORD)
    browser.client.cookies.delete(SESSION)
    await browser.log_in("victim@example.com", PASSWORD)
    page = await browser.get(callback)
    assert "not signed in any more as who asked for this" in page.text
    assert await identities(federated, "victim@example.com") == []
    assert await identities(federated, "mallory@example.com") == []


async def test_the_callback_of_a_link_counts_once(federated: RunningProvider, upstreams: Upstreams) -> None:
    browser, left = await begin_linking(federated, "alice@example.com")
    callback = await upstreams.choose(left, "noel")
    page = await browser.get(callback)
    await press(browser, page, "unlink")
    assert (await browser.get(callback)).status_code == 400
    assert await identities(federated, "alice@example.com") == []


async def test_the_callback_of_a_link_signs_nobody_in(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    browser, left = await begin_linking(federated, "alice@example.com")
    callback = await upstreams.choose(left, "noel")
    browser.client.cookies.delete(SESSION)
    await browser.get(callback)
    assert SESSION not in browser.cookies
    assert await identities(federated, "alice@example.com") == []


async def take_away(provider: RunningProvider, name: str) -> None:
    """Remove a provider, as the operator does in the configuration."""
    del provider.parts.federation.providers._configured[name]


async def test_a_link_to_a_provider_that_is_gone_is_no_way_in_but_can_be_removed(
    federated: RunningProvider, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    browser = await federated.browser()
    await elsewhere(browser, "google", "vera")
    federated.clock.advance(1)  # what is linked later is listed later
    left = await press(browser, await connections_page(browser), "link")
    await browser.get(await upstreams.choose(left, "vera"))
    await take_away(federated, "google")
    page = await connections_page(browser)
    assert "You cannot sign in with it at the moment" in page.text
    (gone, works) = [form for form in forms(page) if ("decision", "unlink") in form.buttons]
    page = await browser.post("/account/connections", {**works.fields, "decision": "unlink"})
    assert "the only way to sign in" in page.text
    page = await browser.post("/account/connections", {**gone.fields, "decision": "unlink"})
    assert await identities(federated, VERA) == [("github", "1001")]


async def test_a_link_to_the_former_issuer_of_a_provider_is_no_way_in(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated()
    browser = await provider.browser()
    await elsewhere(browser, "google", "vera")
    await provider.parts.federation.providers.get("google")
    provider.parts.federation.providers._configured["google"].issuer = "https://new.example"
    page = await connections_page(browser)
    assert "You cannot sign in with it at the moment" in page.text
    assert "Link Google" in page.text


async def test_the_last_passkey_cannot_be_removed_when_nothing_else_works(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    await elsewhere(browser, "google", "vera")
    user = await federated.parts.accounts.find(VERA)
    assert user is not None
    passkey = WebAuthnCredential(
        id="passkey",
        user_id=user.id,
        credential_id="1",
        public_key=b"",
        sign_count=0,
        name="Laptop",
        discoverable=True,
        created_at=federated.clock.now(),
    )
    async with federated.database.unit_of_work() as uow:
        await uow.factors.add(passkey)
    await take_away(federated, "google")
    with pytest.raises(InvalidValue, match="the only way to sign in"):
        await federated.parts.second_factors.remove(user, "webauthn", "passkey")
    await federated.parts.accounts.set_password(user.id, PASSWORD)
    await federated.parts.second_factors.remove(user, "webauthn", "passkey")


async def test_an_account_elsewhere_is_linked_to_one_account_only(
    federated: RunningProvider, elsewhere: SignInElsewhere, upstreams: Upstreams
) -> None:
    await elsewhere(await federated.browser(), "github", "vera")
    await federated.create_user("mallory@example.com", PASSWORD)
    browser = await federated.browser()
    await browser.log_in("mallory@example.com", PASSWORD)
    left = await press(browser, await connections_page(browser), "link")
    page = await browser.get(await upstreams.choose(left, "vera"))
    assert "linked to another account" in page.text
    assert await identities(federated, "mallory@example.com") == []


async def test_links_are_changed_only_after_a_recent_sign_in(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    await elsewhere(browser, "google", "vera")
    federated.clock.advance(3600)
    page = await connections_page(browser)
    assert path_of(page) == "/login"
    page = await elsewhere(browser, "google", "vera", str(page.url))
    assert path_of(page) == "/account/connections"


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
