"""What the API asks of somebody who has a second factor before it changes what matters."""

from typing import Any

import pytest

from idp.storage.models import User
from tests.support.api import Api, check_problem, code_of
from tests.support.factors import Pocket, give_app
from tests.support.provider import EMAIL, PASSWORD, MakeProvider, RunningProvider

MULTI = "urn:idp:acr:mfa"
SENSITIVE: dict[str, tuple[str, str, dict[str, Any] | None, int]] = {
    "address": ("POST", "/users/me/email", {"email": "b@example.com", "current_password": PASSWORD}, 202),
    "password": (
        "POST",
        "/users/me/password",
        {"current_password": PASSWORD, "new_password": "quite another battery staple"},
        200,
    ),
    "deletion": ("DELETE", "/users/me", {"current_password": PASSWORD}, 202),
    "data": ("GET", "/users/me/data", None, 200),
}
each_change = pytest.mark.parametrize("change", SENSITIVE.values(), ids=SENSITIVE)
Change = tuple[str, str, dict[str, Any] | None, int]


@pytest.fixture
async def before(api: Api, person: User) -> Api:
    """An app at which the person signed in with the password, before there was a factor."""
    return await api.log_in()


@pytest.fixture
async def pocket(provider: RunningProvider, before: Api, person: User) -> Pocket:
    return await give_app(provider, person)


async def log_in_with_both(pocket: Pocket) -> Api:
    api = Api(pocket.provider)
    first = await api.post("/auth/login", {"email": EMAIL, "password": PASSWORD})
    proof = {"mfa_token": first.json()["mfa_token"], "kind": "totp", "code": pocket.code()}
    api.tokens = (await api.post("/auth/mfa", proof)).json()
    return api


@each_change
async def test_a_sign_in_with_the_password_alone_is_not_enough(
    before: Api, pocket: Pocket, change: Change
) -> None:
    method, path, body, _ = change
    refused = await before.ask(method, path, body)
    assert code_of(refused) == (401, "reauthentication_required")
    assert f'acr_values="{MULTI}", max_age="600"' in refused.headers["www-authenticate"]
    problem = check_problem(refused)
    assert (problem["acr_values"], problem["max_age"]) == (MULTI, 600)


@each_change
async def test_a_recent_sign_in_with_both_is_enough_and_an_old_one_is_not(
    pocket: Pocket, change: Change
) -> None:
    method, path, body, status = change
    api = await log_in_with_both(pocket)
    clock, recent = pocket.provider.clock, pocket.provider.settings.accounts.recent_sign_in
    clock.advance(recent + 1)
    assert code_of(await api.ask(method, path, body)) == (401, "reauthentication_required")
    fresh = await log_in_with_both(pocket)
    assert (await fresh.ask(method, path, body)).status_code == status


async def test_a_refresh_makes_no_sign_in_good_enough(before: Api, pocket: Pocket) -> None:
    before.tokens = (
        await before.post("/auth/refresh", {"refresh_token": before.tokens["refresh_token"]})
    ).json()
    assert code_of(await before.get("/users/me/data")) == (401, "reauthentication_required")


async def test_the_profile_asks_for_nothing_more(before: Api, pocket: Pocket) -> None:
    assert (await before.put("/users/me", {"nickname": "Al"})).status_code == 200


async def test_factors_that_are_switched_off_are_not_asked_for(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"policy": "off"})
    await give_app(provider, await provider.create_user())
    api = await Api(provider).log_in()
    assert (await api.get("/users/me/data")).status_code == 200
