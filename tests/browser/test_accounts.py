"""Accounts of people's own making in Chromium: from an app's sign-in button to the end of the account."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.stranger import Stranger
from tests.support.browser import Complaints
from tests.support.running import RunningDemo


@pytest.fixture
def stranger(page: Page, demo: RunningDemo) -> Stranger:
    """Somebody without an account."""
    return Stranger(page, demo)


@pytest.fixture
async def phone(chromium: Browser) -> AsyncIterator[Page]:
    """Another device."""
    context = await chromium.new_context(viewport={"width": 390, "height": 844})
    yield await context.new_page()
    await context.close()


async def arrive(stranger: Stranger) -> None:
    """Allow, and be signed in at the app."""
    await stranger.press("Allow")
    await stranger.page.wait_for_url(f"{stranger.demo.app_url}/dashboard")


async def test_register_at_an_app_verify_by_link_on_another_device_and_go_on_here(
    stranger: Stranger, phone: Page, complaints: Complaints
) -> None:
    await stranger.come_from_the_app()
    await stranger.register()
    await phone.goto(await stranger.link())
    await phone.get_by_role("button", name="Confirm").click()
    await expect(phone.get_by_role("heading", level=1)).to_have_text("Your email is confirmed")
    await arrive(stranger)  # the page that waited has gone on by itself
    await expect(stranger.page.get_by_role("heading", level=1)).to_contain_text("Sam Stranger")
    assert complaints.heard == []


async def test_register_at_an_app_and_verify_by_code(stranger: Stranger, complaints: Complaints) -> None:
    await stranger.come_from_the_app()
    await stranger.register()
    await stranger.page.get_by_label("Code").fill(await stranger.code())
    await stranger.page.keyboard.press("Enter")
    await arrive(stranger)
    assert complaints.heard == []


async def test_everything_works_without_scripts(chromium: Browser, demo: RunningDemo) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    stranger = Stranger(await context.new_page(), demo)
    await stranger.come_from_the_app()
    await stranger.page.get_by_role("link", name="Create an account").click()
    await stranger.fill_in_registration()
    await expect(stranger.page.get_by_role("button", name="Show")).to_have_count(0)
    await stranger.press("Only check the password")
    await expect(stranger.page.get_by_role("status")).to_contain_text("strong")
    await stranger.fill_in_registration()
    await stranger.press("Create account")
    link = Stranger(await (await chromium.new_context()).new_page(), demo, stranger.email)
    await link.page.goto(await stranger.link())
    await link.press("Confirm")
    await expect(link.page.get_by_role("heading", level=1)).to_have_text("Your email is confirmed")
    await link.page.context.close()
    await stranger.press("I have opened the link")
    await arrive(stranger)
    await context.close()


async def test_a_forgotten_password_within_a_sign_in_at_an_app(
    stranger: Stranger, complaints: Complaints
) -> None:
    await stranger.have_account()
    await stranger.press("Sign out")
    await stranger.come_from_the_app()
    await stranger.page.get_by_role("link", name="Forgot your password?").click()
    await stranger.page.get_by_label("Email").fill(stranger.email)
    await stranger.press("Send the link")
    await stranger.page.get_by_text("is on its way").wait_for()
    await stranger.page.goto(await stranger.link())
    stranger.password = "an even quieter otter"
    await stranger.page.get_by_label("New password").fill(stranger.password)
    await stranger.press("Change the password")
    await stranger.page.get_by_role("link", name="Sign in").click()
    await stranger.sign_in()
    await arrive(stranger)
    assert complaints.heard == []


async def test_a_deleted_account_has_no_tokens_and_comes_back_by_its_mail(
    stranger: Stranger, phone: Page
) -> None:
    await stranger.come_from_the_app()
    await stranger.register()
    await stranger.page.get_by_label("Code").fill(await stranger.code())
    await stranger.press("Confirm")
    await arrive(stranger)
    await stranger.page.goto(f"{stranger.demo.issuer}/account/data")
    await stranger.page.get_by_role("link", name="Delete your account").click()
    await stranger.page.get_by_role("textbox").fill(stranger.email)
    await stranger.press("Delete the account")
    await expect(stranger.page.get_by_role("heading", level=1)).to_have_text("Your account is deleted")
    await stranger.page.goto(f"{stranger.demo.app_url}/dashboard")
    await stranger.press("Refresh tokens")
    await expect(stranger.page.locator("body")).to_contain_text("no longer accepts")
    owner = Stranger(phone, stranger.demo, stranger.email)
    await phone.goto(f"{stranger.demo.issuer}/login")
    await owner.sign_in()
    await expect(phone.get_by_role("alert")).to_contain_text("deleted by its owner")
    await phone.goto(await stranger.link())
    await owner.press("Keep it")
    await phone.get_by_role("link", name="Sign in").click()
    await owner.sign_in()
    await phone.wait_for_url("**/account")


async def test_the_password_can_be_seen_and_is_judged_while_it_is_typed(
    stranger: Stranger, complaints: Complaints
) -> None:
    page = stranger.page
    await page.goto(f"{stranger.demo.issuer}/register")
    password, meter = page.get_by_label("Password"), page.get_by_role("status")
    await password.press_sequentially("otter")
    await expect(meter).to_contain_text("Use at least")
    await password.fill("a boat full of quiet otters")
    await expect(meter).to_contain_text("strong")
    show = page.get_by_role("button", name="Show")
    await show.focus()
    await page.keyboard.press("Enter")
    await expect(password).to_have_attribute("type", "text")
    await expect(page.get_by_role("button", name="Hide")).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("Space")
    await expect(password).to_have_attribute("type", "password")
    await password.fill("")
    await expect(page.locator(".strength-bar")).to_be_hidden()
    assert complaints.heard == []


async def test_password_managers_and_phones_know_the_fields(stranger: Stranger) -> None:
    page = stranger.page
    await page.goto(f"{stranger.demo.issuer}/register")
    for label, token in (("Email", "email"), ("Name", "name"), ("Password", "new-password")):
        await expect(page.get_by_label(label)).to_have_attribute("autocomplete", token)
    await stranger.fill_in_registration()
    await page.keyboard.press("Enter")
    code = page.get_by_label("Code")
    await expect(code).to_have_attribute("autocomplete", "one-time-code")
    await expect(code).to_have_attribute("inputmode", "numeric")
    await expect(code).to_be_focused()


async def test_a_session_elsewhere_is_ended_with_the_keyboard(
    stranger: Stranger, phone: Page, complaints: Complaints
) -> None:
    await stranger.have_account()
    elsewhere = Stranger(phone, stranger.demo, stranger.email)
    await phone.goto(f"{stranger.demo.issuer}/account")
    await elsewhere.sign_in()
    await phone.wait_for_url("**/account")
    await stranger.page.get_by_role("link", name="Sessions").press("Enter")
    await stranger.page.get_by_role("button", name=re.compile("^End.*Chrome")).press("Enter")
    await expect(stranger.page.get_by_role("status")).to_contain_text("has ended")
    await phone.reload()
    await expect(phone.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert complaints.heard == []
