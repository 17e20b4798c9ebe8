"""Where somebody goes on to who came back from a provider."""

from contextlib import suppress
from dataclasses import replace

import structlog
from starlette.requests import Request
from starlette.responses import Response

from idp.errors import IdpError, NotFound
from idp.federation.upstream import Upstream, UpstreamError
from idp.flow.dispatch import GoTo
from idp.flow.federated.sign_in import Entered, FederatedSignIn, Outcome, TurnedAway, Waiting
from idp.flow.notices import notice
from idp.flow.steps import Login
from idp.flow.transaction import Transaction
from idp.ops.metrics import Metrics
from idp.pages.desk import Desk, Visit
from idp.pages.federation.paths import WELCOME
from idp.text import Text

log = structlog.get_logger("idp.federation")


class Onward:
    """Turns an outcome into an answer."""

    def __init__(self, desk: Desk, federation: FederatedSignIn, metrics: Metrics) -> None:
        self._desk = desk
        self._federation = federation
        self._metrics = metrics

    async def go_on(self, request: Request, visit: Visit, upstream: Upstream, settled: Outcome) -> Response:
        """Sign the person in, or ask what has to be asked first."""
        desk, transaction = self._desk, visit.transaction
        match settled:
            case Entered():
                self._metrics.federated_sign_in(upstream.name, settled.outcome)
                return await desk.sign_in(request, transaction, settled.user_id, settled.authentication)
            case Waiting(arrival, None):
                transaction = replace(transaction, arrival=arrival.id, link_user=None, notice=None)
                await desk.transactions.save(transaction)
                return desk.redirect(WELCOME, tx=transaction.id)
            case Waiting(arrival, link_user):
                self._metrics.federated_sign_in(upstream.name, "must_prove")
                transaction = replace(
                    transaction,
                    arrival=arrival.id,
                    link_user=link_user,
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
                return await self.back(request, transaction, upstream.name, error)

    async def back(self, request: Request, transaction: Transaction, name: str, error: IdpError) -> Response:
        """Return to the sign-in page with a sentence; the reason goes to the log and the audit trail."""
        await self.note(request, transaction, name, error)
        transaction = replace(transaction, notice=notice(error), arrival=None, link_user=None)
        await self._desk.transactions.save(transaction)
        return self._desk.redirect("/login", tx=transaction.id)

    async def note(self, request: Request, transaction: Transaction, name: str, error: IdpError) -> None:
        """Write down why it came to nothing: in the log, the metrics and the audit trail."""
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


def is_asked(visit: Visit) -> bool:
    """Tell whether signing in is what comes next."""
    return isinstance(visit.decision, GoTo) and visit.decision.step.path == Login.path
