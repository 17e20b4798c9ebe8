"""Linking an account elsewhere: to the account that somebody has just signed in to, or is signed in to."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import Conflict, FlowError, IdpError, NotFound
from idp.flow.dispatch import GoTo
from idp.flow.federated.departures import Started
from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.notices import notice
from idp.flow.steps import LinkIdentity
from idp.flow.transaction import Proof
from idp.ops.metrics import Metrics
from idp.pages.desk import Desk, Visit
from idp.pages.federation.onward import Onward
from idp.pages.federation.paths import CONNECTIONS
from idp.text import Text


class LinkStep:
    """The step of the flow, and the end of a link that was asked for on the account page."""

    def __init__(self, desk: Desk, federation: FederatedSignIn, onward: Onward, metrics: Metrics) -> None:
        self._desk = desk
        self._federation = federation
        self._onward = onward
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route("/federation/link", self.link, methods=["GET"])]

    async def link(self, request: Request) -> Response:
        """Link who waits to the account whose owner has just signed in to it: the step of the flow.

        Nothing is asked: the sign-in page said what signing in would do. Done by GET, as the transaction is
        this browser's and the arrival is used once.
        """
        desk = self._desk
        visit = await desk.visit(request, request.query_params.get("tx"))
        transaction, session, decision = visit.transaction, visit.session, visit.decision
        if session is None or not isinstance(decision, GoTo) or decision.step.name != LinkIdentity.name:
            return desk.resume(transaction)
        arrival = await self._federation.arrivals.of(transaction)
        word = "expired"
        if arrival is not None:
            try:
                await self._federation.link_arrival(arrival, session.user_id, address=request.state.address)
                word = "linked"
                self._metrics.federated_sign_in(arrival.provider, word)
            except (FlowError, Conflict, NotFound) as error:  # linked elsewhere meanwhile: sign-in goes on
                await self._onward.note(request, transaction, arrival.provider, error)
                word = "refused"
        proof = Proof(LinkIdentity.name, session.user_id, session.id, word, desk.clock.now())
        transaction = replace(transaction.with_proof(proof), arrival=None, link_user=None)
        await desk.transactions.save(transaction)
        return desk.resume(transaction)

    async def finish(
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
            await self._onward.note(request, transaction, name, error)
            told = notice(error)
        else:
            self._metrics.federated_sign_in(name, "linked")
            told = notice(Text("Your %(provider)s account is linked.", provider=upstream.label), "success")
        await desk.transactions.save(replace(transaction, notice=told))
        return desk.redirect(CONNECTIONS, tx=transaction.id)
