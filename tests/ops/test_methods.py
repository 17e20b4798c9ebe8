"""A method that a path does not take: the answer names every one that it does (RFC 9110 §15.5.6)."""

import pytest

from tests.support.provider import MakeProvider


@pytest.mark.parametrize("base", ["", "/auth"])
@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/token", {"POST"}),
        ("/userinfo", {"GET", "HEAD", "POST"}),
        ("/authorize", {"GET", "POST"}),
        ("/login", {"GET", "HEAD", "POST"}),
        ("/end_session", {"GET", "POST"}),
        ("/api/v1/auth/login", {"POST"}),
    ],
)
async def test_allow_names_every_method(
    make_provider: MakeProvider, base: str, path: str, methods: set[str]
) -> None:
    provider = await make_provider(issuer=f"http://localhost:8000{base}")
    response = await provider.http("PUT", path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == methods
