"""Signing in with Google and GitHub, or what stands in for them, in Chromium, from the app's button."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.newcomer import Newcomer
from tests.support.browser import Complaints
from tests.support.running import RunningDemo, running_demo


@pytest.fixture
async def own_demo(tmp_path: Path) -> AsyncIterator[RunningDemo]:
    """A demo in which nobody has been yet."""
    with running_demo(tmp_path) as demo:
        yield demo


async def go(page: Page, demo: RunningDemo, provider: str, person: str) -> None:
    """From the app's button to a person at a provider."""
    await page.goto(demo.app_url)
    await page.get_by_role("link", name="Sign in").first.click()
    await choose(page, provider, person)


async def choose(page: Page, provider: str, person: str) -> None:
    """From the sign-in page to a person at a provider."""
    await page.get_by_role("link", name=f"Continue with {provider}").click()
    await expect(page.get_by_text(f"This is not {provider}.")).to_be_visible()
    await page.get_by_role("button", name=person).click()


async def sign_out(page: Page) -> None:
    """Sign out at the app, and with it at the provider."""
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("signed out")


async def test_first_sign_in_and_again_with_both_providers(
    page: Page, own_demo: RunningDemo, complaints: Complaints
) -> None:
    title = page.get_by_role("heading", level=1)
    await go(page, own_demo, "Google", "Vera Verified")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect(title).to_have_text("Vera Verified")
    await sign_out(page)
    await go(page, own_demo, "Google", "Vera Verified")
    await expect(title).to_have_text("Vera Verified")
    await sign_out(page)
    await go(page, own_demo, "GitHub", "Dana Demo")
    await expect(
        page.get_by_text("An account with the address demo@example.com already exists")
    ).to_be_visible()
    await page.get_by_label("Email").fill(own_demo.email)
    await page.get_by_label("Password", exact=True).fill(own_demo.password)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect(title).to_have_text("Dana Demo")
    await sign_out(page)
    await go(page, own_demo, "GitHub", "Dana Demo")
    await expect(title).to_have_text("Dana Demo")
    await page.goto(f"{own_demo.issuer}/account/connections")
    await page.get_by_role("button", name=re.compile("Unlink")).click()
    await expect(page.get_by_role("status")).to_contain_text("was unlinked")
    await page.get_by_role("button", name="Link Google").click()
    await page.get_by_role("button", name="Noel Nomail").click()
    await expect(page.get_by_role("status")).to_contain_text("Your Google account is linked")
    assert complaints.heard == []


async def test_cancelling_leads_back_and_the_password_still_works(
    page: Page, newcomer: Newcomer, demo: RunningDemo
) -> None:
    await newcomer.start("?prompt=consent")
    await choose(page, "Google", "Cancel")
    await expect(page.get_by_role("alert")).to_contain_text("You cancelled the sign-in with Google")
    await newcomer.give_password()
    await newcomer.press("Allow")
    await page.wait_for_url(f"{demo.app_url}/dashboard")


async def test_a_provider_that_is_down_is_told(page: Page, newcomer: Newcomer, own_demo: RunningDemo) -> None:
    newcomer.demo = own_demo
    await newcomer.start()
    await page.get_by_role("link", name="Continue with GitHub").click()
    await page.get_by_text("Let it fail").click()
    await page.get_by_label("Mode").select_option("rate_limited")
    await page.get_by_role("button", name="Set").click()
    await newcomer.start()
    await choose(page, "GitHub", "Vera Verified")
    await expect(page.get_by_role("alert")).to_contain_text("GitHub cannot be reached at the moment")
    await newcomer.give_password()
    await newcomer.press("Allow")


async def test_two_tabs_with_two_providers(context: BrowserContext, own_demo: RunningDemo) -> None:
    one, other = await context.new_page(), await context.new_page()
    for tab in (one, other):
        await tab.goto(f"{own_demo.app_url}/login?prompt=consent")
    await one.get_by_role("link", name="Continue with Google").click()
    await other.get_by_role("link", name="Continue with GitHub").click()
    await other.get_by_role("button", name="Noel Nomail").click()
    await one.get_by_role("button", name="Vera Verified").click()
    await one.get_by_role("button", name="Allow", exact=True).click()
    await expect(one.get_by_role("heading", level=1)).to_have_text("Vera Verified")


async def test_who_has_no_address_gives_one(page: Page, own_demo: RunningDemo) -> None:
    await go(page, own_demo, "GitHub", "Noel Nomail")
    await page.get_by_label("Email").fill("noel@example.com")
    await page.get_by_role("button", name="Continue", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Confirm your email")
    mail = await page.context.new_page()
    await mail.goto(f"{own_demo.issuer}/dev/mail")
    found = re.search(r"\b\d{6}\b", await mail.locator("main").inner_text())
    assert found is not None
    await page.get_by_label("Code").fill(found.group())
    await page.get_by_role("button", name="Confirm", exact=True).click()
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Noel Nomail")
