"""/authorize: where every sign-in begins and where it comes back to (RFC 6749 §4.1, OIDC Core §3.1.2).

A request is validated, the flow decides, and the decision becomes a response: a page to go to, an error for
the client, or a code. `/authorize/resume` is where pages send the browser when they have added a proof to its
transaction.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.clock import Clock
from idp.config import Settings
from idp.endpoints.edge import form_pairs, get_instead, http_response, query_pairs, route_without_head
from idp.endpoints.leaving import ToClientPages, leave_for
from idp.endpoints.protocol_errors import ProtocolErrors
from idp.errors import ClientRequestError
from idp.flow.destination import ToClient, ToPage
from idp.flow.dispatch import GoTo, Issue, Refuse
from idp.flow.situation import SignedInUser
from idp.flow.visits import Visit, Visits
from idp.oauth import paths
from idp.oauth.authorization import AuthorizationRequests
from idp.oauth.authorization_request import AuthorizationError, AuthorizationRequest
from idp.oauth.clients import Client
from idp.oauth.codes import AuthorizationCode, AuthorizationCodes
from idp.oauth.errors import InvalidRequestError, LoginRequiredError, OAuth2Error
from idp.oauth.grants.row import new_grant
from idp.oauth.http import CoreResponse
from idp.oauth.responses import authorization_response, error_at_client
from idp.storage.database import Database
from idp.text import Text
from idp.web.edge import BrowserEdge

LONGEST_REQUEST = 8 * 1024
"""Bytes of a query. It waits, sealed, in the URLs of our pages until the user does something."""


class AuthorizeEndpoint:
    """The authorization endpoint."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        edge: BrowserEdge,
        visits: Visits,
        requests: AuthorizationRequests,
        codes: AuthorizationCodes,
        pages: ToClientPages,
        errors: ProtocolErrors,
        clock: Clock,
    ) -> None:
        self._issuer = settings.issuer
        self._code_ttl = settings.tokens.code_ttl
        self._database = database
        self._edge = edge
        self._visits = visits
        self._requests = requests
        self._codes = codes
        self._pages = pages
        self._errors = errors
        self._clock = clock

    @property
    def routes(self) -> list[Route]:
        """The endpoint, and where pages lead back to."""
        return [
            route_without_head(paths.AUTHORIZATION, self.answer, "GET", "POST"),
            route_without_head(paths.RESUME, self.resume, "GET"),
        ]

    async def answer(self, request: Request) -> Response:
        """Begin by GET; a post is repeated as GET."""
        if request.method == "GET":
            return await self.begin(request)
        try:
            return get_instead(self._edge.links.path(paths.AUTHORIZATION), await form_pairs(request))
        except InvalidRequestError as error:
            self._errors.tell(paths.AUTHORIZATION, error, client_id=None)
            raise ClientRequestError(f"{error.description}.", status=error.status_code) from error

    async def begin(self, request: Request) -> Response:
        """Validate the request and take the first step."""
        try:
            authorization, client = await self._requests.validate(query_pairs(request))
        except AuthorizationError as error:
            return self._refuse(error)
        if len(request.scope["query_string"]) > LONGEST_REQUEST:
            too_long = InvalidRequestError(f"The request is longer than {LONGEST_REQUEST} bytes")
            return self._deliver(self._tell(too_long, authorization), client)
        browser = self._edge.named_browser(request)
        visit = await self._visits.begin_for(browser, authorization)
        pending = self._next_step(visit)
        response = pending or self._deliver(await self._answer(visit, authorization), visit.client)
        self._edge.keep_name(request, response, browser)
        return response

    async def resume(self, request: Request) -> Response:
        """Take the next step of a transaction."""
        visit = await self._visits.load(self._edge.browser(request), request.query_params.get("tx"))
        pending = self._next_step(visit)
        if pending is not None:
            return pending
        await self._visits.finish(visit)  # single use: of several requests, one goes on
        match visit.destination:
            case ToPage(path):
                return self._edge.links.redirect(path)
            case ToClient(authorization):
                answer = await self._answer(visit, authorization)
                if answer.form is None and answer.location is not None:  # most often after a form of ours
                    return leave_for(request, self._pages, visit.client, answer.location)
                return self._deliver(answer, visit.client)

    def _next_step(self, visit: Visit) -> Response | None:
        if not isinstance(visit.decision, GoTo):
            return None
        return self._edge.links.redirect(visit.decision.step.path, tx=visit.transaction.handle)

    async def _answer(self, visit: Visit, authorization: AuthorizationRequest) -> CoreResponse:
        match visit.decision:
            case Issue(session):
                return await self._issue(authorization, session)
            case Refuse(error):
                return self._tell(error, authorization)
            case GoTo():
                raise AssertionError("both callers have dealt with what is pending")

    def _tell(self, error: OAuth2Error, authorization: AuthorizationRequest) -> CoreResponse:
        self._errors.tell(paths.AUTHORIZATION, error, client_id=authorization.client_id)
        return error_at_client(self._issuer, authorization.target, error)

    async def _issue(self, authorization: AuthorizationRequest, session: SignedInUser) -> CoreResponse:
        """Make the grant, then a code that points at it."""
        now = self._clock.now()
        grant = new_grant(
            session.user_id,
            authorization.client_id,
            authorization.scopes,
            session.authentication,
            now=now,
            lifetime=self._code_ttl,
            session_id=session.session_id,
            claims=authorization.claims.to_document(),
        )
        async with self._database.unit_of_work() as uow:
            added = await uow.grants.add(grant)
        if not added:  # the session has ended since we looked
            return self._tell(LoginRequiredError(), authorization)
        code = await self._codes.issue(
            AuthorizationCode(
                grant_id=grant.id,
                client_id=authorization.client_id,
                redirect_uri=authorization.redirect_uri if authorization.redirect_uri_given else None,
                code_challenge=authorization.code_challenge,
                nonce=authorization.nonce,
                scope=grant.scope,
                expires_at=grant.expires_at,
            )
        )
        return authorization_response(self._issuer, authorization.target, [("code", code)])

    def _refuse(self, refusal: AuthorizationError) -> Response:
        """Tell the client, if its redirect URI is proven; else the user (RFC 6749 §4.1.2.1)."""
        error = refusal.error
        self._errors.tell(paths.AUTHORIZATION, error, client_id=refusal.client_id, facts=refusal.facts)
        if refusal.target is None:
            raise ClientRequestError(
                Text(
                    "The request of the app that sent you here cannot be accepted. %(reason)s.",
                    reason=error.description,
                ),
                facts={"error": error.error, **refusal.facts},
            )
        return self._deliver(error_at_client(self._issuer, refusal.target, error), None)

    def _deliver(self, answer: CoreResponse, client: Client | None) -> Response:
        if answer.form is None or answer.location is None:
            return http_response(answer)
        return self._pages.form_post(client, answer.location, answer.form)
