"""Second factors and passkeys in Chromium, with its virtual authenticator (CTAP2) for a passkey's hardware."""

import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from playwright.async_api import BrowserContext, CDPSession, Page, expect

from tests.browser.guises import faults_in_each_guise
from tests.browser.test_pages import CHALLENGE
from tests.support.authenticator import totp
from tests.support.browser import Complaints
from tests.support.running import Account, ServedProvider

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
MULTI, SINGLE = "urn:idp:acr:mfa", "urn:idp:acr:1fa"
ASK_FOR_PASSKEY = """async (options) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey })).toJSON();
}"""


@dataclass
class Person:
    """Somebody at a browser, and the apps that they use. An app's callback is a page that does nothing."""

    page: Page
    provider: ServedProvider
    account: Account

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.provider.issuer}{path}")

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def give_password(self) -> None:
        await self.page.get_by_label("Email").fill(self.account.email)
        await self.page.get_by_label("Password").fill(self.account.password)
        await self.press("Sign in")

    async def give_code(self, code: str) -> None:
        await self.page.get_by_label("Code", exact=True).fill(code)
        await self.press("Continue")

    def app(self, *options: str) -> str:
        callback = f"{self.provider.issuer}/health"
        made = self.provider.create_client(
            "Shop", "--public", "--first-party", "--redirect-uri", callback, *options
        )
        return str(made["client_id"])

    async def visit(self, client_id: str, **parameters: str) -> None:
        query = {
            "client_id": client_id,
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": f"{self.provider.issuer}/health",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        await self.open(f"/authorize?{urlencode(query | parameters)}")

    async def arrived(self, client_id: str) -> dict[str, Any]:
        """The claims that the app gets."""
        await self.page.wait_for_url(re.compile(r"/health\?.*code="))
        values = {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(self.page.url).query)["code"][0],
            "redirect_uri": f"{self.provider.issuer}/health",
            "client_id": client_id,
            "code_verifier": VERIFIER,
        }
        async with httpx.AsyncClient(trust_env=False) as http:
            body = (await http.post(f"{self.provider.issuer}/token", data=values)).json()
        claims: dict[str, Any] = jwt.decode(body["id_token"], options={"verify_signature": False})
        return claims

    async def read_secret(self) -> str:
        await self.page.get_by_text("Can't scan? Type the key instead").click()
        return (await self.page.locator(".secret-key").inner_text()).replace(" ", "")

    async def set_up_app(self) -> tuple[str, list[str]]:
        """Set up an authenticator app on the page that offers it; return its secret and the recovery codes."""
        secret = await self.read_secret()
        await self.page.get_by_label("Code", exact=True).fill(totp(secret, time.time()))
        await self.press("Confirm")
        await expect(self.page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
        return secret, await self.page.locator(".codes code").all_inner_texts()


@pytest.fixture
def person(page: Page, running_provider: ServedProvider) -> Person:
    account = running_provider.create_user(f"{secrets.token_hex(4)}@example.com")
    return Person(page, running_provider, account)


@dataclass
class Authenticator:
    """A virtual authenticator in this browser."""

    session: CDPSession
    id: str

    async def touches(self, answers: bool) -> None:
        """Whether somebody touches it when it asks."""
        values = {"authenticatorId": self.id, "enabled": answers}
        await self.session.send("WebAuthn.setAutomaticPresenceSimulation", values)


@pytest.fixture
async def authenticator(context: BrowserContext, page: Page) -> Authenticator:
    session = await context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Authenticator(session, made["authenticatorId"])


async def with_passkey(person: Person) -> None:
    """Register a passkey on the account page, and sign out."""
    await person.open("/account/security/passkeys")
    await person.give_password()
    await person.press("Create a passkey")
    await expect(person.page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    await person.page.context.clear_cookies()


async def test_an_app_with_screens_of_its_own_asks_for_the_passkey_itself(
    person: Person, authenticator: Authenticator
) -> None:
    await with_passkey(person)
    account = {"email": person.account.email, "password": person.account.password}
    async with httpx.AsyncClient(base_url=f"{person.provider.issuer}/api/v1", trust_env=False) as api:
        begun = (await api.post("/auth/login", json=account)).json()
        assertion = await person.page.evaluate(ASK_FOR_PASSKEY, begun["webauthn"])
        proof = {"mfa_token": begun["mfa_token"], "kind": "webauthn", "assertion": assertion}
        tokens = (await api.post("/auth/mfa", json=proof)).json()
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["acr"], claims["amr"]) == (MULTI, ["pwd", "hwk", "mfa"])


async def test_an_authenticator_app_is_set_up_and_used_at_an_app(
    person: Person, complaints: Complaints
) -> None:
    app = person.app()
    await person.open("/account/security")
    await person.give_password()
    await person.page.get_by_role("link", name="Add an authenticator app").click()
    secret, _ = await person.set_up_app()
    await person.page.get_by_role("link", name="I have saved the codes").click()
    await expect(person.page.get_by_text("10 codes are left.")).to_be_visible()
    await person.page.context.clear_cookies()
    await person.visit(app)
    await person.give_password()
    await person.give_code(totp(secret, time.time() + 30))  # the present code was spent on setting up
    claims = await person.arrived(app)
    assert (claims["acr"], claims["amr"]) == (MULTI, ["pwd", "otp", "mfa"])
    assert complaints.heard == []


async def test_a_passkey_signs_in_without_typing_by_its_button(
    person: Person, authenticator: Authenticator, complaints: Complaints
) -> None:
    await with_passkey(person)
    app = person.app()
    # Or the autofill, which waits on the page for the authenticator, would be answered before the button.
    await person.page.add_init_script(
        "PublicKeyCredential.isConditionalMediationAvailable = async () => false;"
    )
    await person.visit(app)
    await person.press("Use a passkey")
    claims = await person.arrived(app)
    assert (claims["sub"], claims["acr"]) == (person.account.id, MULTI)
    assert claims["amr"] == ["hwk", "mfa", "user"]
    assert complaints.heard == []


async def test_a_passkey_signs_in_from_the_browsers_autofill(
    person: Person, authenticator: Authenticator, complaints: Complaints
) -> None:
    await with_passkey(person)
    app = person.app()
    await person.visit(app)
    assert (await person.arrived(app))["acr"] == MULTI
    assert complaints.heard == []


async def test_a_passkey_is_the_second_factor_after_a_password(
    person: Person, authenticator: Authenticator
) -> None:
    await with_passkey(person)
    app = person.app()
    await authenticator.touches(False)
    await person.visit(app)
    await person.give_password()
    await authenticator.touches(True)
    await person.press("Use passkey")
    assert (await person.arrived(app))["amr"] == ["pwd", "hwk", "mfa"]


async def test_a_second_app_asks_for_more_than_the_first(person: Person) -> None:
    first, second = person.app(), person.app()
    await person.visit(first)
    await person.give_password()
    assert (await person.arrived(first))["acr"] == SINGLE
    await person.open("/account/security/totp")
    secret, _ = await person.set_up_app()
    await person.page.context.clear_cookies()
    await person.visit(first, acr_values=SINGLE)
    await person.give_password()
    await person.give_code(totp(secret, time.time() + 30))
    assert (await person.arrived(first))["acr"] == MULTI
    await person.visit(second, acr_values=MULTI)
    assert (await person.arrived(second))["acr"] == MULTI  # proven already: nothing is asked twice


async def test_a_signed_in_person_goes_through_just_the_missing_step(
    person: Person, context: BrowserContext
) -> None:
    first, second = person.app(), person.app()
    await person.visit(first)
    await person.give_password()
    await person.arrived(first)
    elsewhere = Person(await context.browser.new_page(), person.provider, person.account)  # type: ignore[union-attr]
    await elsewhere.open("/account/security/totp")
    await elsewhere.give_password()
    secret, _ = await elsewhere.set_up_app()
    await elsewhere.page.close()
    await person.visit(second, acr_values=MULTI)
    await person.give_code(totp(secret, time.time() + 30))
    assert (await person.arrived(second))["acr"] == MULTI


async def test_a_recovery_code_helps_when_the_phone_is_lost(person: Person) -> None:
    await person.open("/account/security/totp")
    await person.give_password()
    _, codes = await person.set_up_app()
    await person.page.context.clear_cookies()
    await person.open("/account/security")
    await person.give_password()
    await person.page.get_by_role("link", name="Use a recovery code").click()
    await person.give_code(codes[0])
    await expect(person.page.get_by_text("9 codes are left.")).to_be_visible()


async def test_an_app_that_requires_it_has_a_factor_set_up_on_the_way(
    person: Person, complaints: Complaints
) -> None:
    app = person.app("--require-second-factor")
    await person.visit(app)
    await person.give_password()
    await expect(person.page.get_by_text("Set one up to continue.")).to_be_visible()
    await person.set_up_app()
    await person.page.get_by_role("link", name="I have saved the codes").click()
    assert (await person.arrived(app))["acr"] == MULTI
    assert complaints.heard == []


async def test_two_tabs_in_different_steps_go_on_side_by_side(
    person: Person, context: BrowserContext
) -> None:
    app = person.app()
    await person.open("/account/security/totp")
    await person.give_password()
    secret, _ = await person.set_up_app()
    await context.clear_cookies()
    other = Person(await context.new_page(), person.provider, person.account)
    await person.visit(app)
    await other.visit(app)
    await other.give_password()
    await expect(other.page.get_by_label("Code", exact=True)).to_be_visible()
    await person.give_password()  # its page is from before: the other tab has signed in since
    await expect(person.page.get_by_label("Code", exact=True)).to_be_visible()
    await other.give_code(totp(secret, time.time() + 30))
    assert (await other.arrived(app))["acr"] == MULTI
    await person.give_code("000000")
    assert (await person.arrived(app))["acr"] == MULTI


# Looks ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures are put."""
    return tmp_path_factory.mktemp("pages-factors")


@pytest.mark.parametrize("language", ["en", "de"])
async def test_the_pages_of_factors_are_sound_in_every_guise(
    person: Person, axe: str, pictures: Path, language: str
) -> None:
    page, faults = person.page, list[str]()

    async def look(name: str) -> None:
        faults.extend(await faults_in_each_guise(page, f"{name}-{language}", axe, pictures))

    await person.open("/account/security/totp")
    await person.give_password()
    await page.set_extra_http_headers({"Accept-Language": language})
    await page.reload()
    await look("set-up-app")
    secret = await page.locator(".secret-key").text_content() or ""
    await page.locator("[name=code]").fill(totp(secret.replace(" ", ""), time.time()))
    await page.locator("form button[type=submit]").first.click()
    await page.locator(".codes").wait_for()
    await look("recovery-codes")
    for name, path in {
        "security": "/account/security",
        "set-up-passkey": "/account/security/passkeys",
        "make-recovery-codes": "/account/security/recovery-codes",
    }.items():
        await person.open(path)
        await look(name)
    await page.context.clear_cookies()
    await person.open("/login")
    await page.locator("[name=email]").fill(person.account.email)
    await page.locator("[name=password]").fill(person.account.password)
    await page.locator("[name=password]").press("Enter")
    await page.locator("[name=code]").fill("000000")
    await page.locator("[name=code]").press("Enter")
    await page.locator(".field-error").wait_for()
    await look("challenge")
    assert faults == []
