"""The least that a route costs on this stack: what the provider's own routes are compared with."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def answer(_request: Request) -> Response:
    """Answer with a small JSON object."""
    return JSONResponse({"status": "ok"})


app = Starlette(routes=[Route("/readyz", answer)])
