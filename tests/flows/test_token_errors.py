"""Wrong requests at the endpoints for programs: the protocol's own error, and never a fault of ours."""

import base64
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp.storage.models import User
from tests.support.provider import MakeProvider, RelyingParty, RunningProvider

FORM = "application/x-www-form-urlencoded"
ENDPOINTS = ("/token", "/introspect", "/revoke")
ERRORS = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
}


@pytest.fixture
async def tolerant(make_provider: MakeProvider) -> RelyingParty:
    """An app at a provider that does not count failures."""
    provider = await make_provider(rate_limits={"token_failures_per_address": 0})
    return await provider.relying_party(client_id="app", scopes=("openid", "read"))


def credentials(app: RelyingParty) -> dict[str, str]:
    pair = f"{app.client_id}:{app.client.secret}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


async def post(app: RelyingParty, path: str, body: bytes | str, content_type: str = FORM) -> httpx.Response:
    headers = {"content-type": content_type, **credentials(app)}
    return await app.provider.http("POST", path, content=body, headers=headers)


def assert_error(response: httpx.Response, *errors: str) -> None:
    """An error in the form of RFC 6749 §5.2, that nobody on the way keeps."""
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["error"] in (errors or ERRORS)
    assert "Traceback" not in response.text
    assert body.keys() <= {"error", "error_description", "error_uri", "error_id"}
    if response.status_code == 401:
        assert response.headers["www-authenticate"].startswith("Basic realm=")  # RFC 7617 §2


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data", ""])
async def test_another_content_type_is_refused(tolerant: RelyingParty, path: str, content_type: str) -> None:
    response = await post(tolerant, path, '{"grant_type": "client_credentials"}', content_type)
    assert_error(response, "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe=1", b"token=%ff", b"a=1&a=2", b"a=1&a=", b"a=&a=", b"=", b"&&&", b"token", b"%00=%00"],
)
async def test_a_malformed_form_is_an_invalid_request(tolerant: RelyingParty, path: str, body: bytes) -> None:
    assert_error(await post(tolerant, path, body), "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_what_is_too_large_is_refused_cheaply(tolerant: RelyingParty, path: str) -> None:
    large = await post(tolerant, path, b"a=" + b"x" * 1_000_000)
    assert large.status_code == 413
    many = await post(tolerant, path, "&".join(f"p{n}=1" for n in range(101)))
    assert_error(many, "invalid_request")


async def test_a_scope_of_fifty_thousand_characters_is_refused_cheaply(tolerant: RelyingParty) -> None:
    """Keycloak CVE-2026-4634."""
    for scope in ("a" * 50_000, "a " * 25_000):
        form = {"grant_type": "refresh_token", "refresh_token": "x", "scope": scope}
        assert_error(await tolerant.post("/token", form))


async def test_an_empty_parameter_counts_as_absent(tolerant: RelyingParty) -> None:
    """RFC 6749 §3.2."""
    given, empty = [
        await tolerant.post("/token", form) for form in ({"x": "1"}, {"x": "1", "grant_type": ""})
    ]
    assert given.json() == empty.json()
    assert_error(empty, "invalid_request")


@pytest.mark.parametrize(
    "grant_type", ["implicit", "AUTHORIZATION_CODE", "urn:x", "refresh_token ", "\x00", "ü"]
)
async def test_a_grant_type_that_is_not_ours_is_unsupported(tolerant: RelyingParty, grant_type: str) -> None:
    assert_error(await tolerant.post("/token", {"grant_type": grant_type}), "unsupported_grant_type")


@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token"])
async def test_a_grant_without_its_parameter_is_an_invalid_request(
    tolerant: RelyingParty, grant_type: str
) -> None:
    assert_error(await tolerant.post("/token", {"grant_type": grant_type}), "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_token_request_is_posted(tolerant: RelyingParty, path: str) -> None:
    response = await tolerant.provider.http("GET", f"{path}?grant_type=client_credentials")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_parameters_in_the_query_are_not_looked_at(tolerant: RelyingParty, path: str) -> None:
    """RFC 6749 §2.3.1: credentials do not go into a URL."""
    query = f"?client_id={tolerant.client_id}&client_secret={tolerant.client.secret}&token=x"
    form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
    response = await tolerant.provider.http("POST", path + query, data=form)
    assert_error(response, "invalid_client")
    assert response.status_code == 401


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_an_unknown_client_and_a_wrong_secret_get_the_same_answer(
    tolerant: RelyingParty, path: str
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
    answers = [
        await tolerant.provider.http("POST", path, data=form, auth=(name, "wrong"))
        for name in ("app", "nobody")
    ]
    assert answers[0].status_code == answers[1].status_code == 401
    assert answers[0].text == answers[1].text
    assert answers[0].headers["www-authenticate"] == answers[1].headers["www-authenticate"]


async def test_too_many_failures_from_one_address_are_slowed_down(make_provider: MakeProvider) -> None:
    provider = await make_provider(rate_limits={"token_failures_per_address": 3})
    form = {"grant_type": "refresh_token", "client_id": "nobody", "refresh_token": "x"}
    statuses = [(await provider.http("POST", "/token", data=form)).status_code for _ in range(5)]
    assert statuses[:3] == [401] * 3
    last = await provider.http("POST", "/token", data=form)
    assert (last.status_code, last.json()["error"]) == (429, "temporarily_unavailable")
    assert int(last.headers["retry-after"]) >= 1


# Whatever comes -----------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    [
        "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "username", "password",
        "client_id", "client_secret", "client_assertion", "client_assertion_type", "token", "token_type_hint",
        "access_token",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        [
            "authorization_code", "refresh_token", "client_credentials", "password", "app", "openid", "\x00", "a.b.c",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhcHAifQ.",
        ]
    ),
)  # fmt: skip
FORMS = st.lists(st.tuples(NAMES, TEXTS), max_size=8)
HEADERS = st.one_of(
    st.none(),
    st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60).map("Basic {}".format),
    st.binary(max_size=40).map(lambda raw: "Basic " + base64.b64encode(raw).decode()),
    st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60).map("Bearer {}".format),
)
FUZZ = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@pytest.mark.parametrize("path", [*ENDPOINTS, "/userinfo"])
async def test_no_form_and_no_header_is_a_fault_of_ours(
    tolerant: RelyingParty, person_here: User, path: str
) -> None:
    """Hypothesis draws synchronously; the requests are sent here, on the loop of the provider."""
    drawn: list[tuple[list[tuple[str, str]], str | None, bool]] = []

    @FUZZ
    @given(FORMS, HEADERS, st.booleans())
    def draw(form: list[tuple[str, str]], header: str | None, known: bool) -> None:
        drawn.append((form, header, known))

    draw()
    assert len(drawn) > 50
    async with tolerant.provider.client() as http:
        for form, header, known in drawn:
            headers: dict[str, Any] = {"content-type": FORM}
            if header is not None:
                headers["Authorization"] = header.encode("latin-1")
            elif known:
                headers |= credentials(tolerant)
            body = str(httpx.QueryParams(form))
            response = await http.post(path, content=body, headers=headers)
            assert response.status_code < 500, (form, header, response.text)
            if response.status_code >= 400:
                assert response.json()["error"] in ERRORS | {"invalid_token"}, (form, header, response.text)


@pytest.fixture
async def person_here(tolerant: RelyingParty) -> User:
    """Somebody with an account."""
    return await tolerant.provider.create_user()


@pytest.mark.parametrize("path", [*ENDPOINTS, "/userinfo"])
async def test_no_body_is_a_fault_of_ours(tolerant: RelyingParty, path: str) -> None:
    drawn: list[bytes] = []

    @FUZZ
    @given(st.binary(max_size=200))
    def draw(body: bytes) -> None:
        drawn.append(body)

    draw()
    for body in [*drawn, b"[" * 60_000, json.dumps({"grant_type": ["x"]}).encode()]:
        assert (await post(tolerant, path, body)).status_code < 500, body


async def test_the_whole_of_it_on_postgresql_where_nul_is_no_character(
    make_provider: MakeProvider, new_database_url: Any
) -> None:
    provider: RunningProvider = await make_provider(database_url=new_database_url("postgresql"))
    await provider.create_user()
    app = await provider.relying_party(grant_types=("authorization_code", "refresh_token", "password"))
    for name in ("client_id", "code", "refresh_token", "username", "password", "scope", "token"):
        for grant in ("authorization_code", "refresh_token", "password"):
            form = {"grant_type": grant, "code": "x", "username": "x", "password": "x", "refresh_token": "x"}
            for path in ENDPOINTS:
                response = await app.post(path, {**form, "token": "x", name: "\x00"})
                assert response.status_code < 500, (name, grant, path, response.text)
                assert response.status_code != 429 or grant == "password"
