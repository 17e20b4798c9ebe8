"""The API under short paths: `/auth/login` for `/api/v1/auth/login`, as apps of other account services know it."""

from starlette.types import ASGIApp, Receive, Scope, Send

PREFIXES = ("/auth/", "/users/")


class ShortPaths:
    """Serves the API's paths at the issuer, too. It is outermost, so that limits and CORS see the one path."""

    def __init__(self, app: ASGIApp, *, base: str, api: str) -> None:
        """`base` is the path of the issuer, `api` that of the API."""
        self._app = app
        self._prefixes = tuple(base + prefix for prefix in PREFIXES)
        self._base, self._api = base, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, under the API's own path."""
        if scope["type"] == "http" and scope["path"].startswith(self._prefixes):
            path = self._api + scope["path"].removeprefix(self._base)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)
