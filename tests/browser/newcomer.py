"""The newcomer's steps, shared by the journeys."""

from playwright.async_api import Page

from tests.support.running import RunningDemo


class Newcomer:
    """Somebody at the demo, in one tab."""

    def __init__(self, page: Page, demo: RunningDemo) -> None:
        self.page = page
        self.demo = demo

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def start(self, query: str = "") -> None:
        """Come to the sign-in page by way of the app."""
        await self.page.goto(f"{self.demo.app_url}/login{query}")

    async def give_password(self, password: str | None = None) -> None:
        await self.page.get_by_label("Email").fill(self.demo.email)
        await self.page.get_by_label("Password").fill(password or self.demo.password)
        await self.press("Sign in")

    async def sign_in(self, query: str = "?prompt=consent") -> None:
        """Come to the dashboard, however much has been allowed before."""
        await self.start(query)
        await self.give_password()
        await self.press("Allow")
        await self.page.wait_for_url(f"{self.demo.app_url}/dashboard")
