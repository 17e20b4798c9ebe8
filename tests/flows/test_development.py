"""Development answers this machine, by a loopback name, and nobody else."""

import httpx
import pytest

from idp.config import load_settings
from idp.errors import ConfigurationError
from tests.support.provider import MakeProvider, RunningProvider


@pytest.mark.parametrize("issuer", ["https://id.example.com", "https://192.0.2.1"])
def test_development_is_refused_for_an_issuer_that_others_reach(issuer: str) -> None:
    with pytest.raises(ConfigurationError, match="loopback"):
        load_settings({"IDP_DEV": "true", "IDP_ISSUER": issuer})


async def ask(provider: RunningProvider, host: str, peer: str = "127.0.0.1") -> int:
    transport = httpx.ASGITransport(provider.app, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        return (await client.get("/dev/mail", headers={"Host": host})).status_code


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("rebound.example:8000", 421),
        ("localhost.rebound.example", 421),
        ("127.0.0.1.rebound.example", 421),
        ("192.168.0.7:8000", 421),
        ("", 421),
        ("[", 421),
        ("@localhost", 421),
    ],
)
async def test_a_host_that_is_no_loopback_name_is_turned_away(
    make_provider: MakeProvider, host: str, status: int
) -> None:
    assert await ask(await make_provider(dev=True), host) == status


async def test_who_comes_from_elsewhere_is_turned_away(make_provider: MakeProvider) -> None:
    provider = await make_provider(dev=True)
    assert await ask(provider, "localhost:8000", "192.0.2.9") == 421
    assert await ask(provider, "localhost:8000", "::ffff:127.0.0.1") == 200


async def test_elsewhere_than_in_development_the_host_is_ignored(provider: RunningProvider) -> None:
    assert await ask(provider, "whatever.example", "192.0.2.9") == 404
