"""How a sign-in goes on when the user comes back from a provider."""

from contextlib import suppress

import structlog
from starlette.responses import Response

from idp.errors import IdpError, NotFound, Throttled
from idp.federation.upstream import Upstream, UpstreamError
from idp.flow.federated.sign_in import Admitted, FederatedSignIn, Outcome, Refused, Waiting
from idp.flow.notices import notice
from idp.flow.sign_in import SignIn
from idp.flow.steps import SIGN_IN_STEPS
from idp.flow.transaction import Arrived
from idp.flow.visits import Visit
from idp.ops.metrics import Metrics
from idp.pages.parts import PageParts
from idp.text import Text

log = structlog.get_logger("idp.federation")


class FederatedResponses:
    """Turns the outcome of a sign-in at a provider into a response."""

    def __init__(
        self, parts: PageParts, federation: FederatedSignIn, sign_in: SignIn, metrics: Metrics
    ) -> None:
        self._edge = parts.edge
        self._visits = parts.visits
        self._federation = federation
        self._sign_in = sign_in
        self._metrics = metrics

    async def go_on(self, visit: Visit, upstream: Upstream, settled: Outcome) -> Response:
        """Sign the user in, or ask what has to be asked first."""
        match settled:
            case Admitted():
                progress = await self._sign_in.sign_in(
                    visit.browser, visit.transaction, settled.user_id, settled.authentication
                )
                self._metrics.federated_sign_in(upstream.name, settled.outcome)
                return self._edge.go_on(progress)
            case Waiting(arrival, None):
                arrived = Arrived(arrival.id)
                return self._edge.resume(
                    await self._visits.keep(visit, arrived=arrived, registered=None, notice=None)
                )
            case Waiting(arrival, link_user):
                self._metrics.federated_sign_in(upstream.name, "must_prove")
                told = Text(
                    "An account with the address %(email)s already exists. Sign in to it once, and your "
                    "%(provider)s account will be linked to it.",
                    email=arrival.email or "",
                    provider=upstream.label,
                )
                arrived = Arrived(arrival.id, link_user)
                return self._edge.resume(
                    await self._visits.keep(
                        visit, arrived=arrived, registered=None, notice=notice(told, "notice")
                    )
                )
            case Refused(sentence, reason):
                return await self.back(visit, upstream.name, UpstreamError(sentence, detail=reason))

    async def back(self, visit: Visit, name: str, error: IdpError) -> Response:
        """Return to the sign-in page with a sentence; the reason goes to the log and the audit trail."""
        await self.note(visit, name, error)
        return self._edge.resume(await self._visits.keep(visit, notice=notice(error), arrived=None))

    async def note(self, visit: Visit, name: str, error: IdpError) -> None:
        """Write down why it came to nothing: in the log, the metrics and the audit trail. A request that was
        refused for there being too many costs no row."""
        known = not isinstance(error, NotFound)
        word = error.outcome if isinstance(error, UpstreamError) else "refused"
        self._metrics.federated_sign_in(name if known else "-", word)
        reason = error.detail or error.sentence
        log.warning("a sign-in at a provider failed", provider=name[:60], outcome=word, reason=reason)
        if isinstance(error, Throttled) or not known:
            return
        client_id = visit.client.client_id if visit.client else None
        with suppress(IdpError):
            await self._federation.note_failure(
                name[:60], reason, client_id=client_id, address=visit.browser.visitor.address
            )


def is_asked(visit: Visit) -> bool:
    """Tell whether a sign-in is what comes next."""
    return visit.is_at(*SIGN_IN_STEPS)
