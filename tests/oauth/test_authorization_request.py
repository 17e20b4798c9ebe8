"""Validating an authorization request, without HTTP: which fault is found, and who is told."""

import json
from typing import Any

import pytest

from idp.config import ClientSettings
from idp.oauth.authorization import AuthorizationRequests
from idp.oauth.authorization_request import AuthorizationError
from tests.support.provider import RelyingParty, RunningProvider

LONG = "x" * 50_000


@pytest.fixture
def requests(provider: RunningProvider) -> AuthorizationRequests:
    return AuthorizationRequests(provider.parts.clients, provider.parts.keyring, provider.settings.clients)


async def fault(requests: AuthorizationRequests, *pairs: tuple[str, str]) -> AuthorizationError:
    with pytest.raises(AuthorizationError) as caught:
        await requests.validate(pairs)
    return caught.value


async def test_a_valid_request_is_read_completely(
    requests: AuthorizationRequests, relying_party: RelyingParty
) -> None:
    parameters = relying_party.parameters(
        scope="openid  email openid", prompt="login consent", max_age="0", acr_values="a b", display="popup"
    )
    request, client = await requests.validate(tuple(parameters.items()))
    assert (request.scopes, request.prompts, request.max_age) == (
        ("openid", "email"),
        ("login", "consent"),
        0,
    )
    assert (request.acr_values, request.display) == (("a", "b"), "popup")
    assert client.client_id == relying_party.client_id


TOLD_TO_THE_CLIENT = [
    ("response_type", None, "invalid_request"),
    ("response_type", "token", "unsupported_response_type"),
    ("response_type", "code id_token", "unsupported_response_type"),
    ("response_mode", "web_message", "invalid_request"),
    ("request", "eyJ", "request_not_supported"),
    ("request_uri", "https://app.example/r", "request_uri_not_supported"),
    ("registration", "{}", "registration_not_supported"),
    ("scope", "admin", "invalid_scope"),
    ("scope", 'open"id', "invalid_scope"),
    ("scope", "openid\ne-mail", "invalid_scope"),
    ("scope", LONG, "invalid_scope"),
    ("scope", "a " * 25_000, "invalid_scope"),
    ("code_challenge", None, "invalid_request"),
    ("code_challenge", "short", "invalid_request"),
    ("code_challenge", "+" * 43, "invalid_request"),
    ("code_challenge", "a" * 44, "invalid_request"),
    ("code_challenge", "a" * 43 + "\n", "invalid_request"),
    ("code_challenge_method", None, "invalid_request"),
    ("code_challenge_method", "plain", "invalid_request"),
    ("code_challenge_method", "s256", "invalid_request"),
    ("prompt", "none login", "invalid_request"),
    ("prompt", "none unknown", "invalid_request"),
    ("max_age", "-1", "invalid_request"),
    ("max_age", "1.5", "invalid_request"),
    ("max_age", "\u0663", "invalid_request"),
    ("max_age", "9" * 5000, "invalid_request"),
    ("claims", "{", "invalid_request"),
    ("claims", LONG, "invalid_request"),
    ("id_token_hint", "garbage", "invalid_request"),
    ("id_token_hint", LONG, "invalid_request"),
    ("state", LONG, "invalid_request"),
    ("nonce", LONG, "invalid_request"),
    ("login_hint", LONG, "invalid_request"),
    ("ui_locales", LONG, "invalid_request"),
]


@pytest.mark.parametrize(("name", "value", "error"), TOLD_TO_THE_CLIENT)
async def test_a_fault_behind_a_proven_redirect_uri_is_told_to_the_client(
    requests: AuthorizationRequests, relying_party: RelyingParty, name: str, value: str | None, error: str
) -> None:
    """Keycloak CVE-2026-4634 (very long values), authentik CVE-2024-23647 (PKCE left out)."""
    parameters = relying_party.parameters(**{name: value})
    refusal = await fault(requests, *parameters.items())
    assert refusal.error.error == error
    assert refusal.target is not None
    assert refusal.target.redirect_uri == relying_party.redirect_uri
    assert refusal.target.state == parameters["state"]


@pytest.mark.parametrize("client_id", [None, "", "unknown", "\x00", "\ud7ff\u202e", LONG])
async def test_an_unknown_client_is_told_nothing(
    requests: AuthorizationRequests, relying_party: RelyingParty, client_id: str | None
) -> None:
    refusal = await fault(requests, *relying_party.parameters(client_id=client_id).items())
    assert (refusal.error.error, refusal.target) == ("invalid_request", None)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("same", [True, False])
async def test_a_client_or_redirect_uri_named_twice_proves_nothing(
    requests: AuthorizationRequests, relying_party: RelyingParty, name: str, same: bool
) -> None:
    parameters = relying_party.parameters()
    second = (name, parameters[name] if same else "https://evil.example/")
    refusal = await fault(requests, *parameters.items(), second)
    assert (refusal.error.error, refusal.target) == ("invalid_request", None)


@pytest.mark.parametrize("name", ["scope", "nonce", "prompt", "response_type"])
async def test_any_other_parameter_named_twice_is_told_to_the_client(
    requests: AuthorizationRequests, relying_party: RelyingParty, name: str
) -> None:
    refusal = await fault(requests, *relying_party.parameters().items(), (name, "a"), (name, "a"))
    assert refusal.error.error == "invalid_request"
    assert refusal.target is not None
    assert refusal.target.redirect_uri == relying_party.redirect_uri


@pytest.mark.parametrize("name", ["resource", "unheard_of"])
async def test_what_is_not_known_may_be_repeated(
    requests: AuthorizationRequests, relying_party: RelyingParty, name: str
) -> None:
    """RFC 8707 §2 lets a client repeat `resource`."""
    pairs = (*relying_party.parameters().items(), (name, "https://a.example"), (name, "https://b.example"))
    await requests.validate(pairs)


async def test_a_client_that_pushes_its_request_is_not_looked_for_by_its_parameter(
    requests: AuthorizationRequests, relying_party: RelyingParty, provider: RunningProvider
) -> None:
    """RFC 9126 §2.1: it is authenticated before. The other checks are the same."""
    client = await provider.parts.clients.get(relying_party.client_id)
    assert client is not None
    parameters = relying_party.parameters(client_id=None)
    request, _ = await requests.validate(tuple(parameters.items()), at="pushed", client=client)
    assert request.client_id == relying_party.client_id
    with pytest.raises(AuthorizationError):
        await requests.validate(
            tuple({**parameters, "redirect_uri": "https://evil.example"}.items()), at="pushed", client=client
        )


NOTHING = {"code_challenge": None, "code_challenge_method": None, "nonce": None}
NONCE = {**NOTHING, "nonce": "n-1"}


@pytest.mark.parametrize(
    ("client", "parameters", "taken"),
    [
        ({}, {}, True),
        ({}, NONCE, True),  # RFC 9700 §2.1.1: the nonce protects the code of a confidential client
        ({}, {**NONCE, "scope": "email"}, False),  # no ID token, so nobody checks the nonce
        ({}, NOTHING, False),
        ({"require_pkce": True}, {}, True),
        ({"require_pkce": True}, NONCE, False),
        ({"require_pkce": False}, NOTHING, True),
        ({"public": True}, {}, True),
        ({"public": True}, NONCE, False),
    ],
)
async def test_a_code_is_protected_by_pkce_or_for_a_confidential_client_by_a_nonce(
    requests: AuthorizationRequests,
    provider: RunningProvider,
    client: dict[str, Any],
    parameters: dict[str, str | None],
    taken: bool,
) -> None:
    app = await provider.relying_party(**client)
    pairs = tuple(app.parameters(**parameters).items())
    if taken:
        await requests.validate(pairs)
    else:
        assert (await fault(requests, *pairs)).error.error == "invalid_request"


@pytest.mark.parametrize("require_pkce", [None, False])
async def test_the_strict_setting_requires_pkce_of_every_client(
    provider: RunningProvider, require_pkce: bool | None
) -> None:
    strict = AuthorizationRequests(
        provider.parts.clients, provider.parts.keyring, ClientSettings(require_pkce=True)
    )
    app = await provider.relying_party(require_pkce=require_pkce)
    assert (await fault(strict, *app.parameters(**NONCE).items())).error.error == "invalid_request"
    await strict.validate(tuple(app.parameters().items()))


async def test_scopes_that_the_client_does_not_have_are_ignored(
    requests: AuthorizationRequests, relying_party: RelyingParty
) -> None:
    """OIDC Core §3.1.2.1: an app may ask for whatever another provider offers."""
    request, _ = await requests.validate(
        tuple(relying_party.parameters(scope="openid admin email roles").items())
    )
    assert request.scopes == ("openid", "email")


async def test_scopes_that_the_client_does_not_have_are_refused_where_the_setting_says_so(
    provider: RunningProvider, relying_party: RelyingParty
) -> None:
    strict = AuthorizationRequests(
        provider.parts.clients, provider.parts.keyring, ClientSettings(unknown_scopes="refuse")
    )
    refusal = await fault(strict, *relying_party.parameters(scope="openid admin").items())
    assert refusal.error.error == "invalid_scope"


async def test_a_claim_behind_a_scope_that_the_client_does_not_have_is_ignored(
    requests: AuthorizationRequests, provider: RunningProvider
) -> None:
    claims = json.dumps({"userinfo": {"roles": None, "name": None}, "id_token": {"groups": None}})
    for scopes, names in (
        (("openid",), set()),
        (("openid", "profile"), {"name"}),
        (("openid", "profile", "roles"), {"name", "roles"}),
    ):
        app = await provider.relying_party(scopes=scopes)
        request, _ = await requests.validate(tuple(app.parameters(scope="openid", claims=claims).items()))
        assert request.claims.names == names


@pytest.mark.parametrize("method", ["plain", "S256"])
async def test_a_challenge_method_without_a_challenge_is_refused_even_where_pkce_is_optional(
    requests: AuthorizationRequests, provider: RunningProvider, method: str
) -> None:
    """authentik CVE-2023-48228: one half of PKCE left out."""
    exempt = await provider.relying_party(require_pkce=False)
    parameters = exempt.parameters(code_challenge=None, code_challenge_method=method)
    assert (await fault(requests, *parameters.items())).error.error == "invalid_request"
    await requests.validate(tuple(exempt.parameters(code_challenge=None, code_challenge_method=None).items()))


async def test_only_oauth_alone_may_leave_out_the_one_redirect_uri(
    requests: AuthorizationRequests, relying_party: RelyingParty, provider: RunningProvider
) -> None:
    request, _ = await requests.validate(
        tuple(relying_party.parameters(redirect_uri=None, scope="email").items())
    )
    assert (request.redirect_uri, request.redirect_uri_given) == (relying_party.redirect_uri, False)
    refusal = await fault(requests, *relying_party.parameters(redirect_uri=None).items())
    assert refusal.target is None
    several = await provider.relying_party(redirect_uris=("https://a.example/", "https://b.example/"))
    refusal = await fault(requests, *several.parameters(redirect_uri=None, scope="email").items())
    assert refusal.target is None


async def test_without_a_scope_neither_identity_nor_standing_access_is_granted(
    requests: AuthorizationRequests, relying_party: RelyingParty
) -> None:
    request, _ = await requests.validate(tuple(relying_party.parameters(scope=None).items()))
    assert not {"openid", "offline_access"} & set(request.scopes)


async def test_a_client_without_the_code_grant_is_refused(
    requests: AuthorizationRequests, provider: RunningProvider
) -> None:
    machine = await provider.relying_party(grant_types=("client_credentials",))
    refusal = await fault(requests, *machine.parameters().items())
    assert refusal.error.error == "unauthorized_client"


@pytest.mark.parametrize(
    ("name", "value"),
    [("prompt", "create"), ("display", "hologram"), ("ui_locales", "xx-YY de"), ("unheard_of", "1")],
)
async def test_what_is_not_known_is_ignored(
    requests: AuthorizationRequests, relying_party: RelyingParty, name: str, value: str
) -> None:
    request, _ = await requests.validate(tuple(relying_party.parameters(**{name: value}).items()))
    assert request.prompts == ()
    assert request.display == "page"


async def test_a_native_app_cannot_have_a_form_posted_to_its_own_scheme(
    requests: AuthorizationRequests, provider: RunningProvider
) -> None:
    native = await provider.relying_party(public=True, redirect_uris=("com.example.app:/cb",))
    refusal = await fault(requests, *native.parameters(response_mode="form_post").items())
    assert refusal.target is not None
    assert (refusal.error.error, refusal.target.response_mode) == ("invalid_request", "query")
