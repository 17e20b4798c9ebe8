"""/userinfo: what the access token lets its bearer know about the user (OIDC Core §5.3)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.endpoints.edge import form_pairs, resource_refusal
from idp.oauth import paths
from idp.oauth.errors import OAuth2Error
from idp.oauth.http import NO_STORE
from idp.oauth.resource import Resource, ResourceGuard
from idp.oauth.subject import Subjects
from idp.oauth.userinfo import userinfo_claims
from idp.web.forms import has_form


class UserInfoEndpoint:
    """The userinfo endpoint, a protected resource (RFC 6750)."""

    def __init__(self, resource: Resource, guard: ResourceGuard, subjects: Subjects) -> None:
        self._resource = resource
        self._guard = guard
        self._subjects = subjects

    @property
    def routes(self) -> list[Route]:
        """Its route."""
        return [Route(paths.USERINFO, self.answer, methods=["GET", "POST"])]

    async def answer(self, request: Request) -> Response:
        """Answer with the claims."""
        try:
            form = await form_pairs(request) if request.method == "POST" and has_form(request) else ()
            access = await self._guard.check(self._resource, request.headers, form)
        except OAuth2Error as error:
            return resource_refusal(self._resource, error)
        return JSONResponse(dict(userinfo_claims(access, self._subjects)), headers=NO_STORE)
