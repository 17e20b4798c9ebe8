"""The way to a provider and back."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import FlowError, IdpError, NotFound
from idp.federation.upstream import UpstreamRequest
from idp.flow.dispatch import GoTo
from idp.flow.federated.paths import callback_path, signed_out_path
from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.visits import Visit
from idp.ops.metrics import Metrics
from idp.pages.federation.linking import LinkStep
from idp.pages.federation.responses import FederatedResponses, is_asked
from idp.pages.parts import PageParts
from idp.pages.views import SignedOutView
from idp.web.forms import read_form
from idp.web.links import leave

MOST_PARAMETERS = 20


class UpstreamSignInPages:
    """The way there and back."""

    def __init__(
        self,
        parts: PageParts,
        federation: FederatedSignIn,
        responses: FederatedResponses,
        linking: LinkStep,
        metrics: Metrics,
    ) -> None:
        self._parts = parts
        self._edge = parts.edge
        self._visits = parts.visits
        self._federation = federation
        self._responses = responses
        self._linking = linking
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """The way there, the callback, and where a sign-out at the provider leads back to."""
        return [
            Route("/federation/{name}/start", self.start, methods=["GET"]),
            Route(callback_path("{name}"), self.callback, methods=["GET"]),
            Route(callback_path("{name}"), self.callback_by_post, methods=["POST"]),
            Route(signed_out_path("{name}"), self.signed_out, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """Send the user to a provider; without a transaction begin one that leads to the account. Raise
        `NotFound` for a provider that there is not."""
        upstream = await self._federation.providers.get(
            request.path_params["name"]
        )  # before a row is written
        transaction_id = request.query_params.get("tx")
        browser = self._edge.named_browser(request)
        if transaction_id is None:
            visit = await self._visits.begin(browser)
        else:
            visit = await self._visits.load(self._edge.browser(request), transaction_id)
        if not is_asked(visit):
            return self._edge.resume(visit.transaction)
        _check_taken(visit, upstream.name)
        self._parts.admission.check(request)  # before anything is stored: a refusal stores nothing
        response: Response
        try:
            ask = _ask(visit, request.query_params.get("login_hint"))
            transaction = await self._visits.amend(visit, notice=None, hint_used=True)
            response = leave(await self._federation.departures.begin(upstream, transaction, ask))
        except IdpError as error:
            visit = replace(visit, transaction=replace(visit.transaction, hint_used=True))
            response = await self._responses.back(visit, upstream.name, error)
        self._edge.keep_name(request, response, visit.browser)
        return response

    async def callback_by_post(self, request: Request) -> Response:
        """Go on as GET: a cross-site post comes without our SameSite cookies (Apple's form_post)."""
        self._parts.admission.check(request)
        name = request.path_params["name"]
        posted = await self._federation.departures.keep_posted(name, await read_form(request))
        return self._edge.links.redirect(callback_path(name), posted=posted)

    async def callback(self, request: Request) -> Response:
        """Take what a provider answers."""
        name, browser = request.path_params["name"], self._edge.browser(request)
        try:
            answer = await self._answer(request)
            started = await self._federation.departures.come_back(name, answer.get("state"), browser.name)
            visit = await self._visits.load(browser, started.transaction_id)
        except FlowError:
            self._metrics.federated_sign_in("-", "refused")
            raise
        if started.purpose == "link":
            return await self._linking.finish(visit, started, answer)
        if not is_asked(visit):
            return self._edge.resume(visit.transaction)  # signed in by another way meanwhile
        try:
            _check_taken(visit, name)
            upstream = await self._federation.providers.get(name)
            identity = await upstream.finish(answer, started.memory)
            settled = await self._federation.settle(
                upstream, identity, visit.transaction, address=browser.visitor.address
            )
            return await self._responses.go_on(visit, upstream, settled)
        except IdpError as error:
            return await self._responses.back(visit, name, error)

    async def _answer(self, request: Request) -> dict[str, str]:
        query = request.query_params
        posted = query.get("posted")
        if posted is not None:
            return await self._federation.departures.take_posted(posted)
        pairs = query.multi_items()
        if len(pairs) != len(dict(pairs)) or len(pairs) > MOST_PARAMETERS:
            raise FlowError(
                "The provider's answer could not be read. Start again.", detail="repeated parameters"
            )
        return dict(pairs)

    async def signed_out(self, request: Request) -> Response:
        """Go on to where the sign-out leads, which has ended the session at the provider too."""
        onward = await self._federation.departures.signed_out_there(request.query_params.get("state"))
        if onward is not None:
            return leave(onward)
        return self._parts.renderer.page(SignedOutView())


def _check_taken(visit: Visit, name: str) -> None:
    """Raise `NotFound` for a provider from which the client takes no users: anybody can write a link."""
    if not visit.situation.takes_provider(name):
        raise NotFound(
            "This app takes no users from this provider.", detail=f"providers of the client: no {name}"
        )


def _ask(visit: Visit, login_hint: str | None) -> UpstreamRequest:
    """Pass on what the app asked for (OIDC Core §3.1.2.1)."""
    transaction, request = visit.transaction, visit.request
    prompts = request.prompts if request else ()
    hint = login_hint or (request.login_hint if request else None)
    return UpstreamRequest(
        reauthenticate=isinstance(visit.decision, GoTo) and visit.decision.reason.anew,
        max_age=request.max_age if request else None,
        select_account=transaction.switching or "select_account" in prompts,
        login_hint=hint[:320] if hint else None,
        ui_locales=request.ui_locales if request else None,
    )
