"""Resource servers: one that verifies access tokens by itself, one that asks."""

from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import pytest

from tests.support.running import ServedProvider

AUDIENCE = "https://api.example.com"


@pytest.fixture(scope="module")
def app(running_provider: ServedProvider) -> Mapping[str, Any]:
    """A client that calls the API in its own name."""
    return running_provider.create_client(
        "Nightly job", "--grant", "client_credentials", "--scope", "reports", "--audience", AUDIENCE
    )


@pytest.fixture(scope="module")
def api(running_provider: ServedProvider) -> Mapping[str, Any]:
    """The API's own registration, with which it may ask about tokens for it."""
    return running_provider.create_client("API", "--grant", "client_credentials", "--audience", AUDIENCE)


@pytest.fixture(scope="module")
def stranger(running_provider: ServedProvider) -> Mapping[str, Any]:
    """Another API."""
    return running_provider.create_client(
        "Other API", "--grant", "client_credentials", "--audience", "https://other.example.com"
    )


@pytest.fixture
def access_token(running_provider: ServedProvider, app: Mapping[str, Any]) -> str:
    answer = ask(running_provider, "/token", app, grant_type="client_credentials", scope="reports")
    return answer["access_token"]


def ask(provider: ServedProvider, path: str, client: Mapping[str, Any], **form: str) -> dict[str, Any]:
    credentials = (client["client_id"], client["client_secret"])
    response = httpx.post(f"{provider.issuer}{path}", data=form, auth=credentials, trust_env=False)
    assert response.status_code == 200, response.text
    return response.json() if response.content else {}


def test_pyjwt_verifies_a_token_offline(
    running_provider: ServedProvider, app: Mapping[str, Any], access_token: str
) -> None:
    keys = jwt.PyJWKClient(f"{running_provider.issuer}/jwks")
    claims = jwt.decode(
        access_token,
        keys.get_signing_key_from_jwt(access_token),
        ["RS256"],
        audience=AUDIENCE,
        issuer=running_provider.issuer,
        options={"require": ["exp", "iat", "jti", "sub", "client_id"]},
    )
    assert jwt.get_unverified_header(access_token)["typ"] == "at+jwt"
    assert (claims["client_id"], claims["scope"]) == (app["client_id"], "reports")


def test_a_token_for_one_api_is_refused_by_another(
    running_provider: ServedProvider, access_token: str
) -> None:
    key = jwt.PyJWKClient(f"{running_provider.issuer}/jwks").get_signing_key_from_jwt(access_token)
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(access_token, key, ["RS256"], audience="https://other.example.com")


def test_an_api_learns_by_introspection_who_calls(
    running_provider: ServedProvider, app: Mapping[str, Any], api: Mapping[str, Any], access_token: str
) -> None:
    answer = ask(running_provider, "/introspect", api, token=access_token)
    assert answer["active"] is True
    assert (answer["client_id"], answer["scope"]) == (app["client_id"], "reports")


def test_an_api_learns_nothing_of_a_token_for_another(
    running_provider: ServedProvider, stranger: Mapping[str, Any], access_token: str
) -> None:
    assert ask(running_provider, "/introspect", stranger, token=access_token) == {"active": False}


def test_introspection_tells_of_a_revocation_that_offline_verification_cannot_see(
    running_provider: ServedProvider, app: Mapping[str, Any], api: Mapping[str, Any], access_token: str
) -> None:
    ask(running_provider, "/revoke", app, token=access_token)
    assert ask(running_provider, "/introspect", api, token=access_token) == {"active": False}
