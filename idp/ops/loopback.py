"""Development is for this machine: a request from elsewhere, or by another name, is turned away."""

from starlette.types import ASGIApp, Receive, Scope, Send

from idp.config import is_loopback
from idp.ops.address import parse_address
from idp.ops.asgi import answer, headers_of


class LoopbackOnly:
    """Refuses a request that does not come from this machine, or whose Host is no loopback name.

    The second is what a page elsewhere sends whose own name was made to lead here (DNS rebinding).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan" or (_is_from_here(scope) and _is_meant_for_here(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            body = {
                "error": "invalid_request",
                "error_description": "In development this server answers this machine only.",
            }
            await answer(send, 421, body)  # RFC 9110 §15.5.20


def _is_from_here(scope: Scope) -> bool:
    client = scope.get("client")
    peer = parse_address(client[0]) if client else None
    return client is None or (peer is not None and peer.is_loopback)


def _is_meant_for_here(scope: Scope) -> bool:
    host = headers_of(scope).get(b"host", b"").decode("latin-1")
    name = host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return is_loopback(name.lower().rstrip("."))
