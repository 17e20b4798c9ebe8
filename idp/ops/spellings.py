"""Spellings of protocol URLs that apps produce from an issuer with a slash at its end: `//token`, `/token/`."""

import re
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

_SLASHES = re.compile("/{2,}")


class ProtocolSpellings:
    """Takes a protocol URL with doubled slashes, or with one at its end, for the URL itself.

    Only for the paths that are given: two spellings of a page would be two pages to a cache or a proxy. It answers
    rather than redirects, since a redirect loses a POST. It is outermost, so that limits and CORS see the one path.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        self._app = app
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, under the path that is served."""
        if scope["type"] == "http" and scope["path"] not in self._paths:
            path = _SLASHES.sub("/", scope["path"]).rstrip("/")
            if path in self._paths:
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)
