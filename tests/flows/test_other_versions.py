"""Documents that another version of this program has kept: each counts as lost, and nobody meets an error of ours.

During a rolling upgrade, and after a step back, either version reads what the other wrote.
"""

import json
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import select
from starlette.responses import JSONResponse

from idp.crypto import MasterKey
from idp.storage.ephemeral.kept import Kind
from idp.storage.models import EphemeralEntry
from tests.support.factors import give_app, give_passkey
from tests.support.provider import EMAIL, MASTER_KEY, PASSWORD, RunningProvider, callback_of
from tests.support.upstreams import (
    UPSTREAMS,
    MakeFederated,
    SignInElsewhere,
    Upstreams,
    link_to,
    path_of,
)

SEALED = ("fed-state", "fed-posted", "fed-logout", "fed-arrival")

Change = Callable[[dict[str, Any]], object]


def as_before_there_were_versions(kept: dict[str, Any]) -> object:
    return kept["document"]


def with_a_field_more(kept: dict[str, Any]) -> object:
    return {**kept, "document": {**kept["document"], "of_tomorrow": 1}}


def with_a_field_less(kept: dict[str, Any]) -> object:
    return {**kept, "document": dict(list(kept["document"].items())[:-1])}


def with_a_field_of_another_type(kept: dict[str, Any]) -> object:
    return {**kept, "document": {name: {"of": "yesterday"} for name in kept["document"]}}


def of_the_next_version(kept: dict[str, Any]) -> object:
    return {**kept, "version": kept["version"] + 1}


CHANGES: tuple[Change, ...] = (
    as_before_there_were_versions,
    with_a_field_more,
    with_a_field_less,
    with_a_field_of_another_type,
    of_the_next_version,
)


async def rewrite(provider: RunningProvider, kind: str, change: Change) -> None:
    """Change every document of a kind, as it lies in the store."""
    key_of = MasterKey.parse(MASTER_KEY)
    async with provider.database.unit_of_work() as uow:
        found = select(EphemeralEntry).where(EphemeralEntry.key.startswith(f"{kind}:"))
        entries = (await uow.session.scalars(found)).all()
        assert entries, f"the journey keeps no {kind}"
        for entry in entries:
            sealed = kind in SEALED
            data = key_of.open(entry.value.decode(), context=entry.key) if sealed else entry.value
            written = json.dumps(change(json.loads(data))).encode()
            entry.value = key_of.seal(written, context=entry.key).encode() if sealed else written


@pytest.fixture(params=CHANGES, ids=lambda change: change.__name__)
def change(request: pytest.FixtureRequest) -> Change:
    found: Change = request.param
    return found


async def test_a_code_is_refused(provider: RunningProvider, change: Change) -> None:
    await provider.create_user()
    rp = await provider.relying_party(first_party=True)
    code = (await rp.sign_in(await provider.browser()))["code"]
    await rewrite(provider, "code", change)
    answer = await rp.redeem(code)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_transaction_has_expired(provider: RunningProvider, change: Change) -> None:
    browser, rp = await provider.browser(), await provider.relying_party()
    page = await browser.get(rp.authorization_url())
    page = await browser.submit(page, email=EMAIL, password="wrong")
    await rewrite(provider, "tx", change)
    lost = await browser.submit(page, email=EMAIL, password=PASSWORD)
    assert (lost.status_code, "has expired" in lost.text) == (400, True)


async def test_a_transaction_that_waits_in_a_url_has_expired(
    provider: RunningProvider, change: Change
) -> None:
    browser, rp = await provider.browser(), await provider.relying_party()
    page, key = await browser.get(rp.authorization_url()), MasterKey.parse(MASTER_KEY)
    kept = json.loads(key.open(page.url.params["tx"], context="tx-draft"))
    handle = key.seal(json.dumps(change(kept)).encode(), context="tx-draft")
    lost = await browser.get(f"/login?{urlencode({'tx': handle})}")
    assert (lost.status_code, "has expired" in lost.text) == (400, True)


async def test_a_password_has_to_be_given_again(provider: RunningProvider, change: Change) -> None:
    pocket = await give_app(provider, await provider.create_user())
    rp = await provider.relying_party(
        grant_types=("password",), redirect_uris=(), post_logout_redirect_uris=()
    )
    asked = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    token = (await rp.post("/token", asked)).json()["mfa_token"]
    await rewrite(provider, "continuation", change)
    proof = {"grant_type": "password", "mfa_token": token, "mfa_code": pocket.code()}
    answer = await rp.post("/token", proof)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_question_whether_to_sign_out_has_expired(provider: RunningProvider, change: Change) -> None:
    await provider.create_user()
    browser, rp = await provider.browser(), await provider.relying_party()
    await browser.log_in()
    asked = await browser.get("/end_session", params={"client_id": rp.client_id})
    await rewrite(provider, "logout", change)
    lost = await browser.submit(asked, decision="yes")
    assert (lost.status_code, "has expired" in lost.text) == (400, True)


async def test_a_passkey_has_to_sign_another_challenge(provider: RunningProvider, change: Change) -> None:
    user = await provider.create_user()
    passkey = await give_passkey(provider, user)
    rp = await provider.relying_party(
        grant_types=("password",), redirect_uris=(), post_logout_redirect_uris=()
    )
    asked = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    begun = (await rp.post("/token", asked)).json()
    await rewrite(provider, "webauthn", change)
    proof = {
        "grant_type": "password",
        "mfa_token": begun["mfa_token"],
        "mfa_kind": "webauthn",
        "mfa_assertion": passkey.get(json.dumps(begun["webauthn"])),
    }
    answer = await rp.post("/token", proof)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_sign_in_at_a_provider_begins_again(
    federated: RunningProvider, upstreams: Upstreams, change: Change
) -> None:
    browser = await federated.browser()
    left = await browser.get(link_to(await browser.get("/login"), "google"))
    callback = await upstreams.choose(left, "vera")
    await rewrite(federated, "fed-state", change)
    lost = await browser.get(callback)
    assert (lost.status_code, "has expired" in lost.text) == (400, True)


async def test_an_answer_that_a_provider_posted_is_gone(
    federated: RunningProvider, upstreams: Upstreams, change: Change
) -> None:
    if change in {with_a_field_more, with_a_field_less}:
        pytest.skip("it has the fields that the provider posted")
    browser = await federated.browser()
    left = await browser.get(link_to(await browser.get("/login"), "google"))
    callback = urlsplit(await upstreams.choose(left, "vera"))
    form = {key: value[0] for key, value in parse_qs(callback.query).items()}
    posted = await federated.http("POST", callback.path, data=form)
    await rewrite(federated, "fed-posted", change)
    assert (await browser.get(posted.headers["location"])).status_code == 400


async def test_an_arrival_begins_again(
    federated: RunningProvider, elsewhere: SignInElsewhere, change: Change
) -> None:
    browser = await federated.browser()
    asked = await elsewhere(browser, "google", "uma")
    assert path_of(asked) == "/federation/welcome"
    await rewrite(federated, "fed-arrival", change)
    lost = await browser.submit(asked, email="uma@example.com")
    assert lost.status_code < 500
    assert path_of(lost) != "/account"


async def test_a_sign_out_at_a_provider_ends_here(
    make_federated: MakeFederated, upstreams: Upstreams, elsewhere: SignInElsewhere, change: Change
) -> None:
    ends = f"{UPSTREAMS}/upstreams/google/logout"
    metadata = {**upstreams.google.metadata(), "end_session_endpoint": ends}
    upstreams.google.answers["discovery"] = lambda _: JSONResponse(metadata)
    corp = {
        "type": "oidc",
        "issuer": f"{UPSTREAMS}/upstreams/google",
        "client_id": "idp-dev",
        "client_secret": "idp-dev-secret",
        "logout": True,
    }
    provider = await make_federated(federation={"corp": corp})
    rp = await provider.relying_party(first_party=True)
    browser = await provider.browser()
    page = await elsewhere(browser, "corp", "vera", rp.authorization_url())
    tokens = (await rp.redeem(callback_of(page)["code"])).json()
    left = await browser.get("/end_session", params={"id_token_hint": tokens["id_token"]})
    state = parse_qs(urlsplit(left.headers["location"]).query)["state"][0]
    await rewrite(provider, "fed-logout", change)
    back = await browser.get(f"/federation/corp/signed-out?state={state}")
    assert (back.status_code, "location" in back.headers) == (200, False)


def test_every_kind_has_its_journey_here() -> None:
    kinds = {
        each.name
        for name, module in list(sys.modules.items())
        if name.startswith("idp.")
        for each in vars(module).values()
        if isinstance(each, Kind)
    }
    assert kinds == {"code", "tx", "tx-draft", "continuation", "logout", "webauthn", *SEALED}
