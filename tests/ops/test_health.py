"""Live and ready."""

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from idp.errors import Unavailable
from idp.ops.health import Health


class Part:
    """A part of the provider whose state a test sets."""

    def __init__(self) -> None:
        self.remark: str | None = None
        self.error: Exception | None = None
        self.delay = 0.0
        self.asked = 0

    async def check(self) -> str | None:
        self.asked += 1
        await anyio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        return self.remark


@pytest.fixture
def part() -> Part:
    return Part()


def connect(part: Part, remembered: float = 0.0) -> httpx.AsyncClient:
    health = Health({"database": part.check}, patience=0.05, remembered=remembered)
    app = Starlette(routes=list(health.routes))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_live_asks_nobody(part: Part) -> None:
    part.error = Unavailable("away")
    async with connect(part) as client:
        assert (await client.get("/health")).status_code == 200
    assert part.asked == 0


async def test_ready_when_every_part_answers(part: Part) -> None:
    async with connect(part) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "checks": {"database": {"status": "ok"}}}


async def test_degraded_is_still_ready(part: Part) -> None:
    part.remark = "Redis is away; the table stands in."
    async with connect(part) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"


async def test_a_part_that_fails_is_503_without_its_private_reason(part: Part) -> None:
    part.error = Unavailable("The database cannot be reached right now.", detail="dsn=private")
    async with connect(part) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.json()["checks"]["database"]["reason"] == "The database cannot be reached right now."
    assert "private" not in answer.text


async def test_an_unexpected_failure_and_a_part_that_hangs_are_503(part: Part) -> None:
    part.error = ValueError("private")
    async with connect(part) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert "private" not in answer.text
        part.error, part.delay = None, 1.0
        assert (await client.get("/readyz")).status_code == 503


async def test_an_answer_is_remembered_for_a_moment(part: Part) -> None:
    async with connect(part, remembered=60.0) as client:
        for _ in range(10):
            await client.get("/readyz")
    assert part.asked == 1
