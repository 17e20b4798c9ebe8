"""/mfa: the person proves a second factor."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import IdpError, InvalidValue
from idp.flow.steps import SecondFactor
from idp.flow.transaction import Transaction
from idp.identity.factors.factor import Answer
from idp.identity.factors.recovery_codes import FEW, RecoveryCodes
from idp.identity.factors.registry import FactorRegistry
from idp.identity.self_service import SelfService
from idp.ops.metrics import Metrics
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit, client_view, form_targets, with_cookies
from idp.pages.factors.asked import Asked, Asking
from idp.pages.refusal import Refusal, outcome
from idp.text import Text

PURPOSE = "mfa"
WRONG = {
    "webauthn": Text("The passkey was not accepted. Try again, or use another way."),
    "totp": Text("This code is not right, or it was used already. Wait for the next one."),
    "recovery_code": Text("This recovery code is not right, or it was used already."),
    "email": Text("This code is not right, or it has expired."),
}


class ChallengePage:
    """Asks for a second factor."""

    def __init__(
        self,
        desk: Desk,
        accounts: SelfService,
        factors: FactorRegistry,
        admission: FormAdmission,
        metrics: Metrics,
    ) -> None:
        self._desk = desk
        self._asking = Asking(desk, accounts, SecondFactor.name)
        self._factors = factors
        self._admission = admission
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route("/mfa", self.show, methods=["GET"]),
            Route("/mfa", self.submit, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Ask for the strongest factor, or for the one that the person wants to use instead."""
        asked = await self._asking.shown(request)
        if isinstance(asked, Response):
            return asked
        return await self._page(asked, request.query_params.get("use"))

    async def submit(self, request: Request) -> Response:
        """Take an answer, or send a code by mail."""
        desk = self._desk
        asked = await self._asking.answered(request, PURPOSE)
        if isinstance(asked, Response):
            return asked
        form, user = asked.form, asked.user
        kind, strong = form.get("kind", ""), _wants_strong(asked)
        try:
            self._admission.check(request)
            may_mail = "email" in await desk.second_factors.options(user, strong=strong)
            if form.get("decision") == "send" and may_mail:
                await self._factors.email_code.send(user)
                return await self._page(asked, kind, sent=True)
            answer = Answer(
                code=form.get("code", "")[:64],
                assertion=form.get("assertion", ""),
                ceremony=form.get("ceremony", "")[:200],
            )
            address = request.state.address
            proven = await desk.second_factors.check(user, kind, answer, address=address, strong=strong)
            if proven is None:
                self._metrics.sign_in("wrong_second_factor")
                raise InvalidValue(WRONG.get(kind, Text("Choose another way.")), field="code")
        except IdpError as error:
            return await self._page(asked, kind, refusal=Refusal.of(error, ("code",)))
        transaction, response = await desk.step_up(
            request, asked.visit, proven, trust=form.get("trust") == "yes"
        )
        if kind == RecoveryCodes.kind:
            left = await self._factors.recovery_codes.left(user.id)
            if left <= FEW:
                return with_cookies(self._few_left(asked.visit, transaction, left), response)
        return response

    def _few_left(self, visit: Visit, transaction: Transaction, left: int) -> Response:
        """Say it where it is noticed: the account page may not be opened for months."""
        desk = self._desk
        return desk.renderer.page(
            "recovery_codes_few.html",
            client=client_view(visit.client),
            left=left,
            next_url=desk.path("/authorize/resume", tx=transaction.id),
        )

    async def _page(
        self, asked: Asked, wanted: str | None, *, refusal: Refusal | None = None, sent: bool = False
    ) -> Response:
        desk, visit, user = self._desk, asked.visit, asked.user
        strong = _wants_strong(asked)
        options = await desk.second_factors.options(user, strong=strong)
        kind = _choose(options, wanted)
        ceremony = await self._factors.passkeys.begin_check(user) if kind == "webauthn" else None
        tx = visit.transaction.id
        return desk.renderer.page(
            "mfa.html",
            client=client_view(visit.client),
            csrf=desk.parts.edge.token(visit.browser, PURPOSE, tx),
            tx=tx,
            form_action=form_targets(visit.transaction),
            account=visit.session,
            kind=kind,
            others=[(other, desk.path("/mfa", tx=tx, use=other)) for other in options if other != kind],
            ceremony=ceremony,
            sent=sent,
            mailed=kind == "email" and await self._factors.email_code.is_under_way(user),
            trust=desk.second_factors.trusts_devices and kind != "email" and not strong,
            **outcome(refusal),
        )


def _choose(options: Sequence[str], wanted: str | None) -> str:
    """The factor that was asked for if the person has it, else the strongest; "" when none is left."""
    if wanted in options and wanted is not None:
        return wanted
    return options[0] if options else ""


def _wants_strong(asked: Asked) -> bool:
    return not isinstance(asked.step, SecondFactor) or asked.step.wants_strong(asked.visit.situation)
