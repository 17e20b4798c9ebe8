"""/authorize under random parameters: never a fault of ours, never a way to somewhere unregistered."""

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.provider import CALLBACK, MakeProvider, RunningProvider, redirected_to, the_form

NAMES = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt"),
    *("code_challenge", "code_challenge_method", "max_age", "claims", "id_token_hint", "login_hint"),
    *("acr_values", "ui_locales", "display", "request", "request_uri", "registration"),
)

TEXT = st.text(max_size=30) | st.sampled_from(
    [
        "",
        "\x00",
        "\r\n",
        "\u202e",
        "none",
        "login",
        "a" * 20_000,
        "{",
        '{"userinfo":{"a":null}}',
        "-1",
        "%",
        "+",
        "0",
    ]
)
PLAUSIBLE = {
    "client_id": st.sampled_from(["app"]),
    "redirect_uri": st.sampled_from([CALLBACK, CALLBACK + "/", "https://evil.example/", "http://[", "//x"]),
    "response_type": st.just("code"),
    "response_mode": st.sampled_from(["query", "fragment", "form_post"]),
    "scope": st.sampled_from(["openid", "openid email", "profile"]),
    "code_challenge": st.just("a" * 43),
    "code_challenge_method": st.just("S256"),
    "claims": st.sampled_from(
        [
            '{"id_token":{"acr":{"essential":true,"value":"a"}}}',
            '{"userinfo":{"name":{"value":"\\u0000"}}}',
            "[]",
        ]
    ),
    "prompt": st.sampled_from(["none", "login", "consent", "select_account", "create"]),
}


@st.composite
def parameters(draw: st.DrawFn) -> list[tuple[str, str]]:
    """A request that is right in most places and anything at all in a few."""
    wild = draw(st.sets(st.sampled_from(NAMES), max_size=3))
    pairs = [(name, draw(value)) for name, value in PLAUSIBLE.items() if name not in wild]
    pairs += [(name, draw(TEXT)) for name in sorted(wild)]
    if draw(st.integers(0, 9)) == 0:
        pairs.append((draw(TEXT), draw(TEXT)))
    return pairs


async def answered_safely(provider: RunningProvider, query: str, headers: dict[str, str]) -> None:
    response = await provider.http("GET", f"/authorize?{query}", headers=headers)
    assert response.status_code in {200, 303, 400, 414}, (query, response.text)
    if response.status_code == 303:
        target = redirected_to(response)
        assert target == CALLBACK or target.startswith(("/login", "/consent")), query
        assert "\n" not in response.headers["location"]
    elif response.status_code == 200:
        assert the_form(response).action == CALLBACK


@pytest.fixture(params=["sqlite", "postgresql"])
async def fuzzed(
    request: pytest.FixtureRequest, make_provider: MakeProvider, new_database_url: object
) -> tuple[RunningProvider, dict[str, str]]:
    """A provider with a client and, in the headers, a signed-in person's cookies."""
    url = new_database_url(request.param)  # type: ignore[operator]
    provider = await make_provider(database_url=url)
    await provider.create_user()
    await provider.create_client(client_id="app", redirect_uris=(CALLBACK,), first_party=True)
    browser = await provider.browser()
    await browser.log_in()
    return provider, {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs=parameters())
async def test_random_parameters_cause_neither_a_fault_nor_a_foreign_redirect(
    fuzzed: tuple[RunningProvider, dict[str, str]], pairs: list[tuple[str, str]]
) -> None:
    """authentik CVE-2024-52289 and Keycloak CVE-2026-4634, by chance."""
    provider, cookies = fuzzed
    query = urlencode([(k, v.encode("utf-8", "replace")) for k, v in pairs])
    await answered_safely(provider, query, cookies)
    await answered_safely(provider, query, {})


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=st.binary(max_size=60))
async def test_random_bytes_cause_no_fault(
    fuzzed: tuple[RunningProvider, dict[str, str]], raw: bytes
) -> None:
    provider, cookies = fuzzed
    text = "".join(f"%{byte:02x}" for byte in raw)
    await answered_safely(provider, f"client_id=app&redirect_uri={CALLBACK}&state={text}", cookies)
    await answered_safely(provider, f"client_id={text}&redirect_uri={text}", cookies)
