"""/federation: going to another provider, coming back, and what may have to be asked in between."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from idp.errors import Conflict, FlowError, IdpError, InvalidValue, NotFound
from idp.federation.upstream import Ask, Upstream, UpstreamError
from idp.flow.dispatch import GoTo
from idp.flow.federated import (
    Arrival,
    Entered,
    FederatedSignIn,
    Outcome,
    Started,
    TurnedAway,
    Waiting,
    notice,
    sentence_of,
)
from idp.flow.steps import LinkIdentity, Login
from idp.flow.transaction import Proof, Transaction
from idp.identity.accounts import claim_name
from idp.oauth.http import NO_STORE
from idp.ops.metrics import Metrics
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit, client_view, form_targets, read_form
from idp.pages.refusal import Refusal, outcome
from idp.pages.render import Message
from idp.text import Text

PURPOSE = "federation"
FIELDS = ("email", "code", "name")
CONNECTIONS = "/account/connections"
MOST_PARAMETERS = 20

log = structlog.get_logger("idp.federation")


class Offers:
    """Which providers a sign-in page offers, and when a person is sent straight to one."""

    def __init__(self, desk: Desk, federation: FederatedSignIn) -> None:
        self._desk = desk
        self._federation = federation
        self._upstreams: list[Upstream] = []

    async def refresh(self) -> None:
        """Look which providers there are; cheap, they are kept for a few seconds."""
        self._upstreams = await self._federation.providers.all()

    def buttons(self, visit: Visit) -> list[dict[str, Any]]:
        """Return the buttons of a page: those that the client wants in its order, or all that show."""
        wanted = _wanted(visit)
        if wanted is None:
            shown = [upstream for upstream in self._upstreams if not upstream.settings.hidden]
        else:
            by_name = {upstream.name: upstream for upstream in self._upstreams}
            shown = [by_name[name] for name in wanted if name in by_name]
        return [
            {
                "id": upstream.name,
                "label": upstream.label,
                "url": self.start_path(upstream.name, visit.transaction),
                "icon": None,
            }
            for upstream in shown
        ]

    def straight_to(self, visit: Visit) -> str | None:
        """Return the provider that the app asks for with `idp_hint`, the first time that it can be: a hidden one
        too, but none that the client does not want, as anybody can write a hint."""
        request, wanted = visit.transaction.request, _wanted(visit)
        if request is None or request.idp_hint is None or visit.transaction.hint_used:
            return None
        if wanted is not None and request.idp_hint not in wanted:
            return None
        return request.idp_hint if any(u.name == request.idp_hint for u in self._upstreams) else None

    def for_address(self, email: str) -> str | None:
        """Return the provider of an address's domain, if it is there."""
        name = self._federation.providers.for_address(email)
        return name if any(upstream.name == name for upstream in self._upstreams) else None

    @property
    def has_domains(self) -> bool:
        """Whether some people are sent on by their address."""
        return bool(self._federation.providers.settings.domains and self._upstreams)

    @property
    def targets(self) -> tuple[str, ...]:
        """Where a form may lead that sends people on, for the CSP."""
        return targets(self._upstreams)

    def start_path(self, name: str, transaction: Transaction) -> str:
        """Return the path that leads to a provider."""
        return self._desk.path(f"/federation/{name}/start", tx=transaction.id)


def targets(upstreams: list[Upstream]) -> tuple[str, ...]:
    """Return what a form may lead to that ends at one of these: https, and in development a plain host."""
    plain = {
        f"{parts.scheme}://{parts.netloc}"
        for upstream in upstreams
        for parts in (urlsplit(upstream.settings.issuer or upstream.settings.base_url or ""),)
        if parts.scheme == "http"
    }
    return ("https:", *sorted(plain))


class FederationPages:
    """Signing in elsewhere."""

    def __init__(
        self, desk: Desk, federation: FederatedSignIn, admission: FormAdmission, metrics: Metrics
    ) -> None:
        self._desk = desk
        self._federation = federation
        self._admission = admission
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """Where they are served."""
        return [
            Route("/federation/{name}/start", self.start, methods=["GET"]),
            Route("/federation/{name}/callback", self.callback, methods=["GET"]),
            Route("/federation/{name}/callback", self.callback_by_post, methods=["POST"]),
            Route("/federation/welcome", self.welcome, methods=["GET"]),
            Route("/federation/welcome", self.take, methods=["POST"]),
            Route("/federation/link", self.link, methods=["GET"]),
            Route("/federation/{name}/signed-out", self.signed_out, methods=["GET"]),
        ]

    # Going there ---------------------------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        """Send the person to a provider; without a transaction begin one that leads to the account."""
        desk, name = self._desk, request.path_params["name"]
        try:
            visit = await desk.visit_or_begin(request)
        except FlowError as error:
            return desk.errors.for_error(request, error)
        if not _is_asked(visit):
            return desk.resume(visit.transaction)
        transaction = replace(visit.transaction, notice=None, hint_used=True)
        response: Response
        try:
            self._admission.check(request)
            upstream = await self._federation.providers.get(name)
            ask = _ask(visit, desk.settings.url(callback_path(name)), request.query_params.get("login_hint"))
            await desk.transactions.save(transaction)
            url = await self._federation.begin(upstream, transaction, ask)
            response = leave(url)
        except IdpError as error:
            response = await self._back(request, transaction, name, error)
        desk.cookies.keep_browser(request, response, visit.browser)
        return response

    # Coming back ---------------------------------------------------------------------------------

    async def callback_by_post(self, request: Request) -> Response:
        """Go on as GET: a cross-site post comes without our SameSite cookies (Apple's form_post)."""
        desk, name = self._desk, request.path_params["name"]
        try:
            self._admission.check(request)
            form = await read_form(request)
            posted = await self._federation.keep_posted(form.get("state"), form)
        except IdpError as error:
            return desk.errors.for_error(request, error)
        return desk.redirect(callback_path(name), posted=posted)

    async def callback(self, request: Request) -> Response:
        """Take what a provider answers."""
        desk, name = self._desk, request.path_params["name"]
        browser = desk.cookies.browser(request)
        try:
            answer = await self._answer(request)
            started = await self._federation.come_back(name, answer.get("state"), browser)
            transaction = await desk.transactions.load(started.transaction_id, browser)
            visit = await desk.look_at(request, browser or "", transaction)
        except FlowError as error:
            self._metrics.federated_sign_in("-", "refused")
            return desk.errors.for_error(request, error)
        if started.purpose == "link":
            return await self._link_asked(request, visit, started, answer)
        if not _is_asked(visit):
            return desk.resume(transaction)  # signed in by another way meanwhile
        try:
            upstream = await self._federation.providers.get(name)
            identity = await upstream.finish(answer, started.memory)
            settled = await self._federation.settle(
                upstream, identity, transaction, address=request.state.address
            )
        except IdpError as error:
            return await self._back(request, transaction, name, error)
        return await self._go_on(request, visit, upstream, settled)

    async def _answer(self, request: Request) -> dict[str, str]:
        query = request.query_params
        posted = query.get("posted")
        if posted is not None:
            return await self._federation.take_posted(posted)
        pairs = query.multi_items()
        if len(pairs) != len(dict(pairs)) or len(pairs) > MOST_PARAMETERS:
            raise FlowError(
                "The answer of the provider is malformed. Start again.", detail="repeated parameters"
            )
        return dict(pairs)

    async def _go_on(self, request: Request, visit: Visit, upstream: Upstream, settled: Outcome) -> Response:
        desk, transaction = self._desk, visit.transaction
        match settled:
            case Entered():
                self._metrics.federated_sign_in(upstream.name, settled.outcome)
                return await desk.sign_in(
                    request,
                    transaction,
                    settled.user_id,
                    amr=settled.amr,
                    acr=settled.acr,
                    proven_at=settled.auth_time,
                    upstream=settled.provider,
                    factor_waived=settled.factor_waived,
                )
            case Waiting(arrival, None):
                transaction = replace(transaction, arrival=arrival.id, link_user=None, notice=None)
                await desk.transactions.save(transaction)
                return desk.redirect("/federation/welcome", tx=transaction.id)
            case Waiting(arrival, link_user):
                self._metrics.federated_sign_in(upstream.name, "must_prove")
                transaction = replace(
                    transaction,
                    arrival=arrival.id,
                    link_user=link_user,
                    reauthenticate=True,
                    notice=notice(
                        Text(
                            "There is an account with the address %(email)s already. Sign in to it this once, "
                            "and your %(provider)s account will be linked to it.",
                            email=arrival.email or "",
                            provider=upstream.label,
                        ),
                        "notice",
                    ),
                )
                await desk.transactions.save(transaction)
                return desk.redirect("/login", tx=transaction.id)
            case TurnedAway(sentence, reason):
                error = UpstreamError(sentence, detail=reason)
                return await self._back(request, transaction, upstream.name, error)

    async def _back(self, request: Request, transaction: Transaction, name: str, error: IdpError) -> Response:
        """Return to the sign-in page with a sentence; the reason goes to the log and the audit trail."""
        await self._note(request, transaction, name, error)
        transaction = replace(transaction, notice=notice(error), arrival=None, link_user=None)
        await self._desk.transactions.save(transaction)
        return self._desk.redirect("/login", tx=transaction.id)

    async def _note(self, request: Request, transaction: Transaction, name: str, error: IdpError) -> None:
        known = not isinstance(error, NotFound)
        word = error.outcome if isinstance(error, UpstreamError) else "refused"
        self._metrics.federated_sign_in(name if known else "-", word)
        reason = error.detail or error.sentence
        log.warning("a sign-in elsewhere came to nothing", provider=name[:60], outcome=word, reason=reason)
        client_id = transaction.request.client_id if transaction.request else None
        with suppress(IdpError):
            await self._federation.note_failure(
                name[:60], reason, client_id=client_id, address=request.state.address
            )

    # Linking -------------------------------------------------------------------------------------

    async def link(self, request: Request) -> Response:
        """Link who waits to the account whose owner has just signed in to it: the step of the flow.

        Nothing is asked: the sign-in page said what signing in would do. Done by GET, as the transaction is
        this browser's and the arrival is used once.
        """
        desk = self._desk
        try:
            visit = await desk.visit(request, request.query_params.get("tx"))
        except FlowError as error:
            return desk.errors.for_error(request, error)
        transaction, session, decision = visit.transaction, visit.session, visit.decision
        if session is None or not isinstance(decision, GoTo) or decision.step.name != LinkIdentity.name:
            return desk.resume(transaction)
        arrival = await self._federation.arrival(transaction)
        word = "expired"
        if arrival is not None:
            try:
                await self._federation.link_arrival(arrival, session.user_id, address=request.state.address)
                word = "linked"
                self._metrics.federated_sign_in(arrival.provider, word)
            except (FlowError, Conflict, NotFound) as error:  # linked elsewhere meanwhile: sign-in goes on
                await self._note(request, transaction, arrival.provider, error)
                word = "refused"
        proof = Proof(LinkIdentity.name, session.user_id, session.id, word, desk.clock.now())
        transaction = replace(transaction.with_proof(proof), arrival=None, link_user=None)
        await desk.transactions.save(transaction)
        return desk.resume(transaction)

    async def _link_asked(
        self, request: Request, visit: Visit, started: Started, answer: Mapping[str, str]
    ) -> Response:
        """Link to the account of whoever asked for it and is signed in still."""
        desk, name = self._desk, started.provider
        transaction, session = visit.transaction, visit.session
        try:
            if session is None or session.user_id != started.user_id:
                raise FlowError("You are not signed in any more as who asked for this. Start again.")
            upstream = await self._federation.providers.get(name)
            identity = await upstream.finish(answer, started.memory)
            await self._federation.link_asked(
                upstream, identity, session.user_id, address=request.state.address
            )
        except IdpError as error:
            await self._note(request, transaction, name, error)
            told = notice(error)
        else:
            self._metrics.federated_sign_in(name, "linked")
            told = notice(Text("Your %(provider)s account is linked.", provider=upstream.label), "success")
        await desk.transactions.save(replace(transaction, notice=told))
        return desk.redirect(CONNECTIONS, tx=transaction.id)

    async def signed_out(self, request: Request) -> Response:
        """Go on where a sign-out led that ended a session elsewhere too."""
        onward = await self._federation.signed_out_there(request.query_params.get("state"))
        if onward is not None:
            return RedirectResponse(onward, status_code=303)
        return self._desk.renderer.page("signed_out.html")

    # Asking --------------------------------------------------------------------------------------

    async def welcome(self, request: Request) -> Response:
        """Ask for an address, for the code that was sent to it, or whether the details are right."""
        desk = self._desk
        try:
            visit = await desk.visit(request, request.query_params.get("tx"))
        except FlowError as error:
            return desk.errors.for_error(request, error)
        arrival = await self._waiting(visit)
        return desk.resume(visit.transaction) if arrival is None else await self._page(visit, arrival)

    async def take(self, request: Request) -> Response:
        """Take the form."""
        desk = self._desk
        try:
            form = await desk.form(request, PURPOSE)
            visit = await desk.visit(request, form.get("tx"))
        except FlowError as error:
            return desk.errors.for_error(request, error)
        arrival = await self._waiting(visit)
        if arrival is None:
            return desk.resume(visit.transaction)
        try:
            self._admission.check(request)
            return await self._take(request, visit, arrival, form)
        except FlowError as error:
            return desk.errors.for_error(request, error)
        except IdpError as error:
            return await self._page(visit, arrival, form, Refusal.of(error, FIELDS))

    async def _take(
        self, request: Request, visit: Visit, arrival: Arrival, form: Mapping[str, str]
    ) -> Response:
        desk, federation = self._desk, self._federation
        upstream = await federation.providers.get(arrival.provider)
        decision, address = form.get("decision"), request.state.address
        if decision == "cancel":
            await federation.forget(arrival)
            await desk.transactions.save(replace(visit.transaction, arrival=None))
            return desk.redirect("/login", tx=visit.transaction.id)
        if arrival.stage == "profile":
            identity = replace(arrival.identity, name=claim_name(form.get("name", "")) or None)
            await federation.forget(arrival)
            settled = await federation.settle(
                upstream,
                identity,
                visit.transaction,
                address=address,
                proven_here=arrival.proven_here,
                confirmed=True,
            )
            return await self._go_on(request, visit, upstream, settled)
        if arrival.stage == "code" and decision not in {"again", "send"}:
            code = form.get("code", "").strip()
            if not code:
                raise InvalidValue("Enter the code from the mail.", field="code")
            identity = await federation.confirm_address(arrival, code)
            settled = await federation.settle(
                upstream, identity, visit.transaction, address=address, proven_here=True
            )
            return await self._go_on(request, visit, upstream, settled)
        email = form.get("email", "").strip() or (arrival.email if decision == "again" else "") or ""
        if not email:
            raise InvalidValue("Enter your email.", field="email")
        waiting = await federation.ask_address(arrival, email)
        await desk.transactions.save(replace(visit.transaction, arrival=waiting.id))
        return desk.redirect("/federation/welcome", tx=visit.transaction.id)

    async def _waiting(self, visit: Visit) -> Arrival | None:
        if not _is_asked(visit):
            return None
        arrival = await self._federation.arrival(visit.transaction)
        return None if arrival is None or arrival.stage == "link" else arrival

    async def _page(
        self,
        visit: Visit,
        arrival: Arrival,
        form: Mapping[str, str] | None = None,
        refusal: Refusal | None = None,
    ) -> Response:
        desk, transaction = self._desk, visit.transaction
        form = form or {}
        upstream = await self._federation.providers.get(arrival.provider)
        return desk.renderer.page(
            "federation_welcome.html",
            client=client_view(visit.client),
            csrf=desk.forms.token(visit.browser, PURPOSE, transaction.id),
            tx=transaction.id,
            form_action=form_targets(transaction),
            stage=arrival.stage,
            provider=upstream.label,
            email=form.get("email", arrival.email or ""),
            name=form.get("name", arrival.identity.name or ""),
            **outcome(refusal),
        )


def _wanted(visit: Visit) -> Sequence[str] | None:
    """Return the names of the providers that a client wants, in its order; None when it did not choose."""
    wanted = visit.client.metadata.get("providers") if visit.client else None
    return wanted if isinstance(wanted, list | tuple) else None


def callback_path(name: str) -> str:
    """Return the path of a provider's callback: one for each, so that none can pass for another."""
    return f"/federation/{name}/callback"


def signed_out_path(name: str) -> str:
    """Return where a provider leads back to after a sign-out."""
    return f"/federation/{name}/signed-out"


def leave(url: str) -> Response:
    """Send the person to a provider. 303: a post is not repeated there."""
    return RedirectResponse(url, status_code=303, headers=dict(NO_STORE))


def message_of(transaction: Transaction) -> Message | None:
    """Return what a sign-in elsewhere came to, for the next page."""
    if transaction.notice is None:
        return None
    return Message(transaction.notice["kind"], sentence_of(transaction.notice))


def _ask(visit: Visit, redirect_uri: str, login_hint: str | None) -> Ask:
    """Pass on what the app asked for (OIDC Core §3.1.2.1)."""
    transaction, request = visit.transaction, visit.transaction.request
    prompts = request.prompts if request else ()
    hint = login_hint or (request.login_hint if request else None)
    return Ask(
        redirect_uri=redirect_uri,
        state="",
        reauthenticate=transaction.reauthenticate or "login" in prompts,
        max_age=request.max_age if request else None,
        select_account=transaction.switching or "select_account" in prompts,
        login_hint=hint[:320] if hint else None,
        ui_locales=request.ui_locales if request else None,
    )


def _is_asked(visit: Visit) -> bool:
    return isinstance(visit.decision, GoTo) and visit.decision.step.path == Login.path
