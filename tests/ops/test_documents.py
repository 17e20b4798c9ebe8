"""Documents answered before routing are what the routes would have answered."""

import pytest

from tests.support.provider import MakeProvider, RunningProvider

DOCUMENTS = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"]


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_a_document_has_the_headers_that_its_route_would_give(
    provider: RunningProvider, path: str
) -> None:
    by_route = await provider.http("HEAD", path)  # only GET is answered early
    early = await provider.http("GET", path)

    assert (early.status_code, by_route.status_code) == (200, 200)
    ours = {"x-request-id"}  # differs from request to request
    assert {k: v for k, v in early.headers.items() if k not in ours} == {
        k: v for k, v in by_route.headers.items() if k not in ours
    }


async def test_a_document_is_counted_under_its_route(provider: RunningProvider) -> None:
    await provider.http("GET", "/jwks")

    metrics = (await provider.http("GET", "/metrics")).text
    assert 'idp_http_requests_total{method="GET",route="/jwks",status="200"}' in metrics


async def test_below_an_issuer_with_a_path_documents_are_at_both_places(make_provider: MakeProvider) -> None:
    provider = await make_provider(issuer="http://localhost:8000/auth")

    for path in (
        "/auth/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/auth",
        "/auth/jwks",
    ):
        answer = await provider.http("GET", f"http://localhost:8000{path}")
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*"), path


async def test_other_methods_are_refused_by_the_route(provider: RunningProvider) -> None:
    answer = await provider.http("POST", "/jwks")

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
