"""/consent: the person allows an app to see what it asks for."""

from dataclasses import replace
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import FlowError
from idp.events.audit import record
from idp.events.catalogue import ConsentDenied, ConsentGiven
from idp.federation.registry import Providers
from idp.flow.dispatch import GoTo
from idp.flow.steps import Consent
from idp.flow.transaction import Proof
from idp.identity.sessions import CurrentSession
from idp.oauth.authorization import AuthorizationRequest
from idp.oauth.clients import Client
from idp.pages.desk import Desk, Visit, client_view, form_targets
from idp.pages.scopes import scope_views

PURPOSE = "consent"


class ConsentPage:
    """The consent page."""

    def __init__(self, desk: Desk, providers: Providers) -> None:
        self._desk = desk
        self._providers = providers

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route("/consent", self.show, methods=["GET"]),
            Route("/consent", self.submit, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show what is asked for."""
        desk = self._desk
        visit = await desk.visit(request, request.query_params.get("tx"))
        asked = _asked(visit)
        if asked is None:
            return desk.resume(visit.transaction)
        authorization, client, session = asked
        return desk.renderer.page(
            "consent.html",
            client=client_view(client),
            csrf=desk.forms.token(visit.browser, PURPOSE, visit.transaction.id),
            tx=visit.transaction.id,
            form_action=form_targets(visit.transaction),
            account=session,
            scopes=scope_views(authorization, await self._providers.labels()),
            redirect_host=urlsplit(authorization.redirect_uri).netloc or None,
        )

    async def submit(self, request: Request) -> Response:
        """Take the decision."""
        desk = self._desk
        form = await desk.form(request, PURPOSE)
        visit = await desk.visit(request, form.get("tx"))
        asked = _asked(visit)
        if asked is None:
            return self._out_of_order(visit)
        authorization, client, session = asked
        decision = form.get("decision")
        if decision == "switch":
            transaction = replace(visit.transaction, switching=True)
        elif decision in {"allow", "deny"}:
            await self._remember(authorization, client, session, allowed=decision == "allow")
            proof = Proof(Consent.name, session.user_id, session.id, decision, desk.clock.now())
            transaction = visit.transaction.with_proof(proof)
        else:
            raise FlowError("Choose Allow or Deny.", detail="the form has no decision")
        await desk.transactions.save(transaction)
        return desk.resume(transaction)

    def _out_of_order(self, visit: Visit) -> Response:
        """Done already (a second click): go on. Not due yet: it proves nothing (authentik CVE-2026-49443)."""
        session = visit.session
        if session is not None and visit.transaction.proof(Consent.name, session.id) is not None:
            return self._desk.resume(visit.transaction)
        raise FlowError(
            "This sign-in is not at this step. Go back to the app and start again.",
            detail="consent was posted while another step was pending",
        )

    async def _remember(
        self, authorization: AuthorizationRequest, client: Client, session: CurrentSession, *, allowed: bool
    ) -> None:
        now = self._desk.clock.now()
        scopes = authorization.scopes
        async with self._desk.database.unit_of_work() as uow:
            if allowed:
                await uow.consents.remember(
                    session.user_id, client.client_id, scopes, authorization.claims.names, now
                )
                event = ConsentGiven(user_id=session.user_id, client_id=client.client_id, scopes=scopes)
                await record(uow, event, now)
            else:
                await record(uow, ConsentDenied(user_id=session.user_id, client_id=client.client_id), now)


def _asked(visit: Visit) -> tuple[AuthorizationRequest, Client, CurrentSession] | None:
    """Return what the page is about, if it is this page's turn."""
    decision, authorization = visit.decision, visit.transaction.request
    if not isinstance(decision, GoTo) or decision.step.name != Consent.name:
        return None
    if authorization is None or visit.client is None or visit.session is None:
        return None
    return authorization, visit.client, visit.session
