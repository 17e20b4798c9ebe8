"""Ids of other people's things, in every form of the account that takes one: nothing of theirs changes."""

from dataclasses import dataclass

import pytest

from idp.identity.generation import ProvenAccount
from idp.storage.models import TotpCredential, TrustedDevice, User, WebAuthnCredential
from tests.support.factors import give_app, give_passkey
from tests.support.provider import Browser, RunningProvider, callback_of
from tests.support.upstreams import SignInElsewhere

MALLORY, PASSWORD = "mallory@example.com", "the password of mallory"
FACTORS = {"totp": TotpCredential, "webauthn": WebAuthnCredential, "device": TrustedDevice}


@dataclass
class Belongings:
    """What Vera has."""

    provider: RunningProvider
    user: User
    client_id: str

    async def ids(self) -> dict[str, str]:
        """Return the id of each thing that there is, by what it is."""
        async with self.provider.database.reading() as uow:
            found = {
                name: [each.id for each in await uow.factors.of_user(kind, self.user.id)]
                for name, kind in FACTORS.items()
            }
            found["link"] = [each.id for each in await uow.identities.of_user(self.user.id)]
        sessions = await self._sessions()
        apps = await self.provider.parts.self_service.apps.of_user(self.user.id)
        found |= {"session": sessions, "app": [app.client_id for app in apps]}
        return {name: ids[0] for name, ids in found.items() if ids}

    async def names(self) -> set[str]:
        """Return the names of her factors."""
        return {each.name for each in await self.provider.parts.enrolled_factors.of_user(self.user.id)}

    async def _sessions(self) -> list[str]:
        async with self.provider.database.reading() as uow:
            now = self.provider.clock.now()
            idle_ttl = self.provider.settings.sessions.idle_ttl
            return [each.id for each in await uow.sessions.live_for_user(self.user.id, now, idle_ttl)]


@pytest.fixture
async def veras(federated: RunningProvider, elsewhere: SignInElsewhere) -> Belongings:
    """One of everything that can be had."""
    app = await federated.relying_party(first_party=True)
    page = await elsewhere(await federated.browser(), "google", "vera", app.authorization_url())
    await app.redeem(callback_of(page)["code"])
    user = await federated.parts.accounts.find("vera@example.com")
    assert user is not None
    await give_app(federated, user)
    await give_passkey(federated, user)
    await federated.parts.second_factors.trusted_browsers.trust(ProvenAccount.of(user), "her browser")
    return Belongings(federated, user, app.client_id)


@pytest.fixture
async def mallory(federated: RunningProvider) -> Browser:
    """Somebody else, signed in a moment ago."""
    await federated.create_user(MALLORY, PASSWORD)
    browser = await federated.browser()
    await browser.log_in(MALLORY, PASSWORD)
    return browser


async def token_for(browser: Browser, path: str) -> str:
    """Return a form token of the browser's own for a page of the account."""
    edge = browser.provider.parts.edge
    name = browser.cookies[edge.cookies.browser_name]
    user = await browser.provider.parts.accounts.find(MALLORY)
    assert user is not None
    async with browser.provider.database.reading() as uow:
        (session,) = await uow.sessions.page_of_user(user.id, None, 10)
    return edge.forms.token(name, f"{path}:{session.id}", None)


@pytest.mark.parametrize(
    ("path", "thing", "form"),
    [
        ("/account/sessions", "session", {"decision": "end", "id": "{}"}),
        ("/account/apps", "app", {"client_id": "{}"}),
        ("/account/connections", "link", {"decision": "unlink", "id": "{}"}),
        ("/account/security", "totp", {"decision": "remove", "kind": "totp", "id": "{}"}),
        ("/account/security", "totp", {"decision": "rename", "kind": "totp", "id": "{}", "name": "Mine"}),
        ("/account/security", "webauthn", {"decision": "remove", "kind": "webauthn", "id": "{}"}),
        (
            "/account/security",
            "webauthn",
            {"decision": "rename", "kind": "webauthn", "id": "{}", "name": "M"},
        ),
        ("/account/security", "device", {"decision": "distrust", "id": "{}"}),
    ],
    ids=lambda value: value.get("decision", "revoke") if isinstance(value, dict) else None,
)
async def test_the_form_of_one_person_does_nothing_to_what_is_anothers(
    veras: Belongings, mallory: Browser, path: str, thing: str, form: dict[str, str]
) -> None:
    before, names = await veras.ids(), await veras.names()
    assert before.keys() == {*FACTORS, "link", "session", "app"}
    filled = {name: value.format(before[thing]) for name, value in form.items()}
    answer = await mallory.post(path, {**filled, "csrf_token": await token_for(mallory, path)})
    assert answer.status_code == 404
    assert await veras.ids() == before
    assert await veras.names() == names
