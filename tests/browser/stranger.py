"""Somebody who has no account yet, or one of their own making, at the demo. Their mail is on the page that shows it."""

import html
import re
import secrets
from dataclasses import dataclass, field

from playwright.async_api import Page

from tests.support.running import RunningDemo


@dataclass
class Stranger:
    """A person in one tab."""

    page: Page
    demo: RunningDemo
    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@example.com")
    password: str = "a boat full of quiet otters"

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def come_from_the_app(self) -> None:
        """Press the app's sign-in button."""
        await self.page.goto(self.demo.app_url)
        await self.page.get_by_role("link", name="Sign in").click()

    async def fill_in_registration(self) -> None:
        await self.page.get_by_label("Email").fill(self.email)
        await self.page.get_by_label("Name").fill("Sam Stranger")
        await self.page.get_by_label("Password").fill(self.password)

    async def register(self) -> None:
        """From the sign-in page to the one that asks for the code."""
        await self.page.get_by_role("link", name="Create an account").click()
        await self.fill_in_registration()
        await self.press("Create account")
        await self.page.get_by_label("Code").wait_for()

    async def sign_in(self) -> None:
        await self.page.get_by_label("Email").fill(self.email)
        await self.page.get_by_label("Password").fill(self.password)
        await self.press("Sign in")

    async def have_account(self) -> None:
        """Register without an app and end on the account page."""
        await self.page.goto(f"{self.demo.issuer}/login")
        await self.register()
        await self.page.get_by_label("Code").fill(await self.code())
        await self.press("Confirm")
        await self.page.wait_for_url("**/account")

    async def mail(self) -> str:
        """The text of the latest mail to them."""
        answer = await self.page.request.get(f"{self.demo.issuer}/dev/mail")
        for item in (await answer.text()).split("<summary>"):
            if f"<bdi>{self.email}</bdi>" in item:
                return html.unescape(re.sub(r"<[^>]+>", "", item.partition("mail-source")[0]))
        raise AssertionError(f"there is no mail to {self.email}")

    async def code(self) -> str:
        found = re.search(r"^\s*(\d{6})\s*$", await self.mail(), re.MULTILINE)
        assert found is not None
        return found[1]

    async def link(self) -> str:
        found = re.search(rf"{re.escape(self.demo.issuer)}/\S+token=\S+", await self.mail())
        assert found is not None
        return found[0]
