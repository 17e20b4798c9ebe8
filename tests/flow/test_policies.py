"""Policies are looked up: another source than the settings may say for one client what it does not for another."""

from dataclasses import replace

import pytest

from idp.authentication import Authentication
from idp.config import (
    NO_CONTEXT,
    BrandSettings,
    Policy,
    PolicyContext,
    RegistrationSettings,
    SecondFactorSettings,
    SettingsPolicies,
)
from idp.flow.dispatch import dispatch
from idp.flow.situation import SignedInUser, Situations
from idp.flow.steps import STEPS
from idp.flow.transaction import Transaction
from idp.identity.acr import ACR_SINGLE
from idp.oauth.authorization_request import AuthorizationRequest
from idp.storage.models import User
from tests.flow.test_dispatch import client, outcome
from tests.support.provider import RunningProvider

STRICT = Policy(
    registration=RegistrationSettings(verify_email="never"),
    second_factor=SecondFactorSettings(policy="required"),
)


async def test_one_client_may_have_its_own_rules_and_brand_on_the_pages(
    provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, shop = [await provider.relying_party() for _ in range(2)]
    of_the_bank = Policy(
        registration=RegistrationSettings(mode="closed"), brand=BrandSettings(name="The Bank")
    )

    async def of(_self: SettingsPolicies, context: PolicyContext = NO_CONTEXT) -> Policy:
        return of_the_bank if context.client_id == bank.client_id else Policy()

    monkeypatch.setattr(SettingsPolicies, "of", of)
    for app, name, registers in ((bank, "The Bank", False), (shop, Policy().brand.name, True)):
        browser = await provider.browser()
        page = await browser.get(app.authorization_url())
        assert f"{name}</title>" in page.text
        assert ("/register" in page.text) is registers
        tx = page.url.params["tx"]
        assert (
            "New accounts are not made here" in (await browser.get(f"/register?tx={tx}")).text
        ) is not registers


class StrictForTheBank:
    """Requires a second factor on the way to one client."""

    async def of(self, context: PolicyContext = NO_CONTEXT) -> Policy:
        return STRICT if context.client_id == "bank" else Policy()


@pytest.mark.parametrize(("client_id", "expected"), [("bank", "go to enrol_factor"), ("app", "issue")])
async def test_one_client_may_have_a_stricter_policy(
    provider: RunningProvider, person: User, client_id: str, expected: str
) -> None:
    parts, now = provider.parts, provider.clock.now()
    situations = Situations(provider.database, parts.second_factors, StrictForTheBank(), provider.clock)
    app = replace(client(first_party=True), client_id=client_id)
    request = AuthorizationRequest(client_id, "https://app.example/cb", scopes=("openid",))
    user = SignedInUser.by_account(person, Authentication(now, ACR_SINGLE, ("pwd",), person.generation))
    situation = await situations.of(Transaction.draft(now, request), app, user)
    assert outcome(dispatch(situation, STEPS)) == expected
