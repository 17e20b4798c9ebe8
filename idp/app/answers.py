"""Answers for what no part answers: errors that reach the last net, and addresses that nothing serves."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from idp.api import PATH as API_PATH
from idp.api.problems import Problems
from idp.app.provider import Provider
from idp.oauth.paths import ANNOUNCED, AUTHORIZATION, END_SESSION
from idp.ops.methods import allowed_methods
from idp.ops.requests import render_json
from idp.pages.errors import ErrorPages, error_id_of
from idp.text import Text

PROTOCOL_PATHS = (*ANNOUNCED.values(), "/.well-known/", "/health", "/readyz", "/metrics")
"""Where programs ask and errors are JSON; everywhere else people look. Not `/authorize`, `/end_session`."""


class ErrorRenderer:
    """Answers for the last net in the form that whoever asked can read."""

    def __init__(self, provider: Provider) -> None:
        self._errors = ErrorPages(provider.renderer, provider.edge.links, dev=provider.settings.dev)
        base = provider.settings.base_path
        self._api = f"{base}{API_PATH}/"
        self._problems = Problems(provider.settings.url(API_PATH))
        for_people = {AUTHORIZATION, END_SESSION}
        self._protocol = tuple(
            prefix + path for prefix in {"", base} for path in PROTOCOL_PATHS if path not in for_people
        )

    def render(self, status: int, sentence: str, error_id: str, scope: Scope, error: Exception) -> Response:
        """Return a page, or JSON in the protocol's or the API's form."""
        if scope["path"].startswith(self._api):
            return self._problems.for_status(scope, status, sentence)
        if scope["path"].startswith(self._protocol):
            return render_json(status, sentence, error_id, scope, error)
        if _wants_json(scope):
            return render_json(status, sentence, error_id, scope, error)
        return self._errors.render(status, sentence, error_id, error)


def _wants_json(scope: Scope) -> bool:
    """Tell whether a script of ours asks: it says so, and no browser does when it opens a page."""
    accept = Headers(scope=scope).get("accept", "")
    return "application/json" in accept and "text/html" not in accept


class NotServed:
    """Answers for paths and methods that nothing serves."""

    def __init__(self, provider: Provider) -> None:
        self._errors = ErrorPages(provider.renderer, provider.edge.links, dev=provider.settings.dev)

    async def answer(self, request: Request, error: Exception) -> Response:
        """Return a page to people and JSON to programs."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        sentence = (
            Text("There is no page at this address.")
            if status == 404
            else Text("This address cannot be used so.")
        )
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        if status == 405:
            headers["Allow"] = self._allowed(request.scope)
        if "text/html" not in request.headers.get("accept", ""):
            body = {
                "error": "not_found" if status == 404 else "invalid_request",
                "error_description": sentence,
            }
            return JSONResponse(body, status, headers=headers)
        response = self._errors.render(status, sentence, error_id_of(request.scope))
        response.headers.update(headers)
        return response

    @staticmethod
    def _allowed(scope: Scope) -> str:
        """Return the methods of all routes with this path; a mount on the way has changed `root_path`."""
        root = {**scope, "root_path": scope.get("app_root_path", "")}
        return ", ".join(allowed_methods(scope["app"].routes, root))
