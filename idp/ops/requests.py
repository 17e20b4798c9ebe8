"""One log line and one measurement for each request, and the answer when nobody else has one."""

import re
import secrets
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.errors import ClientRequestError, ConfigurationError, IdpError, Unavailable
from idp.ops.asgi import headers_of, state_of
from idp.ops.logging import request_id, write_request
from idp.text import Text

ErrorRenderer = Callable[[int, str, str, Scope, Exception], Response]
"""(status, sentence, error id, scope of the request, exception) -> the response, as page or as JSON."""

UNMATCHED: Final = "(unmatched)"
CLIENT_WENT_AWAY: Final = 499
"""Logged, never sent: nobody is there to read it."""

_FOREIGN_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_UNEXPECTED = Text("Something went wrong here; it is not your doing. Please try again.")
_ERRORS = {429: "temporarily_unavailable", 500: "server_error", 503: "temporarily_unavailable"}

log = structlog.get_logger("idp.requests")


class Observer(Protocol):
    """Takes the measurement of a request (`Metrics`)."""

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        ...


def render_json(status: int, sentence: str, error_id: str, _scope: Scope, _exception: Exception) -> Response:
    """Return an error in the form of RFC 6749 §5.2."""
    error = _ERRORS.get(status, "invalid_request")
    return JSONResponse({"error": error, "error_description": sentence, "error_id": error_id}, status)


def route_of(scope: Scope) -> str:
    """Return the path template of the route that took the request: never a value from outside."""
    route = scope.get("route")
    if route is None:
        return UNMATCHED
    root: str = scope.get("root_path", "")
    return root if isinstance(route, Mount) else root + getattr(route, "path", UNMATCHED)


class RequestLog:
    """Names, measures and logs each request, and turns every exception into an answer.

    `Unavailable` becomes 503 (or 429) with Retry-After; another `IdpError` its own status and sentence;
    anything else is logged with its traceback and answered 500. The error id is the request id.
    It must sit inside Starlette's `ServerErrorMiddleware` (in the `middleware` list of the application),
    which answers by itself before an exception gets further.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        error_renderer: ErrorRenderer = render_json,
        observer: Observer | None = None,
        enabled: bool = True,
    ) -> None:
        """Take how errors are rendered, who measures, and whether a line is written (`enabled`)."""
        self._app = app
        self._render = error_renderer
        self._observer = observer
        self._enabled = enabled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        state = state_of(scope)
        identity = _identify(scope, state)
        state["request_id"] = identity
        context = request_id.set(identity)
        field = (b"x-request-id", identity.encode())
        status = 0
        complete = False

        async def send_named(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], field]
            elif message["type"] == "http.response.body":
                complete = not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        except Exception as error:  # the last net: an error is a response
            response = self._answer(error, identity, scope)
            if status == 0:
                response.raw_headers.extend(state.get("error_headers", ()))
                await response(scope, receive, send_named)
            elif not complete:
                raise  # half an answer is out: only closing the connection tells
        finally:
            self._record(scope, state, status or CLIENT_WENT_AWAY, time.perf_counter() - started)
            request_id.reset(context)

    def _answer(self, error: Exception, error_id: str, scope: Scope) -> Response:
        if isinstance(error, Unavailable):
            log.warning("unavailable", reason=error.for_operator, detail=error.detail)
            response = self._render(error.status, error.sentence, error_id, scope, error)
            response.headers.setdefault("Retry-After", error.retry_after_header)
            return response
        if isinstance(error, IdpError) and not isinstance(error, ConfigurationError):
            if not isinstance(error, ClientRequestError):  # the endpoint has logged it as `oauth_error`
                log.warning("refused", reason=error.sentence, detail=error.detail)
            return self._render(error.status, error.sentence, error_id, scope, error)
        log.error("unexpected error", exc_info=error)
        return self._render(500, _UNEXPECTED, error_id, scope, error)

    def _record(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        route = route_of(scope)
        method = scope["method"]
        if self._observer is not None:
            self._observer.request(route, method, status, seconds)
        if self._enabled:
            write_request(method, route, status, seconds, state.get("address", ""))


def _identify(scope: Scope, state: dict[str, Any]) -> str:
    if state.get("proxied"):
        given = headers_of(scope).get(b"x-request-id", b"")
        if _FOREIGN_ID.fullmatch(given):
            return given.decode()
    return secrets.token_hex(8)
