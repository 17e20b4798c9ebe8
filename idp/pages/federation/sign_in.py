"""Going to a provider, and coming back."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from idp.errors import FlowError, IdpError
from idp.federation.upstream import Ask
from idp.flow.dispatch import GoTo
from idp.flow.federated.sign_in import FederatedSignIn
from idp.ops.metrics import Metrics
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit
from idp.pages.federation.linking import LinkStep
from idp.pages.federation.onward import Onward, is_asked
from idp.pages.federation.paths import callback_path, leave, signed_out_path
from idp.web.forms import read_form

MOST_PARAMETERS = 20


class SignInElsewhere:
    """The way there and back."""

    def __init__(
        self,
        desk: Desk,
        federation: FederatedSignIn,
        onward: Onward,
        linking: LinkStep,
        admission: FormAdmission,
        metrics: Metrics,
    ) -> None:
        self._desk = desk
        self._federation = federation
        self._onward = onward
        self._linking = linking
        self._admission = admission
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route("/federation/{name}/start", self.start, methods=["GET"]),
            Route(callback_path("{name}"), self.callback, methods=["GET"]),
            Route(callback_path("{name}"), self.callback_by_post, methods=["POST"]),
            Route(signed_out_path("{name}"), self.signed_out, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """Send the person to a provider; without a transaction begin one that leads to the account."""
        desk, name = self._desk, request.path_params["name"]
        visit = await desk.visit_or_begin(request)
        if not is_asked(visit):
            return desk.resume(visit.transaction)
        transaction = replace(visit.transaction, notice=None, hint_used=True)
        response: Response
        try:
            self._admission.check(request)
            upstream = await self._federation.providers.get(name)
            ask = _ask(visit, desk.settings.url(callback_path(name)), request.query_params.get("login_hint"))
            await desk.transactions.save(transaction)
            url = await self._federation.departures.begin(upstream, transaction, ask)
            response = leave(url)
        except IdpError as error:
            response = await self._onward.back(request, transaction, name, error)
        desk.cookies.keep_browser(request, response, visit.browser)
        return response

    async def callback_by_post(self, request: Request) -> Response:
        """Go on as GET: a cross-site post comes without our SameSite cookies (Apple's form_post)."""
        desk, name = self._desk, request.path_params["name"]
        self._admission.check(request)
        form = await read_form(request)
        posted = await self._federation.departures.keep_posted(form.get("state"), form)
        return desk.redirect(callback_path(name), posted=posted)

    async def callback(self, request: Request) -> Response:
        """Take what a provider answers."""
        desk, name = self._desk, request.path_params["name"]
        browser = desk.cookies.browser(request)
        try:
            answer = await self._answer(request)
            started = await self._federation.departures.come_back(name, answer.get("state"), browser)
            transaction = await desk.transactions.load(started.transaction_id, browser)
            visit = await desk.look_at(request, browser or "", transaction)
        except FlowError:
            self._metrics.federated_sign_in("-", "refused")
            raise
        if started.purpose == "link":
            return await self._linking.finish(request, visit, started, answer)
        if not is_asked(visit):
            return desk.resume(transaction)  # signed in by another way meanwhile
        try:
            upstream = await self._federation.providers.get(name)
            identity = await upstream.finish(answer, started.memory)
            settled = await self._federation.settle(
                upstream, identity, transaction, address=request.state.address
            )
        except IdpError as error:
            return await self._onward.back(request, transaction, name, error)
        return await self._onward.go_on(request, visit, upstream, settled)

    async def _answer(self, request: Request) -> dict[str, str]:
        query = request.query_params
        posted = query.get("posted")
        if posted is not None:
            return await self._federation.departures.take_posted(posted)
        pairs = query.multi_items()
        if len(pairs) != len(dict(pairs)) or len(pairs) > MOST_PARAMETERS:
            raise FlowError(
                "The answer of the provider is malformed. Start again.", detail="repeated parameters"
            )
        return dict(pairs)

    async def signed_out(self, request: Request) -> Response:
        """Go on where a sign-out led that ended a session elsewhere too."""
        onward = await self._federation.departures.signed_out_there(request.query_params.get("state"))
        if onward is not None:
            return RedirectResponse(onward, status_code=303)
        return self._desk.renderer.page("signed_out.html")


def _ask(visit: Visit, redirect_uri: str, login_hint: str | None) -> Ask:
    """Pass on what the app asked for (OIDC Core §3.1.2.1)."""
    transaction, request, decision = visit.transaction, visit.transaction.request, visit.decision
    prompts = request.prompts if request else ()
    hint = login_hint or (request.login_hint if request else None)
    return Ask(
        redirect_uri=redirect_uri,
        state="",
        reauthenticate=isinstance(decision, GoTo) and decision.reason.anew,
        max_age=request.max_age if request else None,
        select_account=transaction.switching or "select_account" in prompts,
        login_hint=hint[:320] if hint else None,
        ui_locales=request.ui_locales if request else None,
    )
