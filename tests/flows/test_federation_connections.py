"""Linking and unlinking on the account page: by who asked for it, and never the last way in that works."""

import httpx
import pytest

from idp.errors import InvalidValue
from idp.events.catalogue import IdentityUnlinked
from idp.storage.models import User, WebAuthnCredential
from tests.support.provider import Browser, RunningProvider, forms
from tests.support.upstreams import (
    MakeFederated,
    SignInElsewhere,
    Upstreams,
    connections_page,
    identities,
    path_of,
    press,
)

VERA = "vera@example.com"
PASSWORD = "a password of her own"
SESSION = "idp_session"


async def events(provider: RunningProvider) -> list[str]:
    """Return the names of the audit trail, oldest first."""
    async with provider.database.reading() as uow:
        return [event.name for event in reversed(await uow.audit.page(None, 100))]


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
    assert "was unlinked" in page.text
    assert await identities(federated, "alice@example.com") == []
    assert "unlinked" in (await federated.mails.latest("alice@example.com")).subject
    assert IdentityUnlinked.name in await events(federated)


async def test_cancelling_at_the_provider_links_nothing_and_speaks_of_no_sign_in(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    await federated.create_user("alice@example.com", PASSWORD)
    browser = await federated.browser()
    await browser.log_in("alice@example.com", PASSWORD)
    left = await press(browser, await connections_page(browser), "link")
    page = await browser.get(await upstreams.choose(left, ""))
    assert path_of(page) == "/account/connections"
    assert "You cancelled at GitHub, so nothing was linked." in page.text
    assert await identities(federated, "alice@example.com") == []


async def test_a_provider_that_is_down_is_told_on_the_page_of_the_connections(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    await federated.create_user("alice@example.com", PASSWORD)
    browser = await federated.browser()
    await browser.log_in("alice@example.com", PASSWORD)
    page = await connections_page(browser)
    upstreams.google.mode = "down"
    form = next(each for each in forms(page) if each.fields.get("provider") == "google")
    page = await browser.post("/account/connections", {**form.fields, "decision": "link"})
    assert (page.status_code, path_of(page)) == (503, "/account/connections")
    assert "cannot be reached at the moment" in page.text
    assert ("decision", "link") in forms(page)[-1].buttons


async def test_an_account_without_a_password_is_offered_to_set_one(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    await elsewhere(browser, "google", "vera")
    page = await browser.get("/account/password")
    assert "Set a password" in page.text
    assert "Change the password" not in page.text


async def test_the_last_way_to_sign_in_cannot_be_removed(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    await elsewhere(browser, "google", "vera")
    page = await press(browser, await connections_page(browser), "unlink")
    assert "the only way to sign in" in page.text
    assert await identities(federated, VERA) == [("google", "1001")]


async def test_a_user_without_a_password_is_not_told_that_a_password_protects_the_account(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    browser = await federated.browser()
    await elsewhere(browser, "google", "vera")
    assert "Only a password protects" not in (await browser.get("/account")).text
    await federated.create_user("alice@example.com", PASSWORD)
    browser = await federated.browser()
    page = await browser.log_in("alice@example.com", PASSWORD)
    assert "Only a password protects" in page.text


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
    assert "no longer signed in to the account that asked" in page.text
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


async def give_passkey_to(provider: RunningProvider, email: str) -> User:
    """Give somebody a passkey that signs in by itself, with the id `passkey`."""
    user = await provider.parts.accounts.find(email)
    assert user is not None
    passkey = WebAuthnCredential(
        id="passkey",
        user_id=user.id,
        credential_id="1",
        public_key=b"",
        name="Laptop",
        discoverable=True,
        created_at=provider.clock.now(),
    )
    async with provider.database.unit_of_work() as uow:
        await uow.factors.add(passkey)
    return user


async def test_the_last_passkey_cannot_be_removed_when_nothing_else_works(
    federated: RunningProvider, elsewhere: SignInElsewhere
) -> None:
    await elsewhere(await federated.browser(), "google", "vera")
    user = await give_passkey_to(federated, VERA)
    await take_away(federated, "google")
    with pytest.raises(InvalidValue, match="the only way to sign in"):
        await federated.parts.enrolled_factors.remove(user, "webauthn", "passkey")
    await federated.parts.accounts.set_password(user.id, PASSWORD)
    await federated.parts.enrolled_factors.remove(user, "webauthn", "passkey")


@pytest.mark.parametrize(("policy", "goes"), [("optional", True), ("off", False)])
async def test_a_passkey_is_another_way_in_only_where_passkeys_are_used(
    make_federated: MakeFederated, elsewhere: SignInElsewhere, policy: str, goes: bool
) -> None:
    provider = await make_federated(second_factor={"policy": policy})
    await elsewhere(await provider.browser(), "google", "vera")
    user = await give_passkey_to(provider, VERA)
    connections = provider.parts.federation.connections
    (link,) = await connections.of_user(user.id)
    if goes:
        await connections.unlink(user.id, link.id, "Google")
    else:
        with pytest.raises(InvalidValue, match="the only way to sign in"):
            await connections.unlink(user.id, link.id, "Google")


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
