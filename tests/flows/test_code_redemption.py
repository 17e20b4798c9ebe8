"""The code at the token endpoint: once, by its own client, with its own verifier and redirect URI."""

import pytest

from idp.oauth.subject import Subject
from idp.storage.database import UnitOfWork
from idp.storage.models import User
from tests.support.provider import Browser, RelyingParty, RunningProvider


async def active(app: RelyingParty, token: str) -> bool:
    return bool((await app.post("/introspect", {"token": token})).json()["active"])


async def test_a_code_gets_an_access_token_a_refresh_token_and_an_id_token(
    relying_party: RelyingParty, browser: Browser
) -> None:
    answer = await relying_party.sign_in(browser)
    response = await relying_party.redeem(answer["code"])
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert body["scope"] == "openid profile email"


async def test_without_openid_there_is_no_id_token(relying_party: RelyingParty, browser: Browser) -> None:
    assert "id_token" not in await relying_party.tokens(browser, scope="profile")


async def test_a_client_without_the_refresh_grant_gets_no_refresh_token(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    app = await provider.relying_party(grant_types=("authorization_code",))
    assert "refresh_token" not in await app.tokens(browser)


async def test_a_code_redeemed_twice_revokes_the_family(
    relying_party: RelyingParty, browser: Browser
) -> None:
    """RFC 6749 §4.1.2."""
    code = (await relying_party.sign_in(browser))["code"]
    tokens = (await relying_party.redeem(code)).json()
    assert await active(relying_party, tokens["access_token"])
    again = await relying_party.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert not await active(relying_party, tokens["access_token"])
    assert (await relying_party.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await relying_party.userinfo(tokens["access_token"])).status_code == 401


async def test_a_late_reuse_still_revokes_the_family(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    code = (await relying_party.sign_in(browser))["code"]
    tokens = (await relying_party.redeem(code)).json()
    provider.clock.advance(600)
    assert (await relying_party.redeem(code)).status_code == 400
    assert not await active(relying_party, tokens["access_token"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": None},
        {"code_verifier": ""},
        {"code_verifier": "short"},
        {"redirect_uri": "https://app.example/other"},
        {"redirect_uri": None},
        {"client_id": "somebody-else"},
    ],
    ids=str,
)
async def test_a_wrong_redemption_spends_nothing(
    relying_party: RelyingParty, browser: Browser, wrong: dict[str, str | None]
) -> None:
    code = (await relying_party.sign_in(browser))["code"]
    refused = await relying_party.redeem(code, **wrong)
    assert refused.status_code == 400
    assert refused.json()["error"] in {"invalid_grant", "invalid_request"}
    assert (await relying_party.redeem(code)).status_code == 200


async def test_another_client_cannot_spend_a_code(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    thief = await provider.relying_party()
    code = (await relying_party.sign_in(browser))["code"]
    thief.code_verifier = relying_party.code_verifier
    assert (await thief.redeem(code)).json()["error"] == "invalid_grant"
    tokens = (await relying_party.redeem(code)).json()
    # Nor can it end the family by knocking with a code that was spent.
    assert (await thief.redeem(code)).json()["error"] == "invalid_grant"
    assert await active(relying_party, tokens["access_token"])


async def test_a_wrong_secret_spends_nothing(relying_party: RelyingParty, browser: Browser) -> None:
    code = (await relying_party.sign_in(browser))["code"]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": relying_party.code_verifier}
    auth = (relying_party.client_id, "wrong")
    form["redirect_uri"] = relying_party.redirect_uri
    response = await relying_party.provider.http("POST", "/token", data=form, auth=auth)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert (await relying_party.redeem(code)).status_code == 200


async def test_a_reused_code_with_a_wrong_verifier_does_not_end_the_family(
    relying_party: RelyingParty, browser: Browser
) -> None:
    """Who cannot prove possession learns nothing and breaks nothing."""
    code = (await relying_party.sign_in(browser))["code"]
    tokens = (await relying_party.redeem(code)).json()
    assert (await relying_party.redeem(code, code_verifier="w" * 43)).status_code == 400
    assert await active(relying_party, tokens["access_token"])


@pytest.mark.parametrize(("age", "status"), [(59, 200), (60, 400), (3600, 400)])
async def test_a_code_lives_for_a_minute(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser, age: int, status: int
) -> None:
    code = (await relying_party.sign_in(browser))["code"]
    provider.clock.advance(age)
    assert (await relying_party.redeem(code)).status_code == status


async def test_the_code_of_an_account_that_was_disabled_is_worth_nothing(
    provider: RunningProvider, person: User, relying_party: RelyingParty, browser: Browser
) -> None:
    code = (await relying_party.sign_in(browser))["code"]
    await provider.parts.accounts.disable(person.id)
    assert (await relying_party.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_code_gets_nothing_when_the_authentication_ends_during_its_redemption(
    provider: RunningProvider,
    person: User,
    relying_party: RelyingParty,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Elsewhere the password may be changed between two statements of the redemption."""
    code, subjects = (await relying_party.sign_in(browser))["code"], provider.parts.core.subjects
    find = subjects.find

    async def find_and_end(uow: UnitOfWork, user_id: str) -> Subject | None:
        found = await find(uow, user_id)
        user = await uow.users.get(user_id)
        assert user is not None
        user.generation += 1
        await uow.users.save(user)
        return found

    monkeypatch.setattr(subjects, "find", find_and_end)
    refused = await relying_party.redeem(code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_an_unknown_code_is_an_invalid_grant(relying_party: RelyingParty) -> None:
    for code in ("unknown", "x" * 5000, "\x00", "ä"):
        assert (await relying_party.redeem(code)).json()["error"] == "invalid_grant"


async def test_an_exempted_client_may_leave_pkce_out_but_not_half_of_it(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    old = await provider.relying_party(require_pkce=False)
    without = {"code_challenge": None, "code_challenge_method": None}
    code = (await old.sign_in(browser, **without))["code"]
    assert (await old.redeem(code)).json()["error"] == "invalid_grant"  # a verifier without a challenge
    assert (await old.redeem(code, code_verifier=None)).status_code == 200
    code = (await old.sign_in(browser))["code"]
    assert (await old.redeem(code, code_verifier=None)).json()["error"] == "invalid_grant"
    assert (await old.redeem(code)).status_code == 200


async def test_the_redirect_uri_may_be_left_out_if_it_was_before(
    relying_party: RelyingParty, browser: Browser
) -> None:
    code = (await relying_party.sign_in(browser, redirect_uri=None, scope="profile"))["code"]
    assert (await relying_party.redeem(code, redirect_uri=None)).status_code == 200
