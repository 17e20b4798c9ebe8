"""/federation/welcome: what has to be asked of a user who came back, before they have an account here."""

from dataclasses import replace

from starlette.responses import Response

from idp.errors import InvalidValue, NotFound
from idp.federation.upstream import Upstream
from idp.flow.federated.arrivals import Arrival
from idp.flow.federated.departures import EXPIRED
from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.notices import notice
from idp.flow.steps import Welcome
from idp.flow.transaction import Arrived
from idp.identity.names import claim_name
from idp.pages.federation.responses import FederatedResponses
from idp.pages.flow_page import FlowPage, Turn
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal


class WelcomePage(FlowPage):
    """Asks for an address, for the code that was sent to it, or whether the details are right."""

    path = Welcome.path
    purpose = "federation"
    steps = (Welcome.name,)
    fields = ("email", "code", "name")

    def __init__(self, parts: PageParts, federation: FederatedSignIn, responses: FederatedResponses) -> None:
        super().__init__(parts)
        self._federation = federation
        self._responses = responses

    async def show(self, turn: Turn, refusal: Refusal | None = None) -> Response:
        """Ask for what is missing."""
        arrived, form = await self._arrived(turn), turn.form
        if isinstance(arrived, Response):
            return arrived
        arrival, upstream = arrived
        return self.page(
            "federation_welcome.html",
            turn,
            refusal,
            stage=arrival.stage,
            provider=upstream.label,
            email=form.get("email", arrival.email or ""),
            name=form.get("name", arrival.identity.name or ""),
        )

    async def take(self, turn: Turn) -> Response:
        """Take the form."""
        arrived, visit, decision = await self._arrived(turn), turn.visit, turn.form.get("decision")
        if isinstance(arrived, Response):
            return arrived
        arrival, upstream = arrived
        if decision == "cancel":
            await self._federation.arrivals.forget(arrival)
            return await self.go_on(visit, arrived=None)
        if arrival.stage == "profile":
            return await self._take_profile(turn, arrival, upstream)
        if arrival.stage == "code" and decision not in {"again", "send"}:
            return await self._take_code(turn, arrival, upstream)
        email = turn.form.get("email", "").strip() or (arrival.email if decision == "again" else "") or ""
        if not email:
            raise InvalidValue("Enter your email.", field="email")
        waiting = await self._federation.arrivals.ask_address(arrival, email, address=turn.address)
        return await self.go_on(visit, arrived=Arrived(waiting.id))

    async def _take_profile(self, turn: Turn, arrival: Arrival, upstream: Upstream) -> Response:
        name = claim_name(turn.form.get("name", "")) or None
        await self._federation.arrivals.forget(arrival)
        settled = await self._federation.settle(
            upstream,
            replace(arrival.identity, name=name),
            turn.visit.transaction,
            address=turn.address,
            proven_here=arrival.proven_here,
            confirmed=True,
        )
        return await self._responses.go_on(turn.visit, upstream, settled)

    async def _take_code(self, turn: Turn, arrival: Arrival, upstream: Upstream) -> Response:
        code = turn.form.get("code", "").strip()
        if not code:
            raise InvalidValue("Enter the code from the mail.", field="code")
        identity = await self._federation.arrivals.confirm_address(arrival, code, address=turn.address)
        settled = await self._federation.settle(
            upstream, identity, turn.visit.transaction, address=turn.address, proven_here=True
        )
        return await self._responses.go_on(turn.visit, upstream, settled)

    async def _arrived(self, turn: Turn) -> tuple[Arrival, Upstream] | Response:
        """Return the arrival and its provider; the way back to the sign-in page if one of them is gone."""
        arrival = await self._federation.arrivals.of(turn.visit.transaction)
        if arrival is None or arrival.stage == "link":  # expired, or used by another request
            return await self.go_on(turn.visit, arrived=None, notice=notice(EXPIRED))
        try:
            return arrival, await self._federation.providers.get(arrival.provider)
        except NotFound as error:  # the operator has removed it in the meantime
            return await self._responses.back(turn.visit, arrival.provider, error)
