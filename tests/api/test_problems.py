"""Errors, limits and what strangers can learn from them."""

from typing import Any

import pytest

from idp.api.problems import PROBLEMS
from tests.support.api import BASE, Api, check_problem, code_of, fields_of
from tests.support.provider import EMAIL, PASSWORD, MakeProvider, RunningProvider

CREDENTIALS = {"email": EMAIL, "password": PASSWORD}
PAGES = 5


@pytest.fixture
async def narrow(make_provider: MakeProvider) -> Api:
    """An app of a provider that takes few forms a minute."""
    return Api(await make_provider(rate_limits={"pages_per_address": PAGES}))


async def test_what_is_not_there_or_not_so_is_a_problem(api: Api) -> None:
    assert code_of(await api.get("/nothing")) == (404, "not_found")
    assert code_of(await api.get("/problems/nothing")) == (404, "not_found")
    assert code_of(await api.get("/docs/nothing.js")) == (404, "not_found")
    assert code_of(await api.get("/docs/..%2f__init__.py")) == (404, "not_found")
    refused = await api.get("/auth/login")
    assert code_of(refused) == (405, "method_not_allowed")
    assert refused.headers["allow"] == "POST"


async def test_what_no_endpoint_gets_to_see_is_a_problem_too(api: Api) -> None:
    json = {"Content-Type": "application/json"}
    too_large = await api.post("/auth/login", content=b"x" * 70_000, headers=json)
    assert code_of(too_large) == (413, "too_large")
    assert too_large.headers["connection"] == "close"
    assert code_of(await api.get("/docs?" + "x" * 17_000)) == (414, "uri_too_long")
    assert code_of(await api.get("/docs?" + "a&" * 200)) == (400, "invalid_request")


@pytest.mark.parametrize("body", [b"{", b'{"a":' * 30_000, b"\xff", b"[" * 20_000 + b"]" * 20_000])
async def test_a_body_that_is_no_json_is_a_problem(api: Api, body: bytes) -> None:
    answer = await api.post("/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert code_of(answer) in {(400, "invalid_request"), (413, "too_large")}


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_json_is_taken_only_under_its_name(api: Api, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await api.post("/auth/forgot-password", content=b'{"email":"a@example.com"}', headers=headers)
    assert code_of(answer) == (422, "invalid_value")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": EMAIL}, "password"),
        ({"email": 7, "password": "x"}, "email"),
        ({**CREDENTIALS, "scope": "nothing"}, "scope"),
        ({**CREDENTIALS, "remember": True}, "remember"),
        ({**CREDENTIALS, "\ud800": 1}, "body"),
        ({"email": "\ud800", "password": "x"}, "email"),
    ],
)
async def test_a_value_that_is_refused_is_named_and_not_repeated(
    api: Api, person: object, body: dict[str, Any], field: str
) -> None:
    answer = await api.post("/auth/login", body)
    assert fields_of(answer) == [field]
    assert PASSWORD not in answer.text


async def test_either_code_or_link_verifies_and_what_is_neither_is_named(api: Api) -> None:
    named = fields_of(await api.post("/auth/verify-email", {"email": EMAIL}))
    assert set(named) == {"code", "token", "email"}  # of the two forms that are possible
    assert fields_of(await api.post("/auth/verify-email", {"token": "made up"})) == ["token"]


async def test_policy_and_bounds_of_registration_are_those_of_the_page(make_provider: MakeProvider) -> None:
    body = {"email": "new@example.com", "password": "short"}
    api = Api(await make_provider(registration={"email_domains": ["example.org"]}))
    assert fields_of(await api.post("/auth/register", body)) == ["email"]
    api = Api(await make_provider(registration={"mode": "invitation"}))
    assert fields_of(await api.post("/auth/register", body)) == ["invitation"]
    api = Api(await make_provider(registration={"mode": "closed"}))
    assert code_of(await api.post("/auth/register", body)) == (403, "registration_closed")
    api = Api(await make_provider())
    assert fields_of(await api.post("/auth/register", body)) == ["password"]


async def test_a_part_that_is_away_is_a_problem_with_a_time_to_come_back(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OSError("no route to the database")

    monkeypatch.setattr("idp.storage.repositories.users.Users.by_email_key", away)
    answer = await api.post("/auth/login", CREDENTIALS)
    assert code_of(answer) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_defect_tells_nothing_but_where_to_find_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the secret plan")

    monkeypatch.setattr("idp.storage.repositories.users.Users.by_email_key", broken)
    answer = await api.post("/auth/login", CREDENTIALS)
    assert code_of(answer) == (500, "server_error")
    assert "secret plan" not in answer.text


async def test_the_address_is_held_to_a_number_of_changes_and_told_how_many_are_left(narrow: Api) -> None:
    left = []
    for _ in range(PAGES):
        answer = await narrow.post("/auth/verify-email", {"token": "made up"})
        assert answer.headers["ratelimit-policy"].startswith(f'"address";q={PAGES};w=60')
        left.append(answer.headers["ratelimit"].split(";")[1])
    assert left == ["r=4", "r=3", "r=2", "r=1", "r=0"]
    refused = await narrow.post("/auth/login", CREDENTIALS)
    assert code_of(refused) == (429, "throttled")
    assert int(refused.headers["retry-after"]) > 0
    assert (await narrow.get("/docs")).status_code == 200  # reading is not counted
    elsewhere = Api(narrow.provider, "192.0.2.9")
    assert code_of(await elsewhere.post("/auth/login", CREDENTIALS)) == (401, "invalid_credentials")


async def test_one_network_of_ipv6_is_one_address(narrow: Api) -> None:
    for number in range(PAGES):
        await Api(narrow.provider, f"2001:db8::{number}").post("/auth/login", CREDENTIALS)
    neighbour = await Api(narrow.provider, "2001:db8::ffff").post("/auth/login", CREDENTIALS)
    assert code_of(neighbour) == (429, "throttled")


async def test_guesses_at_a_password_are_throttled_with_those_on_the_page(
    api: Api, provider: RunningProvider, person: object
) -> None:
    wrong = {"email": EMAIL, "password": "not this one"}
    seen = [(await api.post("/auth/login", wrong)).status_code for _ in range(8)]
    assert set(seen) == {401, 429}
    page = await (await provider.browser("192.0.2.1")).log_in()
    assert page.status_code == 429


async def test_guesses_at_a_code_are_counted_and_then_even_the_right_one_is_wrong(api: Api) -> None:
    code = (await api.register("new@example.com")).code
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        guess = await api.post("/auth/verify-email", {"email": "new@example.com", "code": wrong})
        assert fields_of(guess) == ["code"]
    assert (
        await api.post("/auth/verify-email", {"email": "new@example.com", "code": code})
    ).status_code == 429
    api.provider.clock.advance(60)
    late = await api.post("/auth/verify-email", {"email": "new@example.com", "code": code})
    assert fields_of(late) == ["code"]


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/auth/register", {"password": PASSWORD, "name": "Somebody"}),
        ("/auth/login", {"password": "not this one"}),
        ("/auth/resend-verification", {}),
        ("/auth/forgot-password", {}),
        ("/auth/verify-email", {"code": "123456"}),
    ],
)
async def test_the_answer_does_not_tell_a_known_address_from_an_unknown_one(
    api: Api, provider: RunningProvider, person: object, path: str, rest: dict[str, str]
) -> None:
    await api.register("Pending@example.com")
    provider.clock.advance(3600)
    answers = []
    for email in (EMAIL, "pending@example.com", "nobody@example.com"):
        for _ in range(2):  # the second one is too soon for a mail, whoever it is
            answer = await api.post(path, {"email": email, **rest})
            body = {**answer.json(), "error_id": "", "email": ""}
            counted = dict.fromkeys(
                ("ratelimit", "ratelimit-remaining", "x-request-id", "content-length"), ""
            )
            names = {**answer.headers, **counted}
            answers.append((answer.status_code, body, names))
    assert answers[0] == answers[2] == answers[4]
    assert answers[1] == answers[3] == answers[5]


async def test_each_kind_of_problem_has_an_address_that_tells_about_it(api: Api) -> None:
    for code, (status, title) in PROBLEMS.items():
        told = (await api.get(f"/problems/{code}")).json()
        assert (told["status"], told["title"]) == (status, title)
        assert told["type"] == api.provider.url(f"{BASE}/problems/{code}")


async def test_browser_apps_of_registered_origins_may_call_it(provider: RunningProvider) -> None:
    await provider.create_client(scopes=("openid", "account"), allowed_origins=("https://spa.example",))
    asked = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}
    path = f"{BASE}/users/me"
    allowed = await provider.http("OPTIONS", path, headers={"Origin": "https://spa.example", **asked})
    assert allowed.status_code == 204
    assert "DELETE" in allowed.headers["access-control-allow-methods"]
    refused = await provider.http("OPTIONS", path, headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in refused.headers
    error = await provider.http("GET", path, headers={"Origin": "https://spa.example"})
    assert error.headers["access-control-allow-origin"] == "https://spa.example"
    assert "RateLimit" in error.headers["access-control-expose-headers"]
    check_problem(error)


async def test_below_an_issuer_with_a_path_everything_is_below_that_path(
    make_provider: MakeProvider,
) -> None:
    provider = await make_provider(issuer="http://localhost:8000/auth")
    await provider.create_user()
    api = await Api(provider).log_in()
    me = await api.get("/users/me")
    assert me.status_code == 200
    missing = check_problem(await api.get("/nothing"))
    assert missing["instance"] == "/auth/api/v1/nothing"
    assert missing["type"].startswith("http://localhost:8000/auth/api/v1/problems/")
    assert 'data-openapi="/auth/api/v1/openapi.json"' in (await api.get("/docs")).text
