"""An account's life, told by the requests of an app that draws its own screens."""

import pytest

from tests.support.api import Api, code_of, fields_of, token_of
from tests.support.provider import PASSWORD, MakeProvider, RunningProvider

NEW = "new@example.com"
OTHER_PASSWORD = "another fine password"


async def test_register_verify_sign_in_look_refresh_and_sign_out(api: Api) -> None:
    mail = await api.register(NEW, name="Nora New")
    refused = await api.post("/auth/login", {"email": NEW, "password": PASSWORD})
    assert code_of(refused) == (403, "verification_required")
    verified = await api.post("/auth/verify-email", {"email": NEW, "code": mail.code})
    assert verified.json() == {"status": "verified"}
    await api.log_in(NEW)
    me = (await api.get("/users/me")).json()
    assert (me["email"], me["name"], me["email_verified"], me["tier"]) == (NEW, "Nora New", True, "free")

    old = api.tokens["refresh_token"]
    api.tokens = (await api.post("/auth/refresh", {"refresh_token": old})).json()
    assert api.tokens["refresh_token"] != old
    assert (await api.get("/users/me")).status_code == 200

    out = await api.post("/auth/logout", {"refresh_token": api.tokens["refresh_token"]})
    assert out.status_code == 204
    assert code_of(await api.get("/users/me")) == (401, "invalid_token")
    again = await api.post("/auth/refresh", {"refresh_token": api.tokens["refresh_token"]})
    assert code_of(again) == (401, "invalid_grant")


async def test_verify_by_the_link_more_than_once_is_harmless(api: Api) -> None:
    token = token_of(await api.register(NEW))
    for _ in range(2):
        answer = await api.post("/auth/verify-email", {"token": token})
        assert (answer.status_code, answer.json()) == (200, {"status": "verified"})
    await api.log_in(NEW)


@pytest.mark.parametrize("by", ["code", "link"])
async def test_an_address_that_was_registered_more_than_once_needs_a_password_chosen_by_its_owner(
    api: Api, by: str
) -> None:
    await api.register(NEW, password="the password of an attacker")
    api.provider.clock.advance(60)
    mail = await api.register(NEW)
    proof = {"email": NEW, "code": mail.code} if by == "code" else {"token": token_of(mail)}
    verified = await api.post("/auth/verify-email", proof)
    assert verified.json() == {"status": "verified", "password_needed": True}
    for password in ("the password of an attacker", PASSWORD):
        refused = await api.post("/auth/login", {"email": NEW, "password": password})
        assert code_of(refused) == (401, "invalid_credentials")
    api.provider.clock.advance(1)
    await api.post("/auth/forgot-password", {"email": NEW})
    token = token_of(await api.provider.mails.latest(NEW))
    await api.post("/auth/reset-password", {"token": token, "password": OTHER_PASSWORD})
    await api.log_in(NEW, password=OTHER_PASSWORD)


async def test_a_forgotten_password_is_replaced_by_the_link_and_everything_else_ends(alice: Api) -> None:
    assert (await alice.post("/auth/forgot-password", {"email": "alice@example.com"})).status_code == 202
    token = token_of(await alice.provider.mails.latest("alice@example.com"))
    weak = await alice.post("/auth/reset-password", {"token": token, "password": "password123"})
    assert fields_of(weak) == ["password"]
    reset = await alice.post("/auth/reset-password", {"token": token, "password": OTHER_PASSWORD})
    assert reset.json() == {"status": "reset"}
    twice = await alice.post("/auth/reset-password", {"token": token, "password": OTHER_PASSWORD})
    assert fields_of(twice) == ["token"]
    assert code_of(await alice.get("/users/me")) == (401, "invalid_token")
    old = await alice.post("/auth/login", {"email": "alice@example.com", "password": PASSWORD})
    assert code_of(old) == (401, "invalid_credentials")
    await alice.log_in(password=OTHER_PASSWORD)


async def test_a_deleted_account_is_out_at_once_and_says_until_when_it_can_be_back(alice: Api) -> None:
    assert fields_of(await alice.delete("/users/me")) == ["current_password"]
    wrong = await alice.delete("/users/me", {"current_password": "not this one"})
    assert fields_of(wrong) == ["current_password"]
    deleted = await alice.delete("/users/me", {"current_password": PASSWORD})
    grace = alice.provider.settings.accounts.deletion_grace
    assert deleted.status_code == 202
    assert deleted.json()["delete_at"] == int(alice.provider.clock.now() + grace)
    assert code_of(await alice.get("/users/me")) == (401, "invalid_token")
    back = await alice.post("/auth/login", {"email": "alice@example.com", "password": PASSWORD})
    assert code_of(back) == (401, "invalid_credentials")


async def test_change_the_address_by_the_code_sent_to_the_new_one(alice: Api) -> None:
    body = {"email": NEW, "current_password": PASSWORD}
    assert (await alice.post("/users/me/email", body)).status_code == 202
    code = (await alice.provider.mails.latest(NEW)).code
    wrong = "000000" if code != "000000" else "111111"
    assert fields_of(await alice.post("/users/me/email/confirm", {"code": wrong})) == ["code"]
    assert (await alice.post("/users/me/email/confirm", {"code": code})).json()["email"] == NEW
    assert await alice.provider.mails.to("alice@example.com")
    await alice.log_in(NEW)


async def test_change_the_password_and_keep_only_the_tokens_that_asked(alice: Api) -> None:
    other = await Api(alice.provider).log_in()
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    assert (await alice.post("/users/me/password", body)).json() == {"status": "changed"}
    assert (await alice.get("/users/me")).status_code == 200
    assert code_of(await other.get("/users/me")) == (401, "invalid_token")
    await other.log_in(password=OTHER_PASSWORD)


async def test_change_the_password_under_the_other_path_and_leave_the_rest_signed_in(alice: Api) -> None:
    other = await Api(alice.provider).log_in()
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD, "end_others": False}
    assert (await alice.post("/users/change-password", body)).status_code == 200
    assert (await other.get("/users/me")).status_code == 200


async def test_edit_the_profile_and_take_a_part_of_it_back(alice: Api) -> None:
    changed = await alice.put(
        "/users/me", {"nickname": "Al", "zoneinfo": "Europe/Vienna", "address": {"locality": "Wien"}}
    )
    assert changed.status_code == 200
    me = (await alice.get("/users/me")).json()
    assert (me["nickname"], me["address"], me["name"]) == ("Al", {"locality": "Wien"}, "Alice Example")
    assert "nickname" not in (await alice.put("/users/me", {"nickname": None})).json()


async def test_get_all_data_while_the_sign_in_is_recent(alice: Api) -> None:
    data = (await alice.get("/users/me/data")).json()
    assert data["account"]["email"] == "alice@example.com"
    assert [app["client_id"] for app in data["apps"]] == ["idp-api"]
    alice.provider.clock.advance(alice.provider.settings.accounts.recent_sign_in + 1)
    late = await alice.get("/users/me/data")
    assert code_of(late) == (401, "reauthentication_required")
    assert 'error="insufficient_user_authentication", max_age="600"' in late.headers["www-authenticate"]


async def test_the_form_for_swagger_ui_signs_in_as_well(api: Api, person: object) -> None:
    form = {"grant_type": "password", "username": "alice@example.com", "password": PASSWORD}
    answer = await api.post("/auth/access-token", data=form, headers={"Authorization": "Basic Og=="})
    assert answer.status_code == 200
    api.tokens = answer.json()
    assert api.tokens["token_type"] == "bearer"
    assert (await api.get("/users/me")).status_code == 200


async def own_app(provider: RunningProvider) -> str:
    """Register an app of the operator's with more scopes than the default client has; return its client_id."""
    client = await provider.create_client(
        public=True,
        first_party=True,
        grant_types=("password", "refresh_token"),
        scopes=("openid", "profile", "email", "account"),
        redirect_uris=(),
    )
    return client.client_id


@pytest.mark.parametrize("when", ["before_claims", "never"])
async def test_without_verification_before_sign_in_registering_signs_in(
    make_provider: MakeProvider, when: str
) -> None:
    api = Api(await make_provider(registration={"verify_email": when}))
    app = await own_app(api.provider)
    answer = await api.post("/auth/signup", {"email": NEW, "password": PASSWORD, "client_id": app})
    assert answer.status_code == 201
    assert answer.json()["status"] == "registered"
    # What nobody has shown yet is not told to an app as the person's address.
    assert ("email" in answer.json()["scope"].split()) == (when == "never")
    api.tokens = answer.json()
    assert (await api.get("/users/me")).json()["email_verified"] is False
    api.provider.clock.advance(api.provider.settings.accounts.mail_interval)
    taken = await api.post("/auth/register", {"email": NEW.upper(), "password": PASSWORD})
    assert code_of(taken) == (409, "conflict")


async def test_tokens_of_the_api_are_grants_like_any_other(alice: Api, provider: RunningProvider) -> None:
    alice.tokens, app = {}, await own_app(provider)
    await alice.log_in(scope="openid profile account", client_id=app)
    assert alice.tokens["scope"] == "openid profile account"
    assert "id_token" in alice.tokens
    authorization = {"Authorization": f"Bearer {alice.tokens['access_token']}"}
    claims = (await provider.http("GET", "/userinfo", headers=authorization)).json()
    assert claims["name"] == "Alice Example"
    form = {"grant_type": "refresh_token", "refresh_token": alice.tokens["refresh_token"]}
    refreshed = await provider.http("POST", "/token", data={**form, "client_id": app})
    assert refreshed.status_code == 200
