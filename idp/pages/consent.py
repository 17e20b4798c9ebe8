"""/consent: the user allows an app to see what it asks for, or refuses."""

from starlette.responses import Response

from idp.errors import FlowError
from idp.federation.registry import Providers
from idp.flow.consents import RememberedConsents
from idp.flow.steps import Consent
from idp.flow.visits import Visit
from idp.oauth.authorization_request import AuthorizationRequest
from idp.pages.flow_page import FlowPage, Turn
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal
from idp.pages.scopes import scope_views
from idp.pages.views import ConsentView


class ConsentPage(FlowPage):
    """The consent page."""

    path = "/consent"
    purpose = "consent"
    steps = (Consent.name,)
    personal = True

    def __init__(self, parts: PageParts, consents: RememberedConsents, providers: Providers) -> None:
        super().__init__(parts)
        self._consents = consents
        self._providers = providers

    async def show(self, turn: Turn, refusal: Refusal | None = None) -> Response:
        """Show which app asks, for what, and of whom."""
        visit = turn.visit
        scopes = scope_views(_request(visit), await self._providers.labels())
        return self.page(ConsentView(visit.signed_in, scopes, visit.destination.host), turn, refusal)

    async def take(self, turn: Turn) -> Response:
        """Take the decision, or let another user sign in."""
        visit, account = turn.visit, turn.visit.signed_in.account
        match turn.form.get("decision"):
            case "switch":
                return await self.go_on(visit, switching=True)
            case "allow":
                await self._consents.allow(account, _request(visit))
                return self.edge.resume(await self.visits.prove(visit, "allow"))
            case "deny":
                await self._consents.deny(account.id, _request(visit))
                return self.edge.resume(await self.visits.prove(visit, "deny"))
            case _:
                raise FlowError("Choose Allow or Deny.", detail="the form has no decision")

    def out_of_turn(self, visit: Visit) -> Response:
        """Go on when consent was given already (a second click). Consent that is not due yet proves nothing
        (authentik CVE-2026-49443)."""
        session = visit.session
        if session is not None and visit.transaction.proof(Consent.name, session.id) is not None:
            return super().out_of_turn(visit)
        raise FlowError(
            "This sign-in is not at this step. Go back to the app and start again.",
            detail="consent was posted while another step was pending",
        )


def _request(visit: Visit) -> AuthorizationRequest:
    if visit.request is None:
        raise FlowError("This sign-in is not at this step. Go back to the app and start again.")
    return visit.request
