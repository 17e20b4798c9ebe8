"""An app that uses the JSON API. It holds every error that it gets to the one shape."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from idp.api.problems import PROBLEMS
from tests.support.provider import EMAIL, PASSWORD, RunningProvider
from tests.support.smtp import Mail

BASE = "/api/v1"


class Api:
    """Somebody's app, signed in or not, at a network address."""

    def __init__(self, provider: RunningProvider, address: str = "127.0.0.1") -> None:
        self.provider = provider
        self.address = address
        self.tokens: dict[str, Any] = {}

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send a request, with the access token if there is one."""
        headers = {**self._authorization(), **options.pop("headers", {})}
        if body is not None:
            options["content"] = json.dumps(body).encode()  # ASCII, so halves of surrogate pairs too
            headers.setdefault("Content-Type", "application/json")
        async with self.provider.client(self.address) as client:
            url = self.provider.url(BASE + path)
            response = await client.request(method, url, headers=headers, **options)
        if response.status_code >= 400:
            check_problem(response)
        return response

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.ask("POST", path, body, **options)

    async def put(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.ask("PUT", path, body, **options)

    async def delete(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.ask("DELETE", path, body, **options)

    async def log_in(self, email: str = EMAIL, password: str = PASSWORD, **choice: str) -> "Api":
        """Sign in and keep the tokens."""
        answer = await self.post("/auth/login", {"email": email, "password": password, **choice})
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()
        return self

    async def register(self, email: str, password: str = PASSWORD, **fields: Any) -> Mail:
        """Register and return the mail that came of it."""
        answer = await self.post("/auth/register", {"email": email, "password": password, **fields})
        assert answer.status_code == 201, answer.text
        return await self.provider.mails.latest(email)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}


def check_problem(response: httpx.Response) -> dict[str, Any]:
    """Check that an error is a problem as RFC 9457 has it, with the id of the log, and return it."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "code", "error_id"} <= problem.keys()
    assert problem["status"] == response.status_code
    assert problem["error_id"] == response.headers["x-request-id"]
    assert problem["type"].endswith("/problems/" + problem["code"])
    assert problem["title"] == PROBLEMS[problem["code"]][1]
    assert response.headers["cache-control"] == "no-store"
    return problem


def code_of(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the kind of a problem."""
    return response.status_code, check_problem(response)["code"]


def fields_of(response: httpx.Response) -> list[str]:
    """Return which fields a problem names."""
    assert response.status_code == 422, response.text
    return [fault["field"] for fault in check_problem(response)["errors"]]


def token_of(mail: Mail) -> str:
    """Return the token in the link of a mail."""
    return parse_qs(urlsplit(mail.link).query)["token"][0]
