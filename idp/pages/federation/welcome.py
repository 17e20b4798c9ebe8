"""/federation/welcome: what has to be asked of somebody who came back, before they have an account here."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import FlowError, IdpError, InvalidValue
from idp.flow.federated.arrivals import Arrival
from idp.flow.federated.sign_in import FederatedSignIn
from idp.identity.accounts import claim_name
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit, client_view, form_targets
from idp.pages.federation.onward import Onward, is_asked
from idp.pages.federation.paths import WELCOME
from idp.pages.refusal import Refusal, outcome

PURPOSE = "federation"
FIELDS = ("email", "code", "name")


class WelcomePage:
    """Asks for an address, for the code that was sent to it, or whether the details are right."""

    def __init__(
        self, desk: Desk, federation: FederatedSignIn, onward: Onward, admission: FormAdmission
    ) -> None:
        self._desk = desk
        self._federation = federation
        self._onward = onward
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route(WELCOME, self.show, methods=["GET"]),
            Route(WELCOME, self.take, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Ask for an address, for the code that was sent to it, or whether the details are right."""
        desk = self._desk
        visit = await desk.visit(request, request.query_params.get("tx"))
        arrival = await self._waiting(visit)
        return desk.resume(visit.transaction) if arrival is None else await self._page(visit, arrival)

    async def take(self, request: Request) -> Response:
        """Take the form."""
        desk = self._desk
        form = await desk.form(request, PURPOSE)
        visit = await desk.visit(request, form.get("tx"))
        arrival = await self._waiting(visit)
        if arrival is None:
            return desk.resume(visit.transaction)
        try:
            self._admission.check(request)
            return await self._take(request, visit, arrival, form)
        except FlowError:
            raise
        except IdpError as error:
            return await self._page(visit, arrival, form, Refusal.of(error, FIELDS))

    async def _take(
        self, request: Request, visit: Visit, arrival: Arrival, form: Mapping[str, str]
    ) -> Response:
        desk, federation = self._desk, self._federation
        upstream = await federation.providers.get(arrival.provider)
        decision, address = form.get("decision"), request.state.address
        if decision == "cancel":
            await federation.arrivals.forget(arrival)
            await desk.transactions.save(replace(visit.transaction, arrival=None))
            return desk.redirect("/login", tx=visit.transaction.id)
        if arrival.stage == "profile":
            identity = replace(arrival.identity, name=claim_name(form.get("name", "")) or None)
            await federation.arrivals.forget(arrival)
            settled = await federation.settle(
                upstream,
                identity,
                visit.transaction,
                address=address,
                proven_here=arrival.proven_here,
                confirmed=True,
            )
            return await self._onward.go_on(request, visit, upstream, settled)
        if arrival.stage == "code" and decision not in {"again", "send"}:
            code = form.get("code", "").strip()
            if not code:
                raise InvalidValue("Enter the code from the mail.", field="code")
            identity = await federation.arrivals.confirm_address(arrival, code)
            settled = await federation.settle(
                upstream, identity, visit.transaction, address=address, proven_here=True
            )
            return await self._onward.go_on(request, visit, upstream, settled)
        email = form.get("email", "").strip() or (arrival.email if decision == "again" else "") or ""
        if not email:
            raise InvalidValue("Enter your email.", field="email")
        waiting = await federation.arrivals.ask_address(arrival, email)
        await desk.transactions.save(replace(visit.transaction, arrival=waiting.id))
        return desk.redirect(WELCOME, tx=visit.transaction.id)

    async def _waiting(self, visit: Visit) -> Arrival | None:
        if not is_asked(visit):
            return None
        arrival = await self._federation.arrivals.of(visit.transaction)
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
