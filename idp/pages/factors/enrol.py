"""/mfa/enrol: the person has no second factor and must have one, or may: they set one up on the way."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import FlowError, IdpError
from idp.flow.dispatch import GoTo
from idp.flow.steps import EnrolFactor, Login, OfferFactor
from idp.flow.transaction import Proof
from idp.identity.self_service import SelfService
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit, client_view, form_targets, with_cookies
from idp.pages.factors.enrolment import Enrolment
from idp.pages.factors.recovery_codes import show_codes
from idp.pages.refusal import Refusal, outcome
from idp.storage.models import User

PURPOSE = "mfa_enrol"
STEPS = (EnrolFactor.name, OfferFactor.name)


class EnrolPage:
    """Enrolment inside the flow."""

    def __init__(
        self, desk: Desk, accounts: SelfService, enrolment: Enrolment, admission: FormAdmission
    ) -> None:
        self._desk = desk
        self._accounts = accounts
        self._enrolment = enrolment
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
        try:
            visit = await self._desk.visit(request, request.query_params.get("tx"))
            if not _is_asked(visit):
                return self._desk.resume(visit.transaction)
            if self._is_stale(visit):
                return await self._sign_in_again(visit)
            user = await self._user(visit)
        except IdpError as error:
            return self._desk.errors.for_error(request, error)
        kind = request.query_params.get("use", "totp" if _is_required(visit) else "webauthn")
        return await self._page(visit, user, kind)

    async def submit(self, request: Request) -> Response:
        """Take the confirmation. The factor was proven by it, so the flow goes on with two factors."""
        desk = self._desk
        try:
            form = await desk.form(request, PURPOSE)
            visit = await desk.visit(request, form.get("tx"))
            if not _is_asked(visit):
                return desk.resume(visit.transaction)
            if form.get("decision") == "later" and _may_put_off(visit):
                return await self._put_off(visit)
            if self._is_stale(visit):
                return await self._sign_in_again(visit)
            user = await self._user(visit)
        except IdpError as error:
            return desk.errors.for_error(request, error)
        try:
            self._admission.check(request)
            enrolled = await self._enrolment.finish(user, form)
        except IdpError as error:
            refusal = Refusal.of(error, ("code", "name"))
            return await self._page(
                visit, user, form.get("kind", "totp"), refusal=refusal, draft=form.get("draft")
            )
        try:
            transaction, onward = await desk.step_up(request, visit, enrolled.proven)
        except IdpError as error:
            return desk.errors.for_error(request, error)
        if enrolled.recovery_codes is None:
            return onward
        page = show_codes(
            desk,
            visit.browser,
            enrolled.recovery_codes,
            desk.path("/authorize/resume", tx=transaction.id),
            client=client_view(visit.client),
        )
        return with_cookies(page, onward)

    def _is_stale(self, visit: Visit) -> bool:
        """Whether the sign-in is too old to set up a factor: a stolen session is not to become the owner's."""
        oldest = self._desk.settings.accounts.recent_sign_in
        return visit.session is not None and self._desk.clock.now() - visit.session.auth_time > oldest

    async def _sign_in_again(self, visit: Visit) -> Response:
        again = {step: proof for step, proof in visit.transaction.proofs.items() if step != Login.name}
        transaction = replace(visit.transaction, reauthenticate=True, proofs=again)
        await self._desk.transactions.save(transaction)
        return self._desk.resume(transaction)

    async def _put_off(self, visit: Visit) -> Response:
        desk, session = self._desk, visit.session
        if session is None or not isinstance(visit.decision, GoTo):
            raise FlowError("Nobody is signed in any more. Start again.")
        await desk.second_factors.put_off(session.user_id)
        step = visit.decision.step.name
        proof = Proof(step, session.user_id, session.id, "later", desk.clock.now())
        transaction = visit.transaction.with_proof(proof)
        await desk.transactions.save(transaction)
        return desk.resume(transaction)

    async def _user(self, visit: Visit) -> User:
        if visit.session is None:
            raise FlowError("Nobody is signed in any more. Start again.")
        return await self._accounts.get(visit.session.user_id)

    async def _page(
        self,
        visit: Visit,
        user: User,
        kind: str,
        *,
        refusal: Refusal | None = None,
        draft: str | None = None,
    ) -> Response:
        desk, tx = self._desk, visit.transaction.id
        try:
            context = await self._enrolment.context(user, kind, draft=draft)
        except IdpError:
            context = await self._enrolment.context(user, kind)
        others = [
            (other, desk.path("/mfa/enrol", tx=tx, use=other))
            for other in Enrolment.KINDS
            if other != context["kind"]
        ]
        return desk.renderer.page(
            "factor_enrol.html",
            client=client_view(visit.client),
            csrf=desk.forms.token(visit.browser, PURPOSE, tx),
            tx=tx,
            form_action=form_targets(visit.transaction),
            action=desk.path("/mfa/enrol"),
            required=_is_required(visit),
            may_put_off=_may_put_off(visit),
            others=others,
            back_url=None,
            **context,
            **outcome(refusal),
        )


def _is_asked(visit: Visit) -> bool:
    return isinstance(visit.decision, GoTo) and visit.decision.step.name in STEPS


def _is_required(visit: Visit) -> bool:
    return isinstance(visit.decision, GoTo) and isinstance(visit.decision.step, EnrolFactor)


def _may_put_off(visit: Visit) -> bool:
    step = visit.decision.step if isinstance(visit.decision, GoTo) else None
    return isinstance(step, OfferFactor) or (
        isinstance(step, EnrolFactor) and step.may_put_off(visit.situation)
    )
