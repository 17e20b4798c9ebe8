"""/mfa/enrol: the person must have a second factor and has none, so they set one up on the way."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import FlowError, IdpError
from idp.flow.dispatch import GoTo
from idp.flow.steps import EnrolFactor
from idp.identity.self_service import SelfService
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit, client_view, form_targets
from idp.pages.factors.enrolment import Enrolment
from idp.pages.factors.recovery_codes import show_codes
from idp.pages.refusal import Refusal, outcome
from idp.storage.models import User

PURPOSE = "mfa_enrol"


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
            user = await self._user(visit)
        except IdpError as error:
            return self._desk.errors.for_error(request, error)
        return await self._page(visit, user, request.query_params.get("use", "totp"))

    async def submit(self, request: Request) -> Response:
        """Take the confirmation. The factor was proven by it, so the flow goes on with two factors."""
        desk = self._desk
        try:
            form = await desk.form(request, PURPOSE)
            visit = await desk.visit(request, form.get("tx"))
            if not _is_asked(visit):
                return desk.resume(visit.transaction)
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
        transaction, onward = await desk.step_up(request, visit, enrolled.proven)
        if enrolled.recovery_codes is None:
            return onward
        page = show_codes(
            desk,
            visit.browser,
            enrolled.recovery_codes,
            desk.path("/authorize/resume", tx=transaction.id),
            client=client_view(visit.client),
        )
        for name, value in onward.raw_headers:  # the new session's cookie
            if name == b"set-cookie":
                page.raw_headers.append((name, value))
        return page

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
            required=True,
            others=others,
            back_url=None,
            **context,
            **outcome(refusal),
        )


def _is_asked(visit: Visit) -> bool:
    return isinstance(visit.decision, GoTo) and visit.decision.step.name == EnrolFactor.name
