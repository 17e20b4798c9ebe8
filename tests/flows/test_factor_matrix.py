"""Every path to a token in every state of factors: what somebody gets who has the password and nothing else,
or instead of it the account at another provider that is linked, or the code that registering brings.

A line of the table is a state; what stands in it for each path is the `acr` of the tokens, or what is asked
for instead of giving any.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from idp.dev.upstreams import GOOGLE_PATH
from idp.identity.generation import ProvenAccount
from idp.identity.login import by_password
from idp.identity.sessions import Visitor
from idp.storage.models import FederatedIdentity, User
from tests.support.factors import Pocket, give_app, give_passkey
from tests.support.provider import (
    EMAIL,
    PASSWORD,
    Browser,
    RelyingParty,
    RunningProvider,
    callback_of,
    redirected_to,
)
from tests.support.registering import NEW, register
from tests.support.upstreams import UPSTREAMS, MakeFederated, SignInElsewhere

OTHER_PASSWORD = "quite another battery staple"
SINGLE, MULTI = "urn:idp:acr:1fa", "urn:idp:acr:mfa"


@dataclass
class World:
    """A person, an app, and the person's browser, signed in with the password before the state came about."""

    provider: RunningProvider
    user: User
    app: RelyingParty
    browser: Browser
    state: "State"
    elsewhere: SignInElsewhere
    refresh_token: str = ""
    pocket: Pocket | None = None


Act = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class State:
    """How it came about, and what each path then gives."""

    expected: Mapping[str, str]
    act: Act | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    client: Mapping[str, Any] = field(default_factory=dict)


# States --------------------------------------------------------------------------------------------------


async def app_set_up(world: World) -> None:
    world.pocket = await give_app(world.provider, world.user)


async def passkey_set_up(world: World) -> None:
    await give_passkey(world.provider, world.user)


async def app_set_up_and_removed(world: World) -> None:
    await app_set_up(world)
    assert world.pocket is not None
    await world.pocket.lose_app()


async def factors_reset(world: World) -> None:
    await app_set_up(world)
    await world.provider.parts.factor_resets.request(world.user)


async def browser_trusted(world: World) -> None:
    await app_set_up(world)
    token = await world.provider.parts.second_factors.trusted_browsers.trust(
        ProvenAccount.of(world.user), "test"
    )
    world.browser.client.cookies.set("idp_device", token, domain="localhost.local", path="/")


async def browser_trusted_by_another(world: World) -> None:
    await app_set_up(world)
    bob = await world.provider.create_user(f"not.{world.user.email}")
    token = await world.provider.parts.second_factors.trusted_browsers.trust(ProvenAccount.of(bob), "test")
    world.browser.client.cookies.set("idp_device", token, domain="localhost.local", path="/")


async def role_given(world: World) -> None:
    async with world.provider.database.unit_of_work() as uow:
        world.user.roles = ["admin"]
        await uow.users.save(world.user)


async def role_given_and_app_set_up(world: World) -> None:
    await role_given(world)
    await browser_trusted(world)


def all_paths(
    page: str, *, typed: str, silent: str, refresh: str = SINGLE, reset: str = ""
) -> dict[str, str]:
    """What the pages give, what grants with a typed password give, what a session from before gives."""
    return {
        "refresh": refresh,
        "prompt=none": silent,
        # OAuth has no word for what can only be set up on a page.
        "password grant": "invalid_grant" if typed == "mfa_enrolment_required" else typed,
        "API": typed,
        "page": page,
        "started again": page,
        "federation": page,
        "registration": page,
        "password reset": reset or page,
    }


FREE = all_paths(SINGLE, typed=SINGLE, silent=SINGLE)
ASKED = all_paths("/mfa", typed="mfa_required", silent="interaction_required")
ENROL = all_paths("/mfa/enrol", typed="mfa_enrolment_required", silent="interaction_required")
TRUSTED = all_paths(SINGLE, typed="mfa_required", silent=SINGLE, reset="/mfa")
REQUIRED_BY_CLIENT = {"API": SINGLE}  # the API has a client of its own

STATES: Mapping[str, State] = {
    "nothing set up": State(FREE),
    "app": State(ASKED, app_set_up),
    "passkey": State(ASKED, passkey_set_up),
    "app, removed in between": State(FREE, app_set_up_and_removed),
    "app, reset by an administrator": State(
        # A mail that was on its way is worth nothing either: a thief may have asked for it.
        FREE | {"prompt=none": "login_required", "refresh": "invalid_grant", "registration": "/verify-email"},
        factors_reset,
    ),
    "app, reset by an administrator waits": State(ASKED, factors_reset, {"reset_delay": 86_400}),
    "app, factors switched off": State(FREE, app_set_up, {"policy": "off"}),
    "app, browser trusted": State(TRUSTED, browser_trusted, {"trusted_device_ttl": 3600}),
    "app, browser trusted, not allowed any more": State(ASKED, browser_trusted),
    "app, browser trusted by another person": State(
        ASKED, browser_trusted_by_another, {"trusted_device_ttl": 3600}
    ),
    "app, browser trusted, client requires two": State(
        ASKED | {"API": "mfa_required"},
        browser_trusted,
        {"trusted_device_ttl": 3600},
        {"require_second_factor": True},
    ),
    "app, code by mail allowed": State(ASKED, app_set_up, {"email_code": True}),
    "code by mail allowed": State(FREE, None, {"email_code": True}),
    "required": State(ENROL, None, {"policy": "required"}),
    "required, app": State(ASKED, app_set_up, {"policy": "required"}),
    "required, may be put off": State(
        ENROL | {"prompt=none": SINGLE}, None, {"policy": "required", "enrolment_grace": 3600}
    ),
    "role requires it": State(ENROL, role_given, {"required_for_roles": ["admin"]}),
    "role requires it, app, browser trusted": State(
        ASKED, role_given_and_app_set_up, {"required_for_roles": ["admin"], "trusted_device_ttl": 3600}
    ),
    "role not had": State(FREE, None, {"required_for_roles": ["admin"]}),
    "client requires it": State(ENROL | REQUIRED_BY_CLIENT, None, {}, {"require_second_factor": True}),
    "client requires it, may be put off": State(
        ENROL | REQUIRED_BY_CLIENT, None, {"enrolment_grace": 3600}, {"require_second_factor": True}
    ),
    "client requires it, factors switched off": State(
        FREE, None, {"policy": "off"}, {"require_second_factor": True}
    ),
    "offered": State(
        FREE | dict.fromkeys(("page", "federation", "registration", "password reset"), "/mfa/enrol"),
        None,
        {"offer_after_sign_in": True},
    ),
}


# Paths ---------------------------------------------------------------------------------------------------


async def by_page(world: World, password: str = PASSWORD) -> str:
    page = await world.browser.get(world.app.authorization_url(prompt="login"))
    return await outcome(world, await world.browser.submit(page, email=EMAIL, password=password))


async def by_page_started_again(world: World) -> str:
    await by_page(world)
    return await outcome(world, await world.browser.get(world.app.authorization_url()))


async def by_federation(world: World) -> str:
    start = world.app.authorization_url(prompt="login")
    return await outcome(world, await world.elsewhere(world.browser, "google", "vera", start))


async def by_registration(world: World) -> str:
    """Somebody new, for whom the state comes about before they enter the code of the mail."""
    browser = await world.provider.browser()
    page = await register(browser, start=world.app.authorization_url())
    code = (await world.provider.mails.latest(NEW)).code
    user = await world.provider.parts.accounts.find(NEW)
    assert user is not None
    newcomer = replace(world, user=user, browser=browser)
    if world.state.act is not None:
        await world.state.act(newcomer)
    return await outcome(newcomer, await browser.submit(page, code=code))


async def by_password_reset(world: World) -> str:
    await world.browser.submit(await world.browser.get("/recover"), email=EMAIL)
    links = [mail.link for mail in await world.provider.mails.to(EMAIL)]
    link = next(link for link in links if "/recover/reset" in link)
    await world.browser.submit(await world.browser.get(link), password=OTHER_PASSWORD)
    return await by_page(world, OTHER_PASSWORD)


async def by_password_grant(world: World) -> str:
    values = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    return await verdict(world, await world.app.post("/token", values))


async def by_api(world: World) -> str:
    body = {"email": EMAIL, "password": PASSWORD}
    return await verdict(world, await world.provider.http("POST", "/api/v1/auth/login", json=body))


async def silently(world: World) -> str:
    return await outcome(world, await world.browser.get(world.app.authorization_url(prompt="none")))


async def by_refresh(world: World) -> str:
    return await verdict(world, await world.app.refresh(world.refresh_token))


# In this order in one world: the last ones change the session and the password.
PATHS: Mapping[str, Callable[[World], Awaitable[str]]] = {
    "refresh": by_refresh,
    "prompt=none": silently,
    "password grant": by_password_grant,
    "API": by_api,
    "page": by_page,
    "started again": by_page_started_again,
    "federation": by_federation,
    "registration": by_registration,
    "password reset": by_password_reset,
}


async def outcome(world: World, page: httpx.Response) -> str:
    """The page that asks, the error, or the acr of the tokens."""
    if "location" not in page.headers:
        return urlsplit(str(page.url)).path
    assert redirected_to(page) == world.app.redirect_uri
    answer = callback_of(page)
    return answer.get("error") or await verdict(world, await world.app.redeem(answer["code"]))


async def verdict(world: World, response: httpx.Response) -> str:
    """The error, or the acr of the tokens."""
    body = response.json()
    if response.status_code != 200:
        return str(body.get("code") or body.get("error"))
    token = jwt_claims(body["access_token"])
    assert token["acr"] != SINGLE or "mfa" not in token["amr"]
    return str(token["acr"])


def jwt_claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.fixture
async def worlds(
    make_federated: MakeFederated, elsewhere: SignInElsewhere
) -> Callable[[State], Awaitable[World]]:
    async def make(state: State) -> World:
        provider = await make_federated(second_factor=dict(state.settings))
        user = await provider.create_user()
        await link(provider, user)
        grants = ("authorization_code", "refresh_token", "password")
        app = await provider.relying_party(grant_types=grants, first_party=True, **state.client)
        browser = await provider.browser()
        world = World(provider, user, app, browser, state, elsewhere)
        # As it was before: this session and this refresh token are from a sign-in with the password alone.
        started = await provider.parts.sessions.start(
            user.id, by_password(provider.clock.now(), user.generation), Visitor()
        )
        browser.client.cookies.set("idp_session", started.token, domain="localhost.local", path="/")
        world.refresh_token = await from_before(world)
        if state.act is not None:
            await state.act(world)
        return world

    return make


async def link(provider: RunningProvider, user: User) -> None:
    """Link the account of Vera at Google."""
    async with provider.database.unit_of_work() as uow:
        await uow.identities.add(
            FederatedIdentity(
                provider="google",
                issuer=UPSTREAMS + GOOGLE_PATH,
                subject="1001",
                user_id=user.id,
                linked_at=0.0,
            )
        )


async def from_before(world: World) -> str:
    """A refresh token from when no step asked for a factor."""
    visits = world.provider.parts.visits
    held = visits.steps
    visits.steps = tuple(step for step in held if "factor" not in step.name)
    try:
        return str((await world.app.tokens(world.browser, scope="openid offline_access"))["refresh_token"])
    finally:
        visits.steps = held


def test_the_table_has_every_path_in_every_state() -> None:
    assert {tuple(state.expected) for state in STATES.values()} == {tuple(PATHS)}


@pytest.mark.parametrize("name", STATES)
async def test_the_password_alone_gets(name: str, worlds: Callable[[State], Awaitable[World]]) -> None:
    state = STATES[name]
    world = await worlds(state)
    assert {path: await go(world) for path, go in PATHS.items()} == state.expected
