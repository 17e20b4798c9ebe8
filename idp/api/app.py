"""The API as an application: its routes, and its one shape of errors."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from idp.api import PATH
from idp.api.docs import ApiDocs
from idp.api.limits import AddressLimits, limits_of
from idp.api.problems import PROBLEMS, Problems, echoed
from idp.config import Settings
from idp.errors import IdpError
from idp.ops.methods import allowed_methods
from idp.ops.rate_limit import RateLimiter

VERSION = "1.0"
MOST_FAULTS = 20
"""Fields that one answer names."""
_WHERE = frozenset({"body", "query", "path", "header"})
_MODELS = frozenset({"VerifyByCode", "VerifyByToken"})
"""Alternatives of a body: pydantic names them in front of the field."""


def build_api(
    settings: Settings, routers: Sequence[APIRouter], limiter: RateLimiter, *, script: str
) -> FastAPI:
    """Make the application of these routers. `script` is the URL of `api_docs.js`."""
    url = settings.url(PATH)
    problems = Problems(url)
    faults = _Faults(problems, routers)
    app = FastAPI(
        title=f"{settings.brand.name} API",
        version=VERSION,
        description="Accounts, for apps that draw their own screens. Every error is a problem (RFC 9457).",
        openapi_url=None,  # ApiDocs serves them
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        middleware=[
            Middleware(
                AddressLimits,
                limiter=limiter,
                limits=limits_of(settings.rate_limits),
                problems=problems,
            )
        ],
        exception_handlers={
            IdpError: faults.ours,
            RequestValidationError: faults.validation,
            HTTPException: faults.http,
            Exception: faults.unexpected,
        },
    )
    for router in routers:
        app.include_router(router)
    base = settings.base_path + PATH
    app.router.routes.extend(ApiDocs(app, problems, base=base, url=url, script=script).routes)

    async def root(_request: Request) -> Response:
        return RedirectResponse(f"{base}/docs", status_code=303)

    app.add_route("/", root, include_in_schema=False)
    return app


class _Faults:
    """Turns what is raised below into problems."""

    def __init__(self, problems: Problems, routers: Sequence[APIRouter]) -> None:
        self._problems = problems
        self._routes = [route for router in routers for route in router.routes]

    async def ours(self, request: Request, error: Exception) -> Response:
        """An error of ours."""
        assert isinstance(error, IdpError)  # noqa: S101  Starlette's signature is wider
        return self._problems.for_error(request.scope, error)

    async def http(self, request: Request, error: Exception) -> Response:
        """What Starlette and FastAPI refuse: paths, methods, bodies that cannot be read."""
        assert isinstance(error, HTTPException)  # noqa: S101  as above
        sentence = {404: "There is nothing at this address.", 405: "This address cannot be used so."}
        detail = sentence.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(allowed_methods(self._routes, request.scope))
        return self._problems.for_status(request.scope, error.status_code, detail, headers)

    async def validation(self, request: Request, error: Exception) -> Response:
        """What does not fit the models. The values are not repeated: they may be secrets."""
        assert isinstance(error, RequestValidationError)  # noqa: S101  as above
        found = error.errors()[:MOST_FAULTS]
        if any(fault["type"] == "json_invalid" for fault in found):
            return self._problems.answer(request.scope, "invalid_request", "The body is not valid JSON.")
        errors = [{"field": _field(fault["loc"]), "message": _message(fault)} for fault in found]
        return self._problems.answer(
            request.scope, "invalid_value", "Some values are refused; `errors` names them.", errors=errors
        )

    async def unexpected(self, request: Request, _error: Exception) -> Response:
        """A defect. It is logged further out, with the id that is told here."""
        return self._problems.answer(request.scope, "server_error", PROBLEMS["server_error"][1] + ".")


def _field(location: Sequence[int | str]) -> str:
    parts = [str(part) for part in location if part not in _MODELS]
    if len(parts) > 1 and parts[0] in _WHERE:
        parts = parts[1:]
    return echoed(".".join(parts))


def _message(fault: Mapping[str, object]) -> str:
    if fault["type"] == "extra_forbidden":
        return "There is no such field to set."
    return f"{fault['msg']}."
