"""Notes what a request says about the languages that the person behind it reads."""

from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from idp.i18n import Wishes, wishes_of_request

LONGEST = 500
"""Characters of a header or parameter that are looked at."""


class RequestLanguage:
    """Keeps Accept-Language and `ui_locales` at hand while a request is served.

    Nothing is read from them until a page or a mail is rendered: programs send them too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        accepted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
        known = Wishes(accepted=accepted[:LONGEST].decode("latin-1"))
        query: bytes = scope.get("query_string", b"")
        if b"ui_locales=" in query:
            known.asked = parse_qs(query.decode("latin-1")).get("ui_locales", [""])[0][:LONGEST]
        with wishes_of_request(known):
            await self._app(scope, receive, send)
        return None
