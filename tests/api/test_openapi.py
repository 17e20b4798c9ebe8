"""The OpenAPI document, its pages, and whether the API is what it says of itself."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from idp.config import RateLimitSettings
from tests.support.api import BASE, Api, check_problem
from tests.support.provider import MakeProvider, RunningProvider

PATHS = {
    *("register", "signup", "login", "access-token", "refresh", "logout"),
    *("verify-email", "resend-verification", "forgot-password", "reset-password"),
}
EXAMPLES = 3
"""For each operation, with good values and with bad ones, signed in and not."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Send = Callable[[Case], httpx.Response]


async def document_of(provider: RunningProvider) -> dict[str, Any]:
    answer = await provider.http("GET", f"{BASE}/openapi.json")
    assert answer.status_code == 200
    return answer.json()


async def test_the_document_names_every_path_and_alias(provider: RunningProvider) -> None:
    document = await document_of(provider)
    assert document["openapi"].startswith("3.1")
    assert {f"/auth/{name}" for name in PATHS} <= document["paths"].keys()
    assert set(document["paths"]["/users/me"]) == {"get", "put", "delete"}
    assert {"/users/change-password", "/users/me/password"} <= document["paths"].keys()
    assert document["servers"] == [{"url": provider.url(BASE)}]
    flow = document["components"]["securitySchemes"]["account"]["flows"]["password"]
    assert flow["tokenUrl"] == provider.url(f"{BASE}/auth/access-token")


async def test_what_needs_a_token_says_so_and_errors_have_one_schema(provider: RunningProvider) -> None:
    document = await document_of(provider)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert bool(operation.get("security")) == (path.startswith("/users/") or path == "/auth/me")
            errors = {s: r for s, r in operation["responses"].items() if s == "default" or s >= "400"}
            assert {"400", "422", "429", "503", "default"} <= errors.keys()
            for response in errors.values():
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}
    assert (
        not {"tier", "roles", "email_verified"}
        & document["components"]["schemas"]["Profile"]["properties"].keys()
    )


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_every_answer_is_in_the_document_and_none_is_a_server_error(
    make_provider: MakeProvider, mode: GenerationMode, signed_in: bool
) -> None:
    """By schemathesis. The throttles are wide, so that it gets further than to them."""
    wide = 10_000
    provider = await make_provider(
        rate_limits=dict.fromkeys(RateLimitSettings.model_fields, 0),
        throttle={"free_tries_per_account": wide, "free_tries_per_address": wide},
        accounts={"mails_per_hour": wide, "mail_interval": 0},
    )
    await provider.create_user()
    api = Api(provider)
    if signed_in:
        await api.log_in()
    document = await document_of(provider)
    for operations in document["paths"].values():
        for operation in operations.values():
            del operation["responses"]["default"]  # each status has to be named
    async with provider.client() as client:

        def send(case: Case) -> httpx.Response:
            return anyio.from_thread.run(partial(_send, client, api.tokens, provider.url(BASE)), case)

        await anyio.to_thread.run_sync(_explore, document, mode, send)


def _explore(document: dict[str, Any], mode: GenerationMode, send: Send) -> None:
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def explore(case: Case) -> None:
            case.validate_response(send(case), checks=CHECKS)

        with suppress(Unsatisfiable):  # nothing about it could be wrong
            explore()


async def _send(client: httpx.AsyncClient, tokens: dict[str, Any], base: str, case: Case) -> httpx.Response:
    values = case.as_transport_kwargs(base_url=base)
    headers = dict(values.pop("headers", None) or {})
    headers.pop("Authorization", None)
    # Signing out is the one thing that a token alone can do to itself.
    if tokens and case.path != "/auth/logout":
        headers["Authorization"] = f"Bearer {tokens['access_token']}"
    request = requests.Request(headers=headers, **_known(values)).prepare()
    response = await client.request(
        request.method or "",
        request.url or "",
        headers={name: str(value) for name, value in request.headers.items()},
        content=request.body,
    )
    if response.status_code >= 400:
        check_problem(response)
    return response


def _known(values: dict[str, Any]) -> dict[str, Any]:
    names = ("method", "url", "params", "data", "json", "files", "cookies")
    return {name: values[name] for name in names if values.get(name) is not None}
