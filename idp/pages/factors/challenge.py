"""/mfa: the person proves a second factor."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import IdpError, InvalidValue
from idp.flow.steps import SecondFactor
from idp.flow.transaction import Transaction
from idp.identity.factors.factor import ChallengeAnswer, Factor
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
            if form.get("decision") == "send":
                options = await self._options(asked)
                if kind in options and await options[kind].send(user):
                    return await self._page(asked, kind, sent=True)
            answer = ChallengeAnswer(
                code=form.get("code", "")[:64],
                assertion=form.get("assertion", ""),
                ceremony=form.get("ceremony", "")[:200],
            )
            address = request.state.address
            proven = await desk.second_factors.check(user, kind, answer, address=address, strong=strong)
            if proven is None:
                self._metrics.sign_in("wrong_second_factor")
                factor = self._factors.all.get(kind)
                raise InvalidValue(factor.wrong if factor else Text("Choose another way."), field="code")
        except IdpError as error:
            return await self._page(asked, kind, refusal=Refusal.of(error, ("code",)))
        transaction, response = await desk.step_up(
            request, asked.visit, proven, trust=form.get("trust") == "yes"
        )
        if kind == RecoveryCodes.kind:
            left = await self._factors[RecoveryCodes].left(user.id)
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
        options = await self._options(asked)
        factor = _choose(options, wanted)
        tx = visit.transaction.id
        trusts = desk.second_factors.trusted_browsers.are_allowed and not _wants_strong(asked)
        return desk.renderer.page(
            factor.challenge_template if factor else "mfa.html",
            client=client_view(visit.client),
            csrf=desk.parts.edge.token(visit.browser, PURPOSE, tx),
            tx=tx,
            form_action=form_targets(visit.transaction),
            account=visit.session,
            factor=factor,
            others=[
                (other, desk.path("/mfa", tx=tx, use=other.kind))
                for other in options.values()
                if other is not factor
            ],
            sent=sent,
            trust=trusts and factor is not None and not factor.weak,
            **(await factor.challenge_context(user) if factor else {}),
            **outcome(refusal),
        )

    async def _options(self, asked: Asked) -> Mapping[str, Factor]:
        """Return the factors that the person can answer with now, by kind, the strongest first."""
        kinds = await self._desk.second_factors.options(asked.user, strong=_wants_strong(asked))
        return {kind: self._factors.all[kind] for kind in kinds}


def _choose(options: Mapping[str, Factor], wanted: str | None) -> Factor | None:
    """Return the factor that the person wants to use if they have it, else the strongest; None when none is
    left."""
    if wanted is not None and wanted in options:
        return options[wanted]
    return next(iter(options.values()), None)


def _wants_strong(asked: Asked) -> bool:
    return not isinstance(asked.step, SecondFactor) or asked.step.wants_strong(asked.visit.situation)
