"""Documents that are the same for everybody, answered before routing, which costs more than they do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Document:
    """A document at a whole path. Its route names it in the log, and answers everything but GET."""

    path: str
    route: BaseRoute
    body: Callable[[], bytes]
    """The JSON as it is now."""
    max_age: int
    """Seconds for which anybody may keep it."""


class Documents:
    """Answers GET for the documents. Browser apps of any origin may read them."""

    def __init__(self, app: ASGIApp, documents: Iterable[Document]) -> None:
        self._app = app
        self._documents = {
            document.path: (
                document,
                (
                    (b"content-type", b"application/json"),
                    (b"cache-control", b"public, max-age=%d" % document.max_age),
                    (b"access-control-allow-origin", b"*"),
                ),
            )
            for document in documents
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        found = self._documents.get(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        document, headers = found
        scope["route"] = document.route
        body = document.body()
        fields = [(b"content-length", b"%d" % len(body)), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})
