"""A passkey as the second factor of a sign-in without pages: by the API and by the password grant."""

import asyncio
import json
from typing import Any

import jwt
import pytest

from idp.flow.continuations import TTL
from idp.identity.factors.passkeys import Passkeys
from idp.storage.models import User
from tests.support.api import Api, check_problem, code_of, fields_of
from tests.support.authenticator import Passkey, b64
from tests.support.factors import give_app, give_passkey
from tests.support.provider import EMAIL, PASSWORD, MakeProvider, RelyingParty, RunningProvider

CREDENTIALS = {"email": EMAIL, "password": PASSWORD}
REFUSED = (401, "invalid_credentials")
MISBEHAVIOURS: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://evil.example"},
    "another relying party": {"rp_id": "evil.example"},
    "another challenge": {"client_data": {"challenge": b64(b"x" * 64)}},
    "a frame of another origin": {"client_data": {"crossOrigin": True}},
    "nobody present": {"notices_user": False},
    "a counter that goes back": {"sign_count": 3},
}


@pytest.fixture
async def passkey(provider: RunningProvider, person: User) -> Passkey:
    """A passkey with a counter, which was used a few times."""
    return await give_passkey(provider, person, Passkey(counts=True, sign_count=9))


async def begin(api: Api) -> dict[str, Any]:
    """Give the password, and return what is offered."""
    answer = await api.post("/auth/login", CREDENTIALS)
    assert code_of(answer) == (403, "mfa_required")
    return check_problem(answer)


def proof(begun: dict[str, Any], passkey: Passkey, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the app sends when the authenticator has answered."""
    assertion = json.loads(passkey.get(json.dumps(options or begun["webauthn"])))
    return {"mfa_token": begun["mfa_token"], "kind": "webauthn", "assertion": assertion}


async def test_the_options_come_with_the_question_and_the_answer_completes_it(
    api: Api, passkey: Passkey
) -> None:
    begun = await begin(api)
    assert begun["factors"] == ["webauthn"]
    assert [each["id"] for each in begun["webauthn"]["allowCredentials"]] == [b64(passkey.id)]
    done = await api.post("/auth/mfa", proof(begun, passkey))
    claims = jwt.decode(done.json()["access_token"], options={"verify_signature": False})
    assert (claims["acr"], claims["amr"]) == ("urn:idp:acr:mfa", ["pwd", "hwk", "mfa"])


@pytest.mark.parametrize("how", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_an_assertion_that_does_not_fit_is_refused(
    api: Api, passkey: Passkey, how: dict[str, Any]
) -> None:
    begun = await begin(api)
    for name, value in how.items():
        setattr(passkey, name, value)
    assert code_of(await api.post("/auth/mfa", proof(begun, passkey))) == REFUSED


async def test_a_challenge_is_good_for_its_own_continuation_only(api: Api, passkey: Passkey) -> None:
    first, second = await begin(api), await begin(api)
    crossed = proof(first, passkey, second["webauthn"])
    assert code_of(await api.post("/auth/mfa", crossed)) == REFUSED
    assert (await api.post("/auth/mfa", proof(second, passkey))).status_code == 200


async def test_the_challenge_of_a_page_is_good_for_nothing_here(
    provider: RunningProvider, api: Api, person: User, passkey: Passkey
) -> None:
    begun = await begin(api)
    of_page = await provider.parts.factors[Passkeys].begin_check(person)
    taken = proof(begun, passkey, json.loads(of_page.options))
    assert code_of(await api.post("/auth/mfa", taken)) == REFUSED


async def test_another_persons_passkey_is_refused(
    provider: RunningProvider, api: Api, passkey: Passkey
) -> None:
    mallory = await give_passkey(provider, await provider.create_user("mallory@example.com"))
    assert code_of(await api.post("/auth/mfa", proof(await begin(api), mallory))) == REFUSED


async def test_of_many_at_once_with_one_assertion_one_gets_tokens(api: Api, passkey: Passkey) -> None:
    answer = proof(await begin(api), passkey)
    answers = await asyncio.gather(*(Api(api.provider).post("/auth/mfa", answer) for _ in range(5)))
    assert [each.status_code for each in answers].count(200) == 1


async def test_a_challenge_is_answered_once_and_then_a_code_still_will_do(
    provider: RunningProvider, api: Api, person: User, passkey: Passkey
) -> None:
    pocket = await give_app(provider, person)
    begun = await begin(api)
    wrong = proof(begun, passkey)
    wrong["assertion"]["response"]["signature"] = b64(b"x" * 70)
    right = proof(begun, passkey)
    assert code_of(await api.post("/auth/mfa", wrong)) == REFUSED
    assert code_of(await api.post("/auth/mfa", right)) == REFUSED
    by_code = {"mfa_token": begun["mfa_token"], "code": pocket.code()}
    assert (await api.post("/auth/mfa", by_code)).status_code == 200


async def test_it_is_too_late_after_five_minutes(api: Api, passkey: Passkey) -> None:
    answer = proof(await begin(api), passkey)
    api.provider.clock.advance(TTL)
    assert code_of(await api.post("/auth/mfa", answer)) == REFUSED


async def test_what_is_missing_is_named(api: Api, passkey: Passkey) -> None:
    token = (await begin(api))["mfa_token"]
    assert fields_of(await api.post("/auth/mfa", {"mfa_token": token})) == ["code"]
    without = await api.post("/auth/mfa", {"mfa_token": token, "kind": "webauthn"})
    assert fields_of(without) == ["assertion"]


async def test_an_app_with_screens_of_its_own_has_an_origin_of_its_own(make_provider: MakeProvider) -> None:
    provider = await make_provider(second_factor={"passkey_origins": ["https://shop.example"]})
    passkey = await give_passkey(provider, await provider.create_user())
    passkey.origin = "https://shop.example"
    api = Api(provider)
    assert (await api.post("/auth/mfa", proof(await begin(api), passkey))).status_code == 200


async def test_the_password_grant_carries_it_too(
    provider: RunningProvider, person: User, passkey: Passkey
) -> None:
    app: RelyingParty = await provider.relying_party(
        grant_types=("password",), redirect_uris=(), post_logout_redirect_uris=()
    )
    asked = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    begun = (await app.post("/token", asked)).json()
    assert (begun["error"], begun["factors"]) == ("mfa_required", ["webauthn"])
    answer = {
        "grant_type": "password",
        "mfa_token": begun["mfa_token"],
        "mfa_kind": "webauthn",
        "mfa_assertion": passkey.get(json.dumps(begun["webauthn"])),
    }
    token = await app.verify(
        (await app.post("/token", answer)).json()["access_token"], audience=provider.issuer
    )
    assert (token["acr"], token["amr"]) == ("urn:idp:acr:mfa", ["pwd", "hwk", "mfa"])
    assert (await app.post("/token", answer)).json()["error"] == "invalid_grant"
