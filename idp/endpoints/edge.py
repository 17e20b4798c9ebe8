"""Between Starlette and the core: reading protocol requests, writing protocol responses."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from idp.oauth.errors import InvalidRequestError, OAuth2Error
from idp.oauth.http import NO_STORE, CoreRequest, CoreResponse, single_valued
from idp.oauth.resource import Resource, refusal_headers
from idp.web.forms import FORM, has_form

LONGEST_QUERY = 16_000
"""Characters of a posted request that goes on as a query."""


def route_without_head(path: str, endpoint: Callable[[Request], Awaitable[Response]], *methods: str) -> Route:
    """Return a route that does not answer HEAD as GET: a look must not use anything up."""
    route = Route(path, endpoint, methods=methods)
    route.methods = set(methods)  # Starlette adds HEAD
    return route


def query_pairs(request: Request) -> tuple[tuple[str, str], ...]:
    """Return the parameters of the query, as they came."""
    return tuple(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))


async def form_pairs(request: Request) -> tuple[tuple[str, str], ...]:
    """Return the parameters of the form, as they came; raise `InvalidRequestError` for another body."""
    if not has_form(request):
        raise InvalidRequestError(f"The content type must be {FORM}")
    try:
        return tuple(parse_qsl((await request.body()).decode(), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise InvalidRequestError("The form is not UTF-8") from error


def get_instead(url: str, pairs: Iterable[tuple[str, str]]) -> Response:
    """Let the browser repeat a posted request as GET: from another site a post comes without our SameSite
    cookies, and a redirect with them. Raise `InvalidRequestError` when it is too long for that."""
    query = urlencode(list(pairs))
    if len(query) > LONGEST_QUERY:
        raise InvalidRequestError("The request is too long", status_code=413)
    return RedirectResponse(f"{url}?{query}", 303, headers=NO_STORE)


async def core_request(request: Request, uri: str, known: Collection[str]) -> CoreRequest:
    """Read a form posted to a protocol endpoint whose own address is `uri` and that reads the parameters
    `known`."""
    return CoreRequest(
        request.method,
        uri,
        parameters=single_valued(await form_pairs(request), known),
        headers=request.headers,
        address=request.state.address,
    )


def http_response(response: CoreResponse) -> Response:
    """Turn an answer of the core into a response."""
    if response.location is not None and response.form is None:
        return RedirectResponse(response.location, response.status, headers=dict(response.headers))
    return JSONResponse(response.body, response.status, headers=dict(response.headers))


def resource_refusal(resource: Resource, error: OAuth2Error) -> Response:
    """Answer as RFC 6750 §3 says, and with the same as JSON for developers who read bodies."""
    return JSONResponse(
        dict(error.get_body()), error.status_code, headers={**refusal_headers(resource, error), **NO_STORE}
    )
