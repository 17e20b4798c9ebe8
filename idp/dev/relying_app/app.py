"""The composition root of the demo relying app: its parts, its routes, and how its errors are shown."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from idp.dev.relying_app.edge import PageHeaders, origin
from idp.dev.relying_app.errors import RelyingAppError
from idp.dev.relying_app.pages import Pages
from idp.dev.relying_app.protected_resource import ProtectedResource
from idp.dev.relying_app.provider import OpenIDProvider
from idp.dev.relying_app.tokens import Keys, TokenVerifier

STATIC = Path(__file__).parent / "static"


def create_relying_app(
    *,
    issuer: str,
    base_url: str,
    client_id: str,
    client_secret: str | None,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """The app to serve at `base_url`; without a `client_secret` it is a public client.

    `transport` carries its HTTP requests (to the provider, and to its own protected resource) when they
    should not go over the network.
    """
    # The environment's proxies are for the internet; a provider on localhost is never behind one.
    http = httpx.AsyncClient(transport=transport, timeout=10, trust_env=False)
    provider = OpenIDProvider(
        issuer=issuer, client_id=client_id, client_secret=client_secret, http=http, clock=clock
    )
    verifier = TokenVerifier(issuer=issuer, client_id=client_id, keys=Keys(provider.jwks, clock), clock=clock)
    base_url = base_url.rstrip("/")
    pages = Pages(base_url=base_url, provider=provider, verifier=verifier, http=http, clock=clock)
    resource = ProtectedResource(audience=f"{base_url}/resource", verifier=verifier)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await http.aclose()

    async def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, RelyingAppError):
            raise error
        return pages.problem(request, error.title, error.sentence, error.advice, error.status_code)

    async def not_found(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        sentence = "There is no page at this address." if error.status_code == 404 else f"{error.detail}."
        response = pages.problem(request, "Nothing here", sentence, "", error.status_code)
        response.headers.update(error.headers or {})
        return response

    async def crashed(request: Request, _: Exception) -> Response:
        return pages.problem(request, "Something broke", "This app met an error; its log says more.", "", 500)

    return Starlette(
        routes=[
            Route("/", pages.home),
            Route("/login", pages.login),
            Route("/callback", pages.callback),
            Route("/dashboard", pages.dashboard),
            Route("/refresh", pages.refresh, methods=["POST"]),
            Route("/call-resource", pages.call_resource, methods=["POST"]),
            Route("/logout", pages.logout, methods=["POST"]),
            Route("/resource", resource.__call__),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(PageHeaders, form_targets=("'self'", origin(issuer)))],
        exception_handlers={RelyingAppError: refused, HTTPException: not_found, Exception: crashed},
        lifespan=lifespan,
    )
