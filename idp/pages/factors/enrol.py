"""/mfa/enrol: the person has no second factor and must have one, or may: they set one up on the way."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import IdpError
from idp.flow.steps import EnrolFactor, OfferFactor
from idp.flow.transaction import Proof
from idp.identity.enrolled_factors import EnrolledFactors
from idp.identity.self_service import SelfService
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, client_view, form_targets, with_cookies
from idp.pages.factors.asked import Asked, Asking
from idp.pages.factors.recovery_codes import show_codes
from idp.pages.refusal import Refusal, outcome

PURPOSE = "mfa_enrol"


class EnrolPage:
    """Enrolment inside the flow."""

    def __init__(
        self, desk: Desk, accounts: SelfService, enrolled: EnrolledFactors, admission: FormAdmission
    ) -> None:
        self._desk = desk
        self._asking = Asking(desk, accounts, EnrolFactor.name, OfferFactor.name)
        self._enrolled = enrolled
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route("/mfa/enrol", self.show, methods=["GET"]),
            Route("/mfa/enrol", self.submit, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show how to set up a factor."""
        asked = await self._asking.shown(request)
        if isinstance(asked, Response):
            return asked
        return await self._page(asked, request.query_params.get("use"))

    async def submit(self, request: Request) -> Response:
        """Take the confirmation. The factor was proven by it, so the flow goes on with two factors."""
        desk = self._desk
        asked = await self._asking.answered(request, PURPOSE)
        if isinstance(asked, Response):
            return asked
        visit, form = asked.visit, asked.form
        if form.get("decision") == "later" and _may_put_off(asked):
            return await self._put_off(asked)
        try:
            self._admission.check(request)
            enrolled = await self._enrolled.finish(asked.user, form, desk.renderer.say)
        except IdpError as error:
            refusal = Refusal.of(error, ("code", "name"))
            return await self._page(asked, form.get("kind"), refusal=refusal, draft=form.get("draft"))
        transaction, onward = await desk.step_up(request, visit, enrolled.proven)
        if enrolled.recovery_codes is None:
            return onward
        page = show_codes(
            desk,
            visit.browser.name or "",
            enrolled.recovery_codes,
            desk.path("/authorize/resume", tx=transaction.id),
            client=client_view(visit.client),
        )
        return with_cookies(page, onward)

    async def _put_off(self, asked: Asked) -> Response:
        desk, session = self._desk, asked.session
        await self._enrolled.put_off(session.user_id)
        proof = Proof(asked.step.name, session.user_id, session.id, "later", desk.clock.now())
        transaction = asked.visit.transaction.with_proof(proof)
        await desk.transactions.save(transaction)
        return desk.resume(transaction)

    async def _page(
        self, asked: Asked, kind: str | None, *, refusal: Refusal | None = None, draft: str | None = None
    ) -> Response:
        desk, visit = self._desk, asked.visit
        tx = visit.transaction.id
        factor = self._enrolled.choose(kind, required=_is_required(asked))
        others = [
            (other, desk.path("/mfa/enrol", tx=tx, use=other.kind))
            for other in self._enrolled.possible
            if other is not factor
        ]
        return desk.renderer.page(
            factor.enrolment_template,
            factor=factor,
            client=client_view(visit.client),
            csrf=desk.parts.edge.token(visit.browser, PURPOSE, tx),
            tx=tx,
            form_action=form_targets(visit.transaction),
            action=desk.path("/mfa/enrol"),
            required=_is_required(asked),
            may_put_off=_may_put_off(asked),
            others=others,
            back_url=None,
            name=asked.form.get("name", ""),
            **await self._enrolled.begin(asked.user, factor, draft),
            **outcome(refusal),
        )


def _is_required(asked: Asked) -> bool:
    return isinstance(asked.step, EnrolFactor)


def _may_put_off(asked: Asked) -> bool:
    return asked.step.is_optional(asked.visit.situation)
