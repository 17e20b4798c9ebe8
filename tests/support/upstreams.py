"""Other providers to sign in with: the stand-ins for Google and GitHub, reached in this process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from idp.dev.upstreams import (
    GITHUB_PATH,
    GOOGLE_PATH,
    GitHubStandIn,
    GoogleStandIn,
    StandIn,
    settings_for,
)
from idp.dev.upstreams.google import StandInKey
from tests.support.provider import Browser, MakeProvider, RunningProvider, forms

UPSTREAMS = "https://upstreams.test"


@dataclass
class Upstreams:
    """Google and GitHub, or what stands in for them."""

    google: GoogleStandIn
    github: GitHubStandIn

    def __post_init__(self) -> None:
        self.transport = httpx.ASGITransport(
            Starlette(routes=[Mount(GOOGLE_PATH, self.google.app), Mount(GITHUB_PATH, self.github.app)])
        )

    def named(self, name: str) -> StandIn:
        """Return one of them."""
        return {"google": self.google, "github": self.github}[name]

    async def choose(self, response: httpx.Response, person: str) -> str:
        """Choose a person on the page that a response leads to, and return the callback's URL. Nobody cancels."""
        url = response.headers["location"]
        assert url.startswith(UPSTREAMS), url
        async with httpx.AsyncClient(transport=self.transport) as client:
            page = await client.get(url)
            assert page.status_code == 200, page.text
            answer = await client.post(url, data={"person": person} if person else {"decision": "cancel"})
        return str(answer.headers["location"])


class SignInElsewhere(Protocol):
    """Signs in at a provider: from the page at `start` to where it ends."""

    async def __call__(
        self, browser: Browser, name: str, person: str, start: str = "/login"
    ) -> httpx.Response: ...


@pytest.fixture(scope="session")
def google_key() -> StandInKey:
    """Making one takes a moment."""
    return StandInKey()


@pytest.fixture
def upstreams(google_key: StandInKey) -> Upstreams:
    """Google and GitHub."""
    return Upstreams(
        GoogleStandIn(UPSTREAMS + GOOGLE_PATH, keys=[google_key]), GitHubStandIn(UPSTREAMS + GITHUB_PATH)
    )


class MakeFederated(Protocol):
    """Starts a provider with Google and GitHub; settings of each by name."""

    async def __call__(
        self, google: Mapping[str, Any] = ..., github: Mapping[str, Any] = ..., **settings: Any
    ) -> RunningProvider: ...


@pytest.fixture
def make_federated(make_provider: MakeProvider, upstreams: Upstreams) -> MakeFederated:
    """Starts providers that people can come to from elsewhere."""

    async def make(
        google: Mapping[str, Any] | None = None, github: Mapping[str, Any] | None = None, **settings: Any
    ) -> RunningProvider:
        known = settings_for(UPSTREAMS)
        federation = {
            **settings.pop("federation", {}),
            "google": {**known["google"], **(google or {})},
            "github": {**known["github"], **(github or {})},
        }
        provider = await make_provider(federation=federation, **settings)
        provider.parts.federation.providers.outgoing.transport = upstreams.transport
        upstreams.google.now = upstreams.github.now = provider.clock.now
        return provider

    return make


@pytest.fixture
async def federated(make_federated: MakeFederated) -> RunningProvider:
    """A provider that people can come to from Google and GitHub."""
    return await make_federated()


@pytest.fixture
def elsewhere(upstreams: Upstreams) -> SignInElsewhere:
    """Signs in at a provider."""

    async def sign_in(browser: Browser, name: str, person: str, start: str = "/login") -> httpx.Response:
        page = await browser.get(start)
        left = await browser.get(link_to(page, name))
        return await browser.get(await upstreams.choose(left, person))

    return sign_in


def link_to(page: httpx.Response, name: str) -> str:
    """Return where the button of a provider leads."""
    marker = f"/federation/{name}/start?tx="
    assert marker in page.text, f"no button for {name}: {page.text[:600]}"
    rest = page.text.split(marker, 1)[1].split('"', 1)[0]
    return urljoin(str(page.url), marker + rest)


def path_of(response: httpx.Response) -> str:
    """Return the path of the page that a browser is at."""
    return urlsplit(str(response.url)).path


def text_of(page: httpx.Response) -> str:
    """Return a page without the places where an address may break."""
    return page.text.replace("<wbr>", "")


async def identities(provider: RunningProvider, email: str) -> list[tuple[str, str]]:
    """Return what is linked to the account with an address."""
    user = await provider.parts.accounts.find(email)
    assert user is not None
    links = await provider.parts.federation.connections.of_user(user.id)
    return [(link.provider, link.subject) for link in links]


async def connections_page(browser: Browser) -> httpx.Response:
    """Open the page of the account."""
    return await browser.get("/account/connections")


async def press(browser: Browser, page: httpx.Response, decision: str) -> httpx.Response:
    """Press the first such button of a page."""
    form = next(each for each in forms(page) if ("decision", decision) in each.buttons)
    return await browser.post("/account/connections", {**form.fields, "decision": decision})
