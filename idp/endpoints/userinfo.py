"""/userinfo: what the access token lets its bearer know about the person (OIDC Core §5.3)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.challenges import challenge
from idp.endpoints.edge import bearer_tokens, form_pairs, has_form
from idp.errors import InvalidValue
from idp.oauth.errors import InvalidRequestError, OAuth2Error
from idp.oauth.http import NO_STORE
from idp.oauth.userinfo import UserInfo


class UserInfoEndpoint:
    """The userinfo endpoint, a protected resource (RFC 6750)."""

    def __init__(self, userinfo: UserInfo) -> None:
        self._userinfo = userinfo

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route("/userinfo", self.answer, methods=["GET", "POST"])]

    async def answer(self, request: Request) -> Response:
        """Answer with the claims."""
        try:
            form = await form_pairs(request) if request.method == "POST" and has_form(request) else ()
            tokens = bearer_tokens(request, form)
        except (OAuth2Error, InvalidValue):
            return _challenge(400, "invalid_request", "The request is malformed")
        if not tokens:  # RFC 6750 §3.1: without a token, no error code
            return _challenge(401)
        if len(tokens) > 1:  # §2
            return _challenge(400, InvalidRequestError.error, "The access token is sent more than once")
        try:
            claims = await self._userinfo.claims(tokens[0])
        except OAuth2Error as error:
            return _challenge(error.status_code, error.error, error.description)
        return JSONResponse(dict(claims), headers=NO_STORE)


def _challenge(status: int, error: str | None = None, description: str = "") -> Response:
    """Answer as RFC 6750 §3 says, and with the same as JSON for people who read bodies."""
    if error is None:
        headers = {"WWW-Authenticate": 'Bearer realm="userinfo"', **NO_STORE}
        return JSONResponse({"error": "invalid_token"}, status, headers=headers)
    said = challenge(
        "Bearer",
        realm="userinfo",
        error=error,
        error_description=description,
        scope="openid" if error == "insufficient_scope" else None,
    )
    headers = {"WWW-Authenticate": said, **NO_STORE}
    return JSONResponse({"error": error, "error_description": description}, status, headers=headers)
