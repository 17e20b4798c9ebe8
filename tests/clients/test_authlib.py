"""Authlib's client, over HTTP."""

import jwt
import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.support.person import Person
from tests.support.running import ServedProvider

CALLBACK = "http://localhost:9100/callback"
GOODBYE = "http://localhost:9100/goodbye"


@pytest.fixture(scope="module")
def relying_party(running_provider: ServedProvider) -> OAuth2Session:
    client = running_provider.create_client(
        "Authlib", "--redirect-uri", CALLBACK, "--post-logout-redirect-uri", GOODBYE
    )
    session = OAuth2Session(
        client["client_id"],
        client["client_secret"],
        scope="openid profile email offline_access",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    )
    session.trust_env = False
    return session


@pytest.fixture(scope="module")
def metadata(running_provider: ServedProvider) -> dict[str, str]:
    return requests.get(f"{running_provider.issuer}/.well-known/openid-configuration", timeout=10).json()


def sign_in(relying_party: OAuth2Session, metadata: dict[str, str], person: Person) -> dict[str, str]:
    verifier = "v" * 64
    url, state = relying_party.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce="n-1", prompt="consent"
    )
    back = person.open(url, until=CALLBACK).headers["location"]
    return relying_party.fetch_token(
        metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )


def test_signs_in_and_learns_who_it_is(
    relying_party: OAuth2Session, metadata: dict[str, str], person: Person
) -> None:
    tokens = sign_in(relying_party, metadata, person)
    key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(tokens["id_token"])
    claims = jwt.decode(
        tokens["id_token"], key, ["RS256"], issuer=metadata["issuer"], audience=relying_party.client_id
    )
    userinfo = relying_party.get(metadata["userinfo_endpoint"]).json()
    assert person.asked == ["login", "consent"]
    assert claims["nonce"] == "n-1"
    assert claims["sub"] == userinfo["sub"] == person.account.id
    assert (userinfo["email"], userinfo["name"]) == (person.account.email, person.account.name)


def test_refreshes_and_uses_the_new_token(
    relying_party: OAuth2Session, metadata: dict[str, str], person: Person
) -> None:
    first = sign_in(relying_party, metadata, person)
    second = relying_party.refresh_token(metadata["token_endpoint"], first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert relying_party.get(metadata["userinfo_endpoint"]).json()["sub"] == person.account.id


def test_revokes_a_refresh_token_for_good(
    relying_party: OAuth2Session, metadata: dict[str, str], person: Person
) -> None:
    tokens = sign_in(relying_party, metadata, person)
    relying_party.revoke_token(metadata["revocation_endpoint"], tokens["refresh_token"])
    with pytest.raises(OAuthError, match="invalid_grant"):
        relying_party.refresh_token(metadata["token_endpoint"], tokens["refresh_token"])


def test_signs_out_and_is_asked_for_the_password_again(
    relying_party: OAuth2Session, metadata: dict[str, str], person: Person
) -> None:
    tokens = sign_in(relying_party, metadata, person)
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": GOODBYE, "state": "s"}
    url = requests.Request("GET", metadata["end_session_endpoint"], params=query).prepare().url
    assert person.open(str(url), until=GOODBYE).headers["location"] == f"{GOODBYE}?state=s"
    person.asked.clear()
    sign_in(relying_party, metadata, person)
    assert person.asked == ["login", "consent"]
