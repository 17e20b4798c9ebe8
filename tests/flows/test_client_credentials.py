"""The client credentials grant: a client for itself, with scopes of its own and nobody's tokens."""

import jwt
import pytest

from tests.support.provider import RelyingParty, RunningProvider


@pytest.fixture
async def service(provider: RunningProvider) -> RelyingParty:
    """A service with two scopes of an API, and one about people."""
    return await provider.relying_party(
        grant_types=("client_credentials",),
        scopes=("openid", "read", "write"),
        audiences=("https://api.example",),
    )


async def ask(app: RelyingParty, **values: str) -> dict[str, object]:
    response = await app.post("/token", {"grant_type": "client_credentials", **values})
    return {"status": response.status_code, **response.json()}


async def test_a_client_gets_an_access_token_and_nothing_else(service: RelyingParty) -> None:
    body = await ask(service, scope="read")
    assert body.keys() == {"status", "access_token", "token_type", "expires_in", "scope"}
    claims = await service.verify(str(body["access_token"]), audience="https://api.example")
    assert claims["sub"] == claims["client_id"] == service.client_id
    assert claims["scope"] == "read"
    assert not {"auth_time", "acr", "amr", "sid", "gid", "nonce"} & claims.keys()
    assert jwt.get_unverified_header(str(body["access_token"]))["typ"] == "at+jwt"


async def test_without_a_scope_it_gets_its_own_and_none_about_people(service: RelyingParty) -> None:
    assert (await ask(service))["scope"] == "read write"
    assert (await ask(service, scope=""))["scope"] == "read write"


async def test_without_any_scope_there_is_no_scope_rather_than_an_empty_one(
    provider: RunningProvider,
) -> None:
    """RFC 6749 §3.3: at least one token."""
    service = await provider.relying_party(grant_types=("client_credentials",), scopes=("openid",))
    body = await ask(service)
    assert body.keys() == {"status", "access_token", "token_type", "expires_in"}
    token = str(body["access_token"])
    assert "scope" not in await service.verify(token, audience=provider.issuer)
    about = (await service.post("/introspect", {"token": token})).json()
    assert about["active"] is True
    assert "scope" not in about


@pytest.mark.parametrize("scope", ["admin", "openid", "read openid", "READ", 'r"ead', "a" * 3000])
async def test_a_scope_that_is_not_its_own_is_refused(service: RelyingParty, scope: str) -> None:
    """authentik CVE-2024-52287; Keycloak CVE-2026-4634 for its length."""
    body = await ask(service, scope=scope)
    assert (body["status"], body["error"]) == (400, "invalid_scope")


async def test_scopes_that_it_does_not_have_are_ignored_and_the_answer_says_so(service: RelyingParty) -> None:
    """RFC 6749 §3.3, OIDC Core §3.1.2.1."""
    assert (await ask(service, scope="read admin"))["scope"] == "read"


async def test_a_client_without_the_grant_is_refused(provider: RunningProvider) -> None:
    app = await provider.relying_party(scopes=("openid", "read"))
    body = await ask(app, scope="read")
    assert (body["status"], body["error"]) == (400, "unauthorized_client")


async def test_a_public_client_is_refused_even_if_its_record_has_the_grant(provider: RunningProvider) -> None:
    app = await provider.relying_party(public=True, scopes=("openid", "read"))
    async with provider.database.unit_of_work() as uow:
        record = await uow.clients.get(app.client_id)
        assert record is not None
        record.grant_types = ["client_credentials"]
        await uow.clients.save(record)
    body = await ask(app, scope="read")
    assert (body["status"], body["error"]) == (400, "unauthorized_client")


async def test_its_token_is_no_way_to_claims_about_people(service: RelyingParty) -> None:
    response = await service.userinfo(str((await ask(service))["access_token"]))
    assert response.status_code == 401  # it is for another resource server
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_its_token_for_this_server_lacks_the_scope_of_userinfo(provider: RunningProvider) -> None:
    service = await provider.relying_party(
        grant_types=("client_credentials",), redirect_uris=(), scopes=("read",)
    )
    body = (await service.post("/token", {"grant_type": "client_credentials"})).json()
    response = await service.userinfo(body["access_token"])
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


async def test_its_token_can_be_introspected_and_revoked(service: RelyingParty) -> None:
    token = str((await ask(service))["access_token"])
    assert (await service.post("/introspect", {"token": token})).json()["sub"] == service.client_id
    await service.post("/revoke", {"token": token})
    assert (await service.post("/introspect", {"token": token})).json() == {"active": False}
