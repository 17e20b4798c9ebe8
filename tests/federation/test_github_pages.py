"""GitHub's lists have pages: the primary address is found on whichever it is."""

import json
from collections.abc import Callable

import httpx

from idp.clock import ManualClock
from idp.config import UpstreamSettings
from idp.federation.identity import UpstreamIdentity
from idp.federation.registry import build_upstream
from idp.federation.upstream import PendingAuthorization
from idp.outgoing import Outgoing

API = "https://github.example/api/v3"


async def come_back(emails: Callable[[httpx.Request], httpx.Response]) -> UpstreamIdentity:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/user/emails"):
            return emails(request)
        if request.url.path.endswith("/user"):
            return said({"id": 7, "login": "vera", "email": "shown@example.com"})
        return said({"access_token": "a-token"})

    outgoing = Outgoing(allow_private=False, setting="-", transport=httpx.MockTransport(answer))
    settings = UpstreamSettings.model_validate(
        {"type": "github", "base_url": "https://github.example", "client_id": "us", "client_secret": "secret"}
    )
    upstream = build_upstream("theirs", settings, outgoing, ManualClock())
    try:
        memory = PendingAuthorization("https://us.example/callback", "verifier", "", 0)
        return await upstream.finish({"code": "a-code"}, memory)
    finally:
        await outgoing.aclose()


def said(body: object, link: str = "") -> httpx.Response:
    return httpx.Response(
        200, stream=httpx.ByteStream(json.dumps(body).encode()), headers={"link": link.encode()}
    )


def entry(number: int, *, primary: bool = False) -> dict[str, object]:
    return {"email": f"{number}@example.com", "primary": primary, "verified": True}


async def test_the_primary_address_is_found_beyond_the_first_page() -> None:
    def emails(request: httpx.Request) -> httpx.Response:
        assert request.url.params["per_page"] == "100"
        number = int(request.url.params.get("page", "1"))
        link = f'<{API}/user/emails?per_page=100&page={number + 1}>; rel="next"' if number < 3 else ""
        return said([entry(number, primary=number == 3)], link)

    identity = await come_back(emails)
    assert (identity.email, identity.email_verified) == ("3@example.com", True)


async def test_a_list_without_end_is_left() -> None:
    asked: list[str] = []

    def emails(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return said([entry(1)], f'<{API}/user/emails?page={len(asked)}>; rel="next"')

    assert (await come_back(emails)).email == "shown@example.com"
    assert len(asked) == 10


async def test_a_next_page_elsewhere_does_not_get_the_token() -> None:
    asked: list[str] = []

    def emails(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return said([entry(1)], '<https://evil.example/user/emails>; rel="next"')

    await come_back(emails)
    assert asked == ["github.example"]


async def test_a_next_page_of_any_characters_is_asked_for() -> None:
    asked: list[str] = []

    def emails(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("page", "1"))
        return said([entry(1)], f'<{API}/user/emails?page=é>; rel="next"' if len(asked) == 1 else "")

    await come_back(emails)
    assert asked == ["1", "é"]
