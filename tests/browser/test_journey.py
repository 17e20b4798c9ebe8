"""The newcomer's journey through `idp dev`, in Chromium."""

import re

from playwright.async_api import BrowserContext, Page, expect

from tests.browser.newcomer import Newcomer
from tests.support.browser import Complaints
from tests.support.running import RunningDemo


async def test_from_the_first_page_to_signing_out(
    page: Page, newcomer: Newcomer, demo: RunningDemo, complaints: Complaints
) -> None:
    await page.goto(demo.app_url)
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    await newcomer.start("?prompt=consent")  # as it is the first time, whoever was here before
    await newcomer.give_password("not-the-password")
    await expect(page.get_by_role("alert")).to_contain_text("do not match")
    await expect(page.get_by_label("Email")).to_have_value(demo.email)
    await expect(page.get_by_label("Password")).to_be_focused()
    await newcomer.give_password()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Demo app wants to use your")
    await newcomer.press("Allow")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Dana Demo")
    await newcomer.press("Refresh tokens")
    await expect(page.get_by_role("status")).to_contain_text("→")
    await newcomer.press("Call the protected resource")
    await expect(page.locator(".outcome.good")).to_be_visible()
    await newcomer.press("Call it with the wrong token")
    await expect(page.locator(".outcome.bad")).to_be_visible()
    await newcomer.press("Sign out")
    await expect(page.get_by_role("status")).to_have_text(
        "You are signed out, here and at the provider.", use_inner_text=True
    )
    await page.get_by_role("link", name="Sign in").click()
    await expect(page.get_by_label("Password")).to_be_visible()
    assert complaints.heard == []


async def test_an_app_can_ask_for_the_password_again(page: Page, newcomer: Newcomer) -> None:
    await newcomer.sign_in()
    await page.get_by_role("link", name="Sign in again").click()
    await expect(page.get_by_label("Email")).to_have_value(newcomer.demo.email)
    await newcomer.give_password()
    await page.wait_for_url("**/dashboard")
    await expect(page.get_by_role("status")).to_contain_text("once more")


async def test_two_tabs_sign_in_side_by_side(context: BrowserContext, demo: RunningDemo) -> None:
    one = Newcomer(await context.new_page(), demo)
    other = Newcomer(await context.new_page(), demo)
    await one.start("?prompt=consent")
    await other.start("?prompt=consent")
    await one.give_password()
    await other.give_password()
    for tab in (other, one):
        await tab.press("Allow")
        await tab.page.wait_for_url(f"{demo.app_url}/dashboard")


async def test_keys_alone_lead_through_sign_in_and_consent(page: Page, newcomer: Newcomer) -> None:
    await newcomer.start("?prompt=consent")
    await expect(page.get_by_label("Email")).to_be_focused()
    await page.keyboard.type(newcomer.demo.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(newcomer.demo.password)
    await page.keyboard.press("Enter")
    allow = page.get_by_role("button", name="Allow", exact=True)
    await expect(allow).to_be_visible()
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await allow.evaluate("(button) => button === document.activeElement"):
            break
    await expect(allow).to_be_focused()
    assert await allow.evaluate("(button) => getComputedStyle(button).outlineStyle") != "none"
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/dashboard")


async def test_password_managers_know_the_fields(page: Page, newcomer: Newcomer) -> None:
    await newcomer.start()
    email, password = page.get_by_label("Email"), page.get_by_label("Password")
    await expect(email).to_have_attribute("autocomplete", "username webauthn")
    await expect(email).to_have_attribute("name", "email")
    await expect(password).to_have_attribute("autocomplete", "current-password")
    await expect(password).to_have_attribute("name", "password")
    await expect(password).to_have_attribute("type", "password")
    assert await page.evaluate("document.querySelector('[type=email]').form === document.forms[0]")
    assert await page.evaluate("document.querySelector('[type=password]').form === document.forms[0]")


async def test_a_form_from_before_the_end_is_answered_with_a_sentence(page: Page, newcomer: Newcomer) -> None:
    await newcomer.start("?prompt=consent")
    form = page.url
    await newcomer.give_password()
    await newcomer.press("Allow")
    await page.wait_for_url("**/dashboard")
    await page.go_back()
    if not page.url.startswith(newcomer.demo.issuer):
        await page.goto(form)
    await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Start again|already"))
    await expect(page.locator(".error-id code")).not_to_be_empty()


async def test_cancelling_tells_the_app(page: Page, newcomer: Newcomer) -> None:
    await newcomer.start()
    await newcomer.press("Cancel")
    await page.wait_for_url(f"{newcomer.demo.app_url}/**")
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()


async def test_denying_tells_the_app(page: Page, newcomer: Newcomer) -> None:
    await newcomer.start("?prompt=consent")
    await newcomer.give_password()
    await newcomer.press("Deny")
    await page.wait_for_url(f"{newcomer.demo.app_url}/**")
    await expect(page.get_by_role("heading", level=1)).not_to_have_text("Dana Demo")


async def test_a_mistyped_redirect_uri_is_explained(page: Page, demo: RunningDemo) -> None:
    wrong = f"{demo.app_url}/calback"
    await page.goto(
        f"{demo.issuer}/authorize?client_id=demo-app&response_type=code&scope=openid&redirect_uri={wrong}"
    )
    explained = page.get_by_role("region", name="For the developer")
    await expect(explained).to_contain_text(wrong)
    await expect(explained).to_contain_text(f"{demo.app_url}/callback")
    assert page.url.startswith(demo.issuer)


async def test_the_account_page_signs_in_and_out_by_itself(
    page: Page, newcomer: Newcomer, demo: RunningDemo, complaints: Complaints
) -> None:
    await page.goto(f"{demo.issuer}/account")
    await newcomer.give_password()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your account")
    await newcomer.press("Sign out")
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    assert complaints.heard == []
