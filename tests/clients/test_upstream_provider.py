"""Signing in at an OpenID provider that is not ours: npm oidc-provider, by its issuer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from idp.clock import SystemClock
from idp.dev.upstreams.google import StandInKey
from tests.support.provider import Browser, MakeProvider, RunningProvider, callback_of, the_form
from tests.support.servers import free_port
from tests.support.upstreams import link_to, path_of

SECRET = "a-secret-that-only-the-two-of-us-know"


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def issuer(node: Path, application: Callable[..., None], google_key: StandInKey) -> str:
    """A running oidc-provider; we are known to it by secret as `basic` and `post`, and by key as `key`."""
    port = free_port()
    clients: list[dict[str, Any]] = [
        {
            "client_id": name,
            "redirect_uris": [f"http://localhost:8000/federation/{name}/callback"],
            "token_endpoint_auth_method": method,
            **({"jwks": {"keys": [google_key.jwk]}} if name == "key" else {"client_secret": SECRET}),
        }
        for name, method in (
            ("basic", "client_secret_basic"),
            ("post", "client_secret_post"),
            ("key", "private_key_jwt"),
        )
    ]
    issuer = f"http://127.0.0.1:{port}"
    application(
        ["node", str(node / "upstream_provider.mjs"), str(port), json.dumps(clients)],
        ready=f"{issuer}/.well-known/openid-configuration",
        cwd=node,
    )
    return issuer


@pytest.fixture
async def provider(make_provider: MakeProvider, issuer: str, google_key: StandInKey) -> RunningProvider:
    """A provider that offers the three."""
    common = {"type": "oidc", "issuer": issuer}
    key = {"private_key": pem(google_key.private), "key_id": google_key.kid}
    return await make_provider(
        clock=SystemClock(),  # that of the other side
        federation={
            "allow_private_addresses": True,
            "basic": {**common, "client_id": "basic", "client_secret": SECRET},
            "post": {
                **common,
                "client_id": "post",
                "client_secret": SECRET,
                "token_endpoint_auth_method": "client_secret_post",
            },
            "key": {**common, "client_id": "key", **key},
        },
    )


async def go_through(url: str, login: str) -> str:
    """Sign in at oidc-provider's own pages and return where they lead in the end."""
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(url)
        for _ in range(12):
            if response.has_redirect_location:
                target = urljoin(str(response.url), response.headers["location"])
                if target.startswith("http://localhost:8000/"):
                    return target
                response = await client.get(target)
                continue
            form = the_form(response)
            values = {**form.fields, **({"login": login, "password": "x"} if "login" in form.fields else {})}
            response = await client.post(urljoin(str(response.url), form.action), data=values)
    raise AssertionError(f"no end at {response.url}")


async def sign_in(browser: Browser, name: str, login: str, start: str = "/login") -> httpx.Response:
    """Sign in with oidc-provider."""
    left = await browser.get(link_to(await browser.get(start), name))
    return await browser.get(await go_through(left.headers["location"], login))


@pytest.mark.parametrize("name", ["basic", "post", "key"])
async def test_people_come_from_it_with_each_way_of_authenticating_ourselves(
    provider: RunningProvider, name: str
) -> None:
    rp = await provider.relying_party(first_party=True)
    page = await sign_in(await provider.browser(), name, "nora", rp.authorization_url())
    tokens = (await rp.redeem(callback_of(page)["code"])).json()
    told = (await rp.userinfo(tokens["access_token"])).json()
    assert (told["email"], told["name"]) == ("nora@example.com", "Node nora")


async def test_its_keys_rotate_in_between(provider: RunningProvider, issuer: str) -> None:
    assert path_of(await sign_in(await provider.browser(), "basic", "nora")) == "/account"
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(f"{issuer}/rotate")
    assert path_of(await sign_in(await provider.browser(), "basic", "nora")) == "/account"


async def test_a_new_sign_in_is_asked_for_there_and_checked_on_return(provider: RunningProvider) -> None:
    rp = await provider.relying_party(first_party=True)
    browser = await provider.browser()
    page = await browser.get(
        rp.authorization_url(prompt="login", max_age="60", login_hint="nora@example.com")
    )
    left = await browser.get(link_to(page, "basic"))
    query = httpx.URL(left.headers["location"]).params
    assert (query["prompt"], query["max_age"], query["login_hint"]) == ("login", "60", "nora@example.com")
    page = await browser.get(await go_through(left.headers["location"], "nora"))
    claims = await rp.id_claims((await rp.redeem(callback_of(page)["code"])).json())
    assert abs(claims["auth_time"] - provider.clock.now()) < 120
