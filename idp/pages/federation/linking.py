"""Linking an account at a provider to the account here that its user has just signed in to, or is signed in to."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import Conflict, FlowError, IdpError, NotFound
from idp.federation.upstream import Cancelled
from idp.flow.federated.departures import Started
from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.notices import notice
from idp.flow.steps import LinkIdentity
from idp.flow.visits import Visit
from idp.identity import page_paths
from idp.ops.metrics import Metrics
from idp.pages.federation.responses import FederatedResponses
from idp.pages.parts import PageParts
from idp.text import Text


class LinkStep:
    """The step of the flow, and the end of a link that was asked for on the account page."""

    def __init__(
        self, parts: PageParts, federation: FederatedSignIn, responses: FederatedResponses, metrics: Metrics
    ) -> None:
        self._edge = parts.edge
        self._visits = parts.visits
        self._federation = federation
        self._responses = responses
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """One address, which shows nothing."""
        return [Route(LinkIdentity.path, self.link, methods=["GET"])]

    async def link(self, request: Request) -> Response:
        """Link the arrival to the account whose owner has just signed in to it.

        Nothing is asked: the sign-in page said what signing in would do. Done by GET, as the transaction is
        this browser's and the arrival is used once.
        """
        visit = await self._visits.load(self._edge.browser(request), request.query_params.get("tx"))
        if not visit.is_at(LinkIdentity.name):
            return self._edge.resume(visit.transaction)
        arrival = await self._federation.arrivals.of(visit.transaction)
        word, address = "expired", visit.browser.visitor.address
        if arrival is not None:
            try:
                await self._federation.link_arrival(arrival, visit.signed_in.account, address=address)
                word = "linked"
                self._metrics.federated_sign_in(arrival.provider, word)
            except (FlowError, Conflict, NotFound) as error:  # linked elsewhere meanwhile: sign-in goes on
                await self._responses.note(visit, arrival.provider, error)
                word = "refused"
        return self._edge.resume(await self._visits.prove(visit, word, arrived=None))

    async def finish(self, visit: Visit, started: Started, answer: Mapping[str, str]) -> Response:
        """Link to the account of the user who asked for it, if they are signed in still."""
        name, session, address = started.provider, visit.session, visit.browser.visitor.address
        try:
            if session is None or session.user_id != started.user_id:
                raise FlowError(
                    "You are no longer signed in to the account that asked for this. Start again."
                )
            upstream = await self._federation.providers.get(name)
            identity = await upstream.finish(answer, started.memory)
            await self._federation.link_asked(upstream, identity, session.account, address=address)
        except IdpError as error:
            await self._responses.note(visit, name, error)
            told = notice(_not_linked(error))
        else:
            self._metrics.federated_sign_in(name, "linked")
            told = notice(Text("Your %(provider)s account is linked.", provider=upstream.label), "success")
        transaction = await self._visits.keep(visit, notice=told)
        return self._edge.links.redirect(page_paths.CONNECTIONS, tx=transaction.handle)


def _not_linked(error: IdpError) -> IdpError | Text:
    """Return what the user is told. The sentence of a cancellation is about a sign-in, which this is not."""
    if isinstance(error, Cancelled):
        return Text("You cancelled at %(provider)s, so nothing was linked.", provider=error.label)
    return error
