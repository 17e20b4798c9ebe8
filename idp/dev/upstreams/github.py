"""The stand-in for GitHub: OAuth 2.0 and a little of its API, at the paths of an Enterprise server."""

import secrets
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.dev.upstreams.standin import StandIn

RATE_LIMIT = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1900000000"}


@dataclass
class GitHubStandIn(StandIn):
    """GitHub, as far as a sign-in goes."""

    label: ClassVar[str] = "GitHub"

    def routes(self) -> list[Route]:
        """GitHub's paths."""
        api = "/api/v3"
        return [
            *super().routes(),
            Route(
                "/login/oauth/authorize", self.endpoint("authorize", self.authorize), methods=["GET", "POST"]
            ),
            Route("/login/oauth/access_token", self.endpoint("token", self.token), methods=["POST"]),
            Route(f"{api}/user", self.endpoint("user", self.user)),
            Route(f"{api}/user/emails", self.endpoint("emails", self.emails)),
            Route(f"{api}/user/memberships/orgs/{{org}}", self.endpoint("membership", self.membership)),
            Route(
                f"{api}/orgs/{{org}}/teams/{{team}}/memberships/{{login}}",
                self.endpoint("team", self.team),
            ),
        ]

    async def token(self, request: Request) -> Response:
        """Redeem a code; errors come with 200, and answers are forms unless JSON is asked for."""
        form = dict(parse_qsl((await request.body()).decode()))
        if not self.knows_client(request, form):
            return self._answer(
                request,
                {
                    "error": "incorrect_client_credentials",
                    "error_description": "The client_id and/or client_secret passed are incorrect.",
                },
            )
        code = None if self.mode == "token_error" else self.redeem(form)
        if code is None:
            return self._answer(
                request,
                {
                    "error": "bad_verification_code",
                    "error_description": "The code passed is incorrect or expired.",
                },
            )
        token = "gho_" + secrets.token_urlsafe(24)
        self.access_tokens[token] = code
        scope = code.scope.replace(" ", ",")
        return self._answer(request, {"access_token": token, "token_type": "bearer", "scope": scope})

    async def user(self, request: Request) -> Response:
        """`GET /user`."""
        code = self.bearer(request)
        if code is None:
            return self._refuse()
        person = code.person
        public = {
            "login": person.login,
            "id": person.number,
            "name": person.name,
            "email": None,
            "type": "User",
        }
        return self._limited() or JSONResponse(public)

    async def emails(self, request: Request) -> Response:
        """`GET /user/emails`."""
        code = self.bearer(request)
        if code is None:
            return self._refuse()
        if "user:email" not in code.scope.split():
            return JSONResponse({"message": "Not Found", "status": "404"}, 404)
        person = code.person
        found: list[dict[str, Any]] = [
            {
                "email": f"{person.number}+{person.login}@users.noreply.example",
                "primary": False,
                "verified": True,
                "visibility": None,
            }
        ]
        if person.email:
            found.insert(
                0,
                {
                    "email": person.email,
                    "primary": True,
                    "verified": person.verified,
                    "visibility": "private",
                },
            )
        else:
            found = []
        return self._limited() or JSONResponse(found)

    async def membership(self, request: Request) -> Response:
        """`GET /user/memberships/orgs/{org}`."""
        code = self.bearer(request)
        if code is None or "read:org" not in code.scope.split():
            return self._refuse()
        if request.path_params["org"] not in code.person.organizations:
            return JSONResponse({"message": "Not Found", "status": "404"}, 404)
        return JSONResponse({"state": "active", "role": "member"})

    async def team(self, request: Request) -> Response:
        """`GET /orgs/{org}/teams/{team}/memberships/{login}`."""
        code, parts = self.bearer(request), request.path_params
        if code is None or "read:org" not in code.scope.split():
            return self._refuse()
        if f"{parts['org']}/{parts['team']}" not in code.person.teams or parts["login"] != code.person.login:
            return JSONResponse({"message": "Not Found", "status": "404"}, 404)
        return JSONResponse({"state": "active", "role": "member"})

    def _limited(self) -> Response | None:
        if self.mode != "rate_limited":
            return None
        return JSONResponse({"message": "API rate limit exceeded."}, 403, headers=RATE_LIMIT)

    @staticmethod
    def _refuse() -> Response:
        return JSONResponse({"message": "Bad credentials", "status": "401"}, 401)

    @staticmethod
    def _answer(request: Request, fields: dict[str, str]) -> Response:
        if "json" in request.headers.get("accept", ""):
            return JSONResponse(fields)
        return Response(urlencode(fields), media_type="application/x-www-form-urlencoded")
