"""The pages of accounts of people's own making, each in each guise."""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.guises import faults_in_each_guise
from tests.browser.newcomer import Newcomer
from tests.browser.stranger import Stranger
from tests.support.browser import Complaints
from tests.support.running import RunningDemo


async def register(stranger: Stranger) -> None:
    await stranger.come_from_the_app()
    await stranger.page.get_by_role("link", name="Create an account").click()


async def refused_registration(stranger: Stranger) -> None:
    await register(stranger)
    stranger.password = "sam"
    await stranger.fill_in_registration()
    await stranger.page.get_by_text("very weak").wait_for()
    await stranger.press("Create account")
    await stranger.page.get_by_text("Use at least").wait_for()


async def verify(stranger: Stranger) -> None:
    await stranger.come_from_the_app()
    await stranger.register()


async def wrong_code(stranger: Stranger) -> None:
    await verify(stranger)
    await stranger.page.get_by_label("Code").fill("000000")
    await stranger.press("Confirm")
    await stranger.page.locator(".field-error").wait_for()


async def verify_link(stranger: Stranger) -> None:
    await verify(stranger)
    await stranger.page.goto(await stranger.link())


async def dead_link(stranger: Stranger) -> None:
    await stranger.page.goto(f"{stranger.demo.issuer}/verify-email/link?token=used")


async def recover(stranger: Stranger) -> None:
    await stranger.page.goto(f"{stranger.demo.issuer}/recover")


async def recover_sent(stranger: Stranger) -> None:
    await recover(stranger)
    await stranger.page.get_by_label("Email").fill(stranger.email)
    await stranger.press("Send the link")


async def reset(stranger: Stranger) -> None:
    await stranger.have_account()
    await recover_sent(stranger)
    await stranger.page.goto(await stranger.link())
    await stranger.page.get_by_label("New password").fill("otters everywhere")
    await stranger.page.get_by_text("Strength:").wait_for()


async def apps(stranger: Stranger) -> None:
    newcomer = Newcomer(stranger.page, stranger.demo)
    await newcomer.sign_in()
    await stranger.page.goto(f"{stranger.demo.issuer}/account/apps")
    await stranger.page.get_by_text("Demo app").first.wait_for()


async def sessions(stranger: Stranger) -> None:
    await stranger.have_account()
    browser = stranger.page.context.browser
    assert browser is not None
    elsewhere = Stranger(await browser.new_page(), stranger.demo, stranger.email)
    await elsewhere.page.goto(f"{stranger.demo.issuer}/account")
    await elsewhere.sign_in()
    await elsewhere.page.close()
    await stranger.page.goto(f"{stranger.demo.issuer}/account/sessions")


async def profile_refused(stranger: Stranger) -> None:
    await page_of_account("profile")(stranger)
    await stranger.page.get_by_label("Birthdate").fill("?")
    await stranger.press("Save")
    await stranger.page.locator(".field-error").wait_for()


async def password_refused(stranger: Stranger) -> None:
    await page_of_account("password")(stranger)
    await stranger.page.get_by_label("Current password").fill("not it")
    await stranger.page.get_by_label("New password").fill("quite another password")
    await stranger.press("Change the password")
    await stranger.page.locator(".field-error").wait_for()


async def deleted(stranger: Stranger) -> None:
    await page_of_account("delete")(stranger)
    await stranger.page.get_by_role("textbox").fill(stranger.email)
    await stranger.press("Delete the account")
    await stranger.page.get_by_text("If you change your mind").wait_for()


async def restore(stranger: Stranger) -> None:
    await deleted(stranger)
    await stranger.page.goto(await stranger.link())


def page_of_account(name: str) -> Callable[[Stranger], Awaitable[None]]:
    async def come(stranger: Stranger) -> None:
        await stranger.have_account()
        await stranger.page.goto(f"{stranger.demo.issuer}/account/{name}")

    return come


PAGES: Mapping[str, Callable[[Stranger], Awaitable[None]]] = {
    "register": register,
    "refused-registration": refused_registration,
    "verify": verify,
    "wrong-code": wrong_code,
    "verify-link": verify_link,
    "dead-link": dead_link,
    "recover": recover,
    "recover-sent": recover_sent,
    "reset": reset,
    "profile": page_of_account("profile"),
    "profile-refused": profile_refused,
    "email": page_of_account("email"),
    "email-code": page_of_account("email/confirm"),
    "password": page_of_account("password"),
    "password-refused": password_refused,
    "sessions": sessions,
    "apps": apps,
    "data": page_of_account("data"),
    "delete": page_of_account("delete"),
    "deleted": deleted,
    "restore": restore,
}


@pytest.mark.parametrize("name", PAGES)
async def test_the_page_is_sound_in_every_guise(
    name: str, page: Page, demo: RunningDemo, complaints: Complaints, axe: str, gallery: Path | None
) -> None:
    await PAGES[name](Stranger(page, demo))
    await expect(page).to_have_title(re.compile("."))
    assert await faults_in_each_guise(page, name, axe, gallery) == []
    assert complaints.heard == []
