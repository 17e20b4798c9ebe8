"""The OpenAPI document, its interactive pages, and what each kind of problem is about."""

import importlib.util
import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from idp.api.models import Problem
from idp.api.problems import MEDIA_TYPE, PROBLEMS, Problems, Refusal

_VIEWER_PACKAGE = "fastapi_swagger"
"""Ships Swagger UI's files; nothing of its code is used."""
_VIEWER_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{base}/docs/swagger-ui.css">
</head>
<body>
<main id="swagger-ui"><noscript>Reading the API here needs JavaScript; <a href="{base}/openapi.json">its
OpenAPI document</a> does not.</noscript></main>
<script src="{base}/docs/swagger-ui-bundle.js"></script>
<script src="{script}" data-openapi="{base}/openapi.json"></script>
</body>
</html>
"""
_HEADERS = {
    "WWW-Authenticate": {401},
    "Retry-After": {429, 503},
}


def describe(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these problems."""
    titles: dict[int, list[str]] = {}
    for code in codes:
        status, title = PROBLEMS[code]
        titles.setdefault(status, []).append(f"{title} (`{code}`).")
    return {status: _response(" ".join(texts), status) for status, texts in sorted(titles.items())}


def _response(description: str, status: int | None = None) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    headers = {
        name: {"schema": {"type": "string"}} for name, statuses in _HEADERS.items() if status in statuses
    }
    return response | ({"headers": headers} if headers else {})


class ApiDocs:
    """Serves what tells about the API. `base` is its path, `script` the URL of the script of the page."""

    def __init__(self, app: FastAPI, problems: Problems, *, base: str, url: str, script: str) -> None:
        self._app = app
        self._problems = problems
        self._base = base
        self._url = url
        self._script = script
        self._document: bytes | None = None

    @property
    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("/openapi.json", self.openapi, methods=["GET"]),
            Route("/docs", self.page, methods=["GET"]),
            Route("/docs/{name}", self.file, methods=["GET"]),
            Route("/problems/{code}", self.problem, methods=["GET"]),
        ]

    async def openapi(self, _request: Request) -> Response:
        """Answer with the document."""
        if self._document is None:
            self._document = json.dumps(self._made()).encode()
        return Response(
            self._document, media_type="application/json", headers={"Cache-Control": "public, no-cache"}
        )

    async def page(self, _request: Request) -> Response:
        """Answer with the interactive page."""
        html = _PAGE.format(title=self._app.title, base=self._base, script=self._script)
        return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})

    async def file(self, request: Request) -> Response:
        """Answer with a file of the viewer."""
        name = request.path_params["name"]
        media_type = _VIEWER_FILES.get(name)
        found = importlib.util.find_spec(_VIEWER_PACKAGE)
        if media_type is None or found is None or found.origin is None:
            raise Refusal("not_found", "There is nothing at this address.")
        path = Path(found.origin).parent / "resources" / name
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "public, max-age=3600"})

    async def problem(self, request: Request) -> Response:
        """Say what a kind of problem is about."""
        code = request.path_params["code"]
        if code not in PROBLEMS:
            raise Refusal("not_found", "There is no such kind of problem.")
        status, title = PROBLEMS[code]
        return JSONResponse({"type": self._problems.type_of(code), "status": status, "title": title})

    def _made(self) -> dict[str, Any]:
        document = get_openapi(
            title=self._app.title,
            version=self._app.version,
            openapi_version="3.1.0",
            description=self._app.description,
            routes=self._app.routes,
            servers=[{"url": self._url}],
        )
        schemas = document["components"]["schemas"]
        schemas |= Problem.model_json_schema(ref_template="#/components/schemas/{model}").pop("$defs")
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        problem.pop("$defs")
        schemas["Problem"] = problem
        for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own shape, which is not ours
            schemas.pop(unused, None)
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"]["default"] = _response("Any other error.")
        return document
