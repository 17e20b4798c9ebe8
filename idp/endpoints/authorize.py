"""/authorize: where every sign-in begins and where it comes back to (RFC 6749 §4.1, OIDC Core §3.1.2).

A request is validated, the dispatcher decides, and the decision becomes a response: a page to go to,
an error for the client, or a code. `/authorize/resume` is where pages send the browser when they have
added a proof to its transaction.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.endpoints.edge import form_pairs, get_instead, http_response, query_pairs, route_without_head
from idp.errors import ClientRequestError
from idp.flow.dispatch import GoTo, Issue, Refuse
from idp.flow.situation import SignedIn
from idp.flow.transaction import Transaction
from idp.oauth.authorization import AuthorizationError, AuthorizationRequest, AuthorizationRequests
from idp.oauth.codes import AuthorizationCode, AuthorizationCodes
from idp.oauth.errors import InvalidRequestError, OAuth2Error
from idp.oauth.grants.row import new_grant
from idp.oauth.http import CoreResponse
from idp.oauth.responses import authorization_response, error_at_client
from idp.ops.metrics import Metrics
from idp.pages.desk import Desk, Visit, client_view
from idp.text import Text


class AuthorizeEndpoint:
    """The authorization endpoint."""

    def __init__(
        self, desk: Desk, requests: AuthorizationRequests, codes: AuthorizationCodes, metrics: Metrics
    ) -> None:
        self._desk = desk
        self._requests = requests
        self._codes = codes
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            route_without_head("/authorize", self.answer, "GET", "POST"),
            route_without_head("/authorize/resume", self.resume, "GET"),
        ]

    async def answer(self, request: Request) -> Response:
        """Begin by GET; a post goes on so."""
        if request.method == "GET":
            return await self.begin(request)
        try:
            return get_instead(self._desk.renderer.url("/authorize"), await form_pairs(request))
        except InvalidRequestError as error:
            raise ClientRequestError(f"{error.description}.", status=error.status_code) from error

    async def begin(self, request: Request) -> Response:
        """Validate the request and take the first step."""
        desk = self._desk
        try:
            authorization, _client = await self._requests.validate(query_pairs(request))
        except AuthorizationError as error:
            return self._refuse(error)
        browser = desk.cookies.browser_or_new(request)
        # Looked at before it is stored: with a session and a consent there is nothing to remember.
        draft = Transaction.draft(desk.clock.now(), authorization)
        visit = await desk.look_at(request, browser, draft)
        if isinstance(visit.decision, GoTo):
            transaction = await desk.transactions.begin(authorization, browser)
            response = desk.redirect(visit.decision.step.path, tx=transaction.id)
        else:
            response = await self._answer(visit, authorization)
        desk.cookies.keep_browser(request, response, browser)
        return response

    async def resume(self, request: Request) -> Response:
        """Take the next step of a transaction."""
        desk = self._desk
        visit = await desk.visit(request, request.query_params.get("tx"))
        transaction = visit.transaction
        if isinstance(visit.decision, GoTo):
            return desk.redirect(visit.decision.step.path, tx=transaction.id)
        await desk.transactions.finish(transaction)  # single use: of several who try, one goes on
        if transaction.request is None:
            return desk.redirect(transaction.destination)
        return await self._answer(visit, transaction.request)

    async def _answer(self, visit: Visit, authorization: AuthorizationRequest) -> Response:
        if isinstance(visit.decision, Issue):
            answer = await self._issue(authorization, visit.decision.session)
        elif isinstance(visit.decision, Refuse):
            answer = self._tell(visit.decision.error, authorization)
        else:
            raise AssertionError("both callers have dealt with what is pending")  # noqa: TRY004  not a type
        return self._deliver(answer, visit)

    def _tell(self, error: OAuth2Error, authorization: AuthorizationRequest) -> CoreResponse:
        self._metrics.oauth_error(error.error)
        return error_at_client(
            self._desk.settings.issuer,
            authorization.redirect_uri,
            authorization.response_mode,
            authorization.state,
            error,
        )

    async def _issue(self, authorization: AuthorizationRequest, session: SignedIn) -> CoreResponse:
        """Make the grant, then a code that points at it."""
        desk = self._desk
        now = desk.clock.now()
        grant = new_grant(
            session.user_id,
            authorization.client_id,
            authorization.scopes,
            session.authentication,
            now=now,
            lifetime=desk.settings.tokens.code_ttl,
            session_id=session.session_id,
            claims=authorization.claims.to_document(),
        )
        async with desk.database.unit_of_work() as uow:
            await uow.grants.add(grant)
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
        return authorization_response(
            desk.settings.issuer,
            authorization.redirect_uri,
            authorization.response_mode,
            authorization.state,
            [("code", code)],
        )

    def _refuse(self, refusal: AuthorizationError) -> Response:
        """Tell the client, if its redirect URI is proven; else the person (RFC 6749 §4.1.2.1)."""
        error = refusal.error
        self._metrics.oauth_error(error.error)
        if refusal.redirect_uri is None:
            raise ClientRequestError(
                Text(
                    "The app that sent you here made a request that cannot be accepted: %(reason)s.",
                    reason=error.description,
                ),
                facts={"error": error.error, **refusal.facts},
            )
        answer = error_at_client(
            self._desk.settings.issuer,
            refusal.redirect_uri,
            refusal.response_mode,
            refusal.state,
            error,
        )
        return self._deliver(answer, None)

    def _deliver(self, answer: CoreResponse, visit: Visit | None) -> Response:
        if answer.form is None or answer.location is None:
            return http_response(answer)
        return self._desk.renderer.page(  # OAuth 2.0 Form Post Response Mode §2
            "form_post.html",
            client=client_view(visit.client) if visit else None,
            form_action=("https:", answer.location),
            action=answer.location,
            fields=answer.form,
        )
