"""The documents that clients find everything by."""

import pytest

from idp.config import load_settings
from idp.errors import ConfigurationError
from idp.identity.generation import ProvenAccount
from idp.oauth.metadata import ProviderMetadata
from idp.oauth.scopes import STANDARD_SCOPES
from tests.support.provider import Browser, MakeProvider, RelyingParty, RunningProvider

WELL_KNOWN = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
REQUIRED = {  # OIDC Discovery 1.0 §3
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
}


async def test_both_forms_answer_with_the_same_document(provider: RunningProvider) -> None:
    first, second = [(await provider.http("GET", path)).json() for path in WELL_KNOWN]
    assert first == second
    assert first.keys() >= REQUIRED
    assert first["issuer"] == provider.issuer


async def test_an_issuer_with_a_path_is_found_in_both_places(make_provider: MakeProvider) -> None:
    """RFC 8414 §3.1 puts the path at the end, OIDC Discovery §4 at the beginning."""
    provider = await make_provider(issuer="https://id.example.com/auth")
    async with provider.client() as client:
        for path in ("/auth" + WELL_KNOWN[0], WELL_KNOWN[1] + "/auth", WELL_KNOWN[0] + "/auth"):
            document = (await client.get(path)).json()
            assert document["issuer"] == "https://id.example.com/auth"
            urls = [value for value in document.values() if isinstance(value, str)]
            assert all(url.startswith("https://id.example.com/auth") for url in urls)
        assert (await client.get(WELL_KNOWN[0])).status_code == 404


@pytest.mark.parametrize("issuer", ["http://localhost:8000", "https://id.example.com/auth"])
async def test_every_endpoint_that_is_announced_is_served(make_provider: MakeProvider, issuer: str) -> None:
    provider = await make_provider(issuer=issuer)
    document = (await provider.http("GET", WELL_KNOWN[0])).json()
    async with provider.client() as client:
        for name, url in document.items():
            if name.endswith(("_endpoint", "_uri")):
                answers = [(await client.request(method, url)).status_code for method in ("GET", "POST")]
                assert set(answers) - {404, 405}, name


async def test_what_is_not_supported_is_said_openly(provider: RunningProvider) -> None:
    document = (await provider.http("GET", WELL_KNOWN[0])).json()
    # Left out, request_uri_parameter_supported would mean true (OIDC Discovery §3).
    assert document["request_uri_parameter_supported"] is False
    assert document["request_parameter_supported"] is False
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["code_challenge_methods_supported"] == ["S256"]


async def test_each_announced_response_mode_and_prompt_is_accepted(
    provider: RunningProvider, relying_party: RelyingParty
) -> None:
    document = (await provider.http("GET", WELL_KNOWN[0])).json()
    for name, announced in (
        ("response_mode", "response_modes_supported"),
        ("prompt", "prompt_values_supported"),
    ):
        for value in document[announced]:
            response = await provider.http("GET", relying_party.authorization_url(**{name: value}))
            assert "invalid_request" not in response.headers.get("location", "")


async def test_each_announced_claim_is_issued_and_no_other(
    provider: RunningProvider, browser: Browser
) -> None:
    person = await provider.create_user()
    web_addresses = dict.fromkeys(("profile", "picture", "website"), "https://alice.example/")
    names = dict.fromkeys(("given_name", "middle_name", "family_name", "nickname", "gender"), "Alice")
    await provider.parts.self_service.profiles.update(
        ProvenAccount.of(person),
        {
            **web_addresses,
            **names,
            "birthdate": "1990-12-31",
            "zoneinfo": "Europe/Vienna",
            "locale": "de-AT",
            "phone_number": "+491701234567",
            "address": {"locality": "Wien"},
        },
    )
    await provider.parts.accounts.change_username(person.id, "alice")
    app = await provider.relying_party(scopes=STANDARD_SCOPES)
    tokens = await app.tokens(browser, scope="openid profile email address phone tier roles groups")
    userinfo = (await app.userinfo(tokens["access_token"])).json()
    document = (await provider.http("GET", WELL_KNOWN[0])).json()
    assert {*userinfo, *await app.id_claims(tokens)} == set(document["claims_supported"])


async def test_the_key_set_holds_public_keys_only(provider: RunningProvider) -> None:
    response = await provider.http("GET", "/jwks")
    keys = response.json()["keys"]
    assert {key["alg"] for key in keys} == {"RS256", "ES256", "EdDSA"}
    assert not any({"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys() for key in keys)
    assert "public" in response.headers["cache-control"]


async def test_browser_apps_of_any_origin_may_read_the_documents(provider: RunningProvider) -> None:
    for path in (*WELL_KNOWN, "/jwks"):
        response = await provider.http("GET", path, headers={"Origin": "https://anyone.example"})
        assert response.headers["access-control-allow-origin"] == "*"


def test_rs256_cannot_be_left_out_of_the_algorithms() -> None:
    """OIDC Discovery §3; access tokens are signed with it."""
    with pytest.raises(ConfigurationError, match="RS256"):
        load_settings({}, keys={"algorithms": ["ES256"]})


async def test_the_key_for_rs256_is_listed_first(make_provider: MakeProvider) -> None:
    """Some clients look at the first key alone."""
    provider = await make_provider(keys={"algorithms": ["ES256", "EdDSA", "RS256"]})
    keys = (await provider.http("GET", "/jwks")).json()["keys"]
    assert keys[0]["alg"] == "RS256"
    assert len(keys) == 3


@pytest.mark.parametrize(
    "issuer", ["http://localhost:8000", "http://id.localhost:8000", "https://id.example/auth"]
)
async def test_the_document_is_valid_wherever_the_provider_may_be(
    make_provider: MakeProvider, issuer: str
) -> None:
    """RFC 8414 §2, OIDC Discovery §3: it is validated when the provider starts."""
    provider = await make_provider(issuer=issuer)
    document = (await provider.http("GET", "/.well-known/openid-configuration")).json()
    assert document["issuer"] == issuer
    broken = ProviderMetadata(document | {"id_token_signing_alg_values_supported": ["ES256"]})
    with pytest.raises(ValueError, match="RS256"):
        broken.check()
