"""What surrounds every request, through ASGI."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from idp.config import LogSettings
from idp.errors import ConfigurationError, FlowError, Throttled, Unavailable
from idp.ops.address import ClientAddress, network_of
from idp.ops.cors import Cors
from idp.ops.headers import SecurityHeaders
from idp.ops.limits import BodyLimit
from idp.ops.logging import configure_logging, write_request
from idp.ops.metrics import Metrics
from idp.ops.requests import RequestLog

APP = "https://app.example.com"


async def echo(request: Request) -> Response:
    body = await request.body()
    state = request.scope["state"]
    return JSONResponse({"size": len(body), "address": state["address"], "request_id": state["request_id"]})


async def fail(request: Request) -> Response:
    raise {
        "away": Unavailable("The database cannot be reached right now.", retry_after=2.2, detail="dsn"),
        "throttled": Throttled("Too many tries; wait a moment.", retry_after=0.1),
        "flow": FlowError("Please start again.", detail="cookie missing"),
        "configuration": ConfigurationError("IDP_MASTER_KEY is missing."),
        "bug": ValueError("token=abcdefghij is in here"),
    }[request.path_params["what"]]


async def jwks(_request: Request) -> Response:
    return PlainTextResponse("{}", headers={"Cache-Control": "public, max-age=300"})


async def half(_request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("in the middle")

    return StreamingResponse(chunks())


async def is_registered_origin(origin: str) -> bool:
    return origin == APP


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    return Metrics()


@pytest.fixture
def stack(metrics: Metrics) -> ASGIApp:
    routes = [
        Route("/token", echo, methods=["GET", "POST"]),
        Route("/fail/{what}", fail),
        Route("/jwks", jwks),
        Route("/half", half),
        *metrics.routes,
    ]
    middleware = [
        Middleware(ClientAddress, ["10.0.0.0/8", "::1/128"]),
        Middleware(SecurityHeaders, secure=True),
        Middleware(RequestLog, observer=metrics),
        Middleware(
            Cors,
            open_paths=["/jwks"],
            registered_paths=["/token", "/fail/away"],
            api_prefix="/api/v1/",
            is_registered_origin=is_registered_origin,
            is_api_origin=is_registered_origin,
        ),
        Middleware(BodyLimit, max_body_bytes=1024, body_time=0.05),
    ]
    return Starlette(routes=routes, middleware=middleware)


def connect(stack: ASGIApp, peer: str = "203.0.113.7") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(stack, client=(peer, 4711), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://id.example.com")


@pytest.fixture
async def client(stack: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(stack) as client:
        yield client


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging(LogSettings(level="debug"), stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    write_request.configure(None, wanted=True)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def test_a_request_is_one_line_without_its_query(client: httpx.AsyncClient, log: io.StringIO) -> None:
    answer = await client.get("/token?code=topsecret")
    (line,) = lines(log)
    assert line["event"] == "request"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/token", 200)
    assert line["address"] == "203.0.113.7"
    assert line["request_id"] == answer.headers["X-Request-Id"] == answer.json()["request_id"]
    assert "topsecret" not in log.getvalue()


async def test_an_unknown_path_is_not_logged_as_it_was_sent(
    client: httpx.AsyncClient, log: io.StringIO
) -> None:
    await client.get("/reset/topsecret")
    assert lines(log)[0]["path"] == "(unmatched)"


async def test_a_request_id_from_outside_counts_only_from_a_trusted_proxy(stack: ASGIApp) -> None:
    given = {"X-Request-Id": "trace-12345"}
    async with connect(stack) as outside, connect(stack, "10.1.1.1") as proxy:
        assert (await outside.get("/token", headers=given)).headers["X-Request-Id"] != "trace-12345"
        assert (await proxy.get("/token", headers=given)).headers["X-Request-Id"] == "trace-12345"
        nonsense = {"X-Request-Id": 'a"b c{}$'}
        assert (await proxy.get("/token", headers=nonsense)).headers["X-Request-Id"] != nonsense[
            "X-Request-Id"
        ]


@pytest.mark.parametrize(
    ("what", "status", "error", "retry_after"),
    [
        ("away", 503, "temporarily_unavailable", "3"),
        ("throttled", 429, "temporarily_unavailable", "1"),
        ("flow", 400, "invalid_request", None),
        ("configuration", 500, "server_error", None),
        ("bug", 500, "server_error", None),
    ],
)
async def test_an_exception_becomes_an_answer_with_an_id(
    client: httpx.AsyncClient, what: str, status: int, error: str, retry_after: str | None
) -> None:
    answer = await client.get(f"/fail/{what}")
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["error_id"] == answer.headers["X-Request-Id"]
    assert answer.headers.get("Retry-After") == retry_after
    assert "IDP_MASTER_KEY" not in answer.text
    assert "dsn" not in answer.text


async def test_an_unexpected_error_is_logged_with_its_traceback_but_without_secrets(
    client: httpx.AsyncClient, log: io.StringIO
) -> None:
    await client.get("/fail/bug")
    error, request = lines(log)
    assert "ValueError" in error["exception"]
    assert "abcdefghij" not in log.getvalue()
    assert request["status"] == 500


async def test_an_error_in_the_middle_of_an_answer_closes_the_connection(
    client: httpx.AsyncClient, log: io.StringIO
) -> None:
    answer = await client.get("/half")
    assert answer.text == "half"
    assert [line["event"] for line in lines(log)] == ["unexpected error", "request"]


async def test_an_error_is_readable_across_origins_like_any_answer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/fail/away", headers={"Origin": APP})
    assert answer.status_code == 503
    assert answer.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (None, "10.1.1.1"),
        ("198.51.100.9", "198.51.100.9"),
        ("6.6.6.6, 198.51.100.9, 10.2.2.2", "198.51.100.9"),
        ("::ffff:198.51.100.9", "198.51.100.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("198.51.100.9:1234", "198.51.100.9"),
        ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("6.6.6.6, <script>, 10.2.2.2", "10.2.2.2"),
        ("unknown", "10.1.1.1"),
        (",,,", "10.1.1.1"),
    ],
)
async def test_behind_a_proxy_the_right_most_untrusted_entry_is_the_client(
    stack: ASGIApp, forwarded: str | None, address: str
) -> None:
    async with connect(stack, "10.1.1.1") as proxy:
        headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
        assert (await proxy.get("/token", headers=headers)).json()["address"] == address


async def test_forwarded_headers_of_a_stranger_are_ignored(client: httpx.AsyncClient) -> None:
    answer = await client.get("/token", headers={"X-Forwarded-For": "6.6.6.6"})
    assert answer.json()["address"] == "203.0.113.7"


async def test_two_forwarded_headers_are_one_list(stack: ASGIApp) -> None:
    async with connect(stack, "10.1.1.1") as proxy:
        headers = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "198.51.100.9")]
        assert (await proxy.get("/token", headers=headers)).json()["address"] == "198.51.100.9"


def test_an_ipv6_subscriber_counts_as_one_network() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert network_of("198.51.100.9") == "198.51.100.9"
    assert network_of("") == ""


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_is_taken_up_to_the_limit_and_refused_beyond(
    client: httpx.AsyncClient, *, chunked: bool
) -> None:
    def body(size: int) -> Any:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(size // 64):
                yield b"x" * 64

        return chunks() if chunked else b"x" * size

    assert (await client.post("/token", content=body(1024))).json()["size"] == 1024
    refused = await client.post("/token", content=body(1024 + 64))
    assert refused.status_code == 413
    assert refused.headers["Connection"] == "close"
    assert refused.json()["error"] == "invalid_request"


async def test_a_body_that_dribbles_is_refused(client: httpx.AsyncClient) -> None:
    async def dribble() -> AsyncIterator[bytes]:
        import anyio

        for _ in range(20):
            await anyio.sleep(0.02)
            yield b"x"

    assert (await client.post("/token", content=dribble())).status_code == 408


async def test_a_long_query_and_many_parameters_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/token?scope=" + "x" * 17_000)).status_code == 414
    assert (await client.get("/token?" + "a=1&" * 100)).status_code == 400
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    shouted = {"Content-Type": "Application/X-WWW-Form-Urlencoded"}
    assert (await client.post("/token", content="a=1&" * 100, headers=form)).status_code == 400
    assert (await client.post("/token", content="a=1&" * 100, headers=shouted)).status_code == 400
    assert (await client.post("/token", content="a=1&" * 99, headers=form)).status_code == 200


async def test_a_content_length_that_is_no_number_is_refused(client: httpx.AsyncClient) -> None:
    for length in ("-1", "1e3", "9" * 5000):
        assert (await client.post("/token", headers={"Content-Length": length})).status_code == 413


async def test_a_client_that_leaves_before_its_body_is_whole_is_not_served(
    stack: ASGIApp, log: io.StringIO
) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pytest.fail("nobody is there")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/token",
        "query_string": b"",
        "headers": [(b"content-length", b"5")],
        "client": None,
    }
    await stack(scope, receive, send)
    assert lines(log)[0]["status"] == 499


async def test_a_response_has_security_headers_unless_it_sets_its_own(client: httpx.AsyncClient) -> None:
    answer = await client.get("/token")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    assert (await client.get("/jwks")).headers["Cache-Control"] == "public, max-age=300"
    assert (await client.get("/fail/bug")).headers["Cache-Control"] == "no-store"


async def test_hsts_is_not_sent_over_http() -> None:
    async with connect(SecurityHeaders(Starlette(), secure=False)) as client:
        assert "Strict-Transport-Security" not in (await client.get("/")).headers


async def test_public_documents_are_readable_from_anywhere(client: httpx.AsyncClient) -> None:
    answer = await client.get("/jwks", headers={"Origin": "https://anyone.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def preflight(origin: str) -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": "POST"}


async def test_a_registered_origin_may_call_the_token_endpoint(client: httpx.AsyncClient) -> None:
    allowed = await client.options("/token", headers=preflight(APP))
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == APP
    assert allowed.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, DPoP"
    assert allowed.headers["Vary"] == "Origin"
    answer = await client.post("/token", headers={"Origin": APP})
    assert answer.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.com.evil.example"])
async def test_another_origin_may_not(client: httpx.AsyncClient, origin: str) -> None:
    refused = await client.options("/token", headers=preflight(origin))
    assert refused.status_code == 403
    answer = await client.post("/token", headers={"Origin": origin})
    for response in (refused, answer):
        assert "Access-Control-Allow-Origin" not in response.headers
        assert response.headers["Vary"] == "Origin"


async def test_other_paths_know_no_cors(client: httpx.AsyncClient) -> None:
    assert "Vary" not in (await client.get("/fail/flow", headers={"Origin": APP})).headers


async def test_metrics_count_by_route_and_never_by_path(client: httpx.AsyncClient, metrics: Metrics) -> None:
    metrics.sign_in("success")
    metrics.token_issued("authorization_code")
    metrics.oauth_error("invalid_grant")
    metrics.watch(metrics.password_queue, lambda: 3)
    await client.get("/fail/flow")
    await client.get("/fail/away")
    await client.get("/no/such/page")
    await client.request("BREW", "/token")
    text = (await client.get("/metrics")).text
    assert 'idp_http_requests_total{method="GET",route="/fail/{what}",status="503"} 1.0' in text
    assert 'route="(unmatched)",status="404"' in text
    assert 'method="other"' in text
    assert "BREW" not in text
    assert 'idp_sign_ins_total{outcome="success"} 1.0' in text
    assert 'idp_tokens_issued_total{grant_type="authorization_code"} 1.0' in text
    assert 'idp_oauth_errors_total{error="invalid_grant"} 1.0' in text
    assert "idp_password_queue 3.0" in text


def test_a_label_takes_a_bounded_number_of_values(metrics: Metrics) -> None:
    for number in range(1000):
        metrics.oauth_error(f"error-{number}")
    text = metrics.render().decode()
    assert text.count("idp_oauth_errors_total{") == 65
    assert 'idp_oauth_errors_total{error="other"} 936.0' in text
