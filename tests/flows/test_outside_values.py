"""A value from a URL is never raw in a header, whatever route it belongs to."""

import re
from collections.abc import Iterator

import pytest
from starlette.routing import BaseRoute, Mount, Route

from tests.support.provider import RunningProvider

HOSTILE = ("%0d%0aX-Evil:1", "%1b]0;pwn%07", "%00", "%22%5c", "%c3%a9", "%ff", "a" * 5000)


def paths(routes: list[BaseRoute], base: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount) and route.routes:
            yield from paths(list(route.routes), base + route.path)
        elif isinstance(route, Route) and "{" in route.path:
            for method in sorted((route.methods or set()) & {"GET", "POST"}):
                yield method, base + route.path


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_value_in_a_path_never_reaches_a_header_raw(provider: RunningProvider, value: str) -> None:
    asked = list(paths(list(provider.app.routes)))
    assert ("GET", "/federation/{name}/token") in asked
    async with provider.client() as client:
        for method, path in asked:
            url = provider.url(re.sub(r"\{[^}]*\}", value, path))
            answer = await client.request(method, url, headers={"Authorization": "Bearer x"})
            assert answer.status_code < 500, (method, path)
            assert "x-evil" not in answer.headers
            for name, text in answer.headers.raw:
                assert all(0x20 <= byte <= 0x7E for byte in text), (path, name, text)
