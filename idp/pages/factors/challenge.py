"""/mfa: the user proves a second factor."""

from collections.abc import Mapping

from starlette.responses import Response

from idp.errors import InvalidValue
from idp.flow.sign_in import Progress, SignIn
from idp.flow.steps import SecondFactor
from idp.flow.visits import Visit
from idp.identity.accounts import Accounts
from idp.identity.factors.factor import ChallengeAnswer, Factor
from idp.identity.factors.recovery_codes import FEW, RecoveryCodes
from idp.identity.factors.registry import FactorRegistry
from idp.identity.second_factor import SecondFactors
from idp.ops.metrics import Metrics
from idp.pages.clients import client_view
from idp.pages.flow_page import FlowPage, Turn
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal
from idp.storage.models import User
from idp.text import Text


class ChallengePage(FlowPage):
    """Asks for a second factor."""

    path = SecondFactor.path
    purpose = "mfa"
    steps = (SecondFactor.name,)
    fields = ("code",)

    def __init__(
        self,
        parts: PageParts,
        accounts: Accounts,
        factors: FactorRegistry,
        second_factors: SecondFactors,
        sign_in: SignIn,
        metrics: Metrics,
    ) -> None:
        super().__init__(parts)
        self._accounts = accounts
        self._factors = factors
        self._second_factors = second_factors
        self._sign_in = sign_in
        self._metrics = metrics

    async def show(self, turn: Turn, refusal: Refusal | None = None, *, sent: bool = False) -> Response:
        """Ask for the strongest factor, or for the one that the user wants to use instead."""
        visit, tx = turn.visit, turn.visit.transaction.handle
        user = await self._accounts.proven(visit.signed_in.account)
        options = await self._options(visit, user)
        wanted = turn.form.get("kind") or turn.request.query_params.get("use")
        factor = _choose(options, wanted)
        trusts = self._second_factors.trusted_browsers.are_allowed and not _wants_strong(visit)
        return self.page(
            factor.challenge_template if factor else "mfa.html",
            turn,
            refusal,
            account=visit.session,
            factor=factor,
            others=[
                (other, self.parts.path(self.path, tx=tx, use=other.kind))
                for other in options.values()
                if other is not factor
            ],
            sent=sent,
            trust=trusts and factor is not None and not factor.weak,
            **(await factor.challenge_context(user) if factor else {}),
        )

    async def take(self, turn: Turn) -> Response:
        """Take an answer, or send a code by mail."""
        visit, form = turn.visit, turn.form
        user = await self._accounts.proven(visit.signed_in.account)
        kind = form.get("kind", "")
        if form.get("decision") == "send":
            options = await self._options(visit, user)
            if kind in options and await options[kind].send(user):
                return await self.show(turn, sent=True)
        answer = ChallengeAnswer(
            code=form.get("code", "")[:64],
            assertion=form.get("assertion", ""),
            ceremony=form.get("ceremony", "")[:200],
        )
        proven = await self._second_factors.check(
            user, kind, answer, address=turn.address, strong=_wants_strong(visit)
        )
        if proven is None:
            self._metrics.sign_in("wrong_second_factor")
            factor = self._factors.all.get(kind)
            raise InvalidValue(factor.wrong if factor else Text("Choose another way."), field="code")
        progress = await self._sign_in.step_up(visit, proven, trust=form.get("trust") == "yes")
        if kind == RecoveryCodes.kind:
            left = await self._factors[RecoveryCodes].left(user.id)
            if left <= FEW:
                return self._few_left(visit, progress, left)
        return self.edge.go_on(progress)

    def _few_left(self, visit: Visit, progress: Progress, left: int) -> Response:
        """Say it where it is noticed: the account page may not be opened for months."""
        page = self.parts.renderer.page(
            "recovery_codes_few.html",
            client=client_view(visit.client),
            left=left,
            next_url=self.parts.path("/authorize/resume", tx=progress.transaction.handle),
        )
        return self.edge.with_session(page, progress)

    async def _options(self, visit: Visit, user: User) -> Mapping[str, Factor]:
        """Return the factors that the user can answer with now, by kind, the strongest first."""
        kinds = await self._second_factors.options(user, strong=_wants_strong(visit))
        return {kind: self._factors.all[kind] for kind in kinds}


def _choose(options: Mapping[str, Factor], wanted: str | None) -> Factor | None:
    """Return the factor that the user wants to use if they have it, else the strongest; None when none is
    left."""
    if wanted is not None and wanted in options:
        return options[wanted]
    return next(iter(options.values()), None)


def _wants_strong(visit: Visit) -> bool:
    return not isinstance(visit.step, SecondFactor) or visit.step.wants_strong(visit.situation)
