"""Each page in each guise: narrow and wide, light and dark. Nothing scrolls sideways, axe and the console are silent.

`GALLERY=/some/directory make test PYTEST=tests/browser` leaves pictures of all of them there.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.guises import faults_in_each_guise
from tests.browser.newcomer import Newcomer
from tests.support.browser import Complaints
from tests.support.running import Account, ServedProvider

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def sign_in_page(newcomer: Newcomer) -> None:
    await newcomer.start()


async def wrong_password(newcomer: Newcomer) -> None:
    await newcomer.start()
    await newcomer.give_password("not-the-password")
    await newcomer.page.get_by_role("alert").wait_for()


async def consent(newcomer: Newcomer) -> None:
    await newcomer.start("?prompt=consent")
    await newcomer.give_password()
    await newcomer.page.get_by_role("button", name="Allow", exact=True).wait_for()


async def choose_account(newcomer: Newcomer) -> None:
    await newcomer.sign_in()
    await newcomer.page.goto(authorize(newcomer, prompt="select_account"))


async def form_post(newcomer: Newcomer) -> None:
    await newcomer.sign_in()
    await newcomer.page.route("**/static/form_post.js*", _without_script)
    await newcomer.page.goto(authorize(newcomer, response_mode="form_post"))


async def account(newcomer: Newcomer) -> None:
    await newcomer.sign_in()
    await newcomer.page.goto(f"{newcomer.demo.issuer}/account")


async def sign_out_question(newcomer: Newcomer) -> None:
    await newcomer.sign_in()
    await newcomer.page.goto(f"{newcomer.demo.issuer}/end_session?client_id=demo-app")


async def signed_out(newcomer: Newcomer) -> None:
    await newcomer.page.goto(f"{newcomer.demo.issuer}/end_session")


async def mistyped_redirect_uri(newcomer: Newcomer) -> None:
    await newcomer.page.goto(authorize(newcomer, redirect_uri=f"{newcomer.demo.app_url}/calback"))


async def start_again(newcomer: Newcomer) -> None:
    await newcomer.page.goto(f"{newcomer.demo.issuer}/login?tx=unknown")


async def not_found(newcomer: Newcomer) -> None:
    await newcomer.page.goto(f"{newcomer.demo.issuer}/nowhere")


async def development_mail(newcomer: Newcomer) -> None:
    await newcomer.page.goto(f"{newcomer.demo.issuer}/dev/mail")


async def demo_home(newcomer: Newcomer) -> None:
    await newcomer.page.goto(newcomer.demo.app_url)


async def demo_dashboard(newcomer: Newcomer) -> None:
    await newcomer.sign_in()
    await newcomer.press("Refresh tokens")
    await newcomer.page.locator(".outcome").wait_for()


async def demo_problem(newcomer: Newcomer) -> None:
    await newcomer.page.goto(f"{newcomer.demo.app_url}/login?prompt=none")


PAGES: Mapping[str, Callable[[Newcomer], Awaitable[None]]] = {
    "sign-in": sign_in_page,
    "wrong-password": wrong_password,
    "consent": consent,
    "choose-account": choose_account,
    "form-post": form_post,
    "account": account,
    "sign-out": sign_out_question,
    "signed-out": signed_out,
    "mistyped-redirect-uri": mistyped_redirect_uri,
    "start-again": start_again,
    "not-found": not_found,
    "development-mail": development_mail,
    "demo-home": demo_home,
    "demo-dashboard": demo_dashboard,
    "demo-problem": demo_problem,
}


def authorize(newcomer: Newcomer, **parameters: str) -> str:
    query = {
        "client_id": "demo-app",
        "response_type": "code",
        "scope": "openid profile email offline_access",
        "redirect_uri": f"{newcomer.demo.app_url}/callback",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"{newcomer.demo.issuer}/authorize?{urlencode(query | parameters)}"


async def _without_script(route: Route) -> None:
    await route.fulfill(body="", content_type="text/javascript")


@pytest.mark.parametrize("name", PAGES)
async def test_the_page_is_sound_in_every_guise(
    name: str, page: Page, newcomer: Newcomer, complaints: Complaints, axe: str, gallery: Path | None
) -> None:
    await PAGES[name](newcomer)
    await expect(page).to_have_title(re.compile("."))
    assert await faults_in_each_guise(page, name, axe, gallery) == []
    assert complaints.heard == []


async def test_long_names_do_not_break_the_consent_page(
    page: Page, running_provider: ServedProvider, axe: str, gallery: Path | None
) -> None:
    callback = "https://a-rather-long-host-name.of-a-department.university.example.org/callback"
    client = running_provider.create_client("Donaudampfschifffahrts" * 3, "--redirect-uri", callback)
    somebody: Account = running_provider.create_user(
        "wolfeschlegelsteinhausenbergerdorff.hubert@departement.example.org", "Wolfeschlegelstein" * 3
    )
    query = {
        "client_id": client["client_id"],
        "response_type": "code",
        "scope": "openid profile email address phone offline_access",
        "prompt": "consent",
        "redirect_uri": callback,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    await page.goto(f"{running_provider.issuer}/authorize?{urlencode(query)}")
    await page.get_by_label("Email").fill(somebody.email)
    await page.get_by_label("Password").fill(somebody.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Allow", exact=True).wait_for()
    assert await faults_in_each_guise(page, "long-names", axe, gallery) == []
