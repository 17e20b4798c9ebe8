"""/mfa/enrol: the user has no second factor and must have one, or may: they set one up on the way."""

from starlette.responses import Response

from idp.flow.sign_in import SignIn
from idp.flow.steps import EnrolFactor, OfferFactor
from idp.identity.accounts import Accounts
from idp.identity.enrolled_factors import EnrolledFactors
from idp.pages.clients import client_view
from idp.pages.factors.recovery_codes import show_codes
from idp.pages.flow_page import FlowPage, Turn
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal


class EnrolPage(FlowPage):
    """Enrolment inside the flow."""

    path = EnrolFactor.path
    purpose = "mfa_enrol"
    steps = (EnrolFactor.name, OfferFactor.name)
    fields = ("code", "name")

    def __init__(
        self, parts: PageParts, accounts: Accounts, enrolled: EnrolledFactors, sign_in: SignIn
    ) -> None:
        super().__init__(parts)
        self._accounts = accounts
        self._enrolled = enrolled
        self._sign_in = sign_in

    async def show(self, turn: Turn, refusal: Refusal | None = None) -> Response:
        """Show how to set up a factor."""
        visit, tx = turn.visit, turn.visit.transaction.handle
        required = isinstance(visit.step, EnrolFactor)
        wanted = turn.form.get("kind") or turn.request.query_params.get("use")
        factor = self._enrolled.choose(wanted, required=required)
        user = await self._accounts.proven(visit.signed_in.account)
        return self.page(
            factor.enrolment_template,
            turn,
            refusal,
            factor=factor,
            action=self.parts.path(self.path),
            required=required,
            may_put_off=_may_put_off(turn),
            others=[
                (other, self.parts.path(self.path, tx=tx, use=other.kind))
                for other in self._enrolled.possible
                if other is not factor
            ],
            back_url=None,
            name=turn.form.get("name", ""),
            **await self._enrolled.begin(user, factor, turn.form.get("draft")),
        )

    async def take(self, turn: Turn) -> Response:
        """Take the confirmation. The factor was proven by it, so the flow goes on with two factors."""
        visit, form = turn.visit, turn.form
        if form.get("decision") == "later" and _may_put_off(turn):
            await self._enrolled.put_off(visit.signed_in.user_id)
            return self.edge.resume(await self.visits.prove(visit, "later"))
        user = await self._accounts.proven(visit.signed_in.account)
        enrolled = await self._enrolled.finish(user, form, self.parts.renderer.say)
        progress = await self._sign_in.step_up(visit, enrolled.proven)
        if enrolled.recovery_codes is None:
            return self.edge.go_on(progress)
        page = show_codes(
            self.parts,
            visit.browser,
            enrolled.recovery_codes,
            self.parts.path("/authorize/resume", tx=progress.transaction.handle),
            client=client_view(visit.client),
        )
        return self.edge.with_session(page, progress)


def _may_put_off(turn: Turn) -> bool:
    step = turn.visit.step
    return step is not None and step.is_optional(turn.visit.situation)
