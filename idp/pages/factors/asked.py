"""What the pages of the flow that ask about factors begin with: is it their turn, and of whom do they ask?"""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from idp.errors import FlowError
from idp.flow.dispatch import GoTo
from idp.flow.steps import Step
from idp.identity.self_service import SelfService
from idp.identity.sessions import CurrentSession
from idp.pages.desk import Desk, Visit
from idp.storage.models import User


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody signed in, of whom `step` is asked now, and what they answered: nothing yet at a GET."""

    visit: Visit
    step: Step
    session: CurrentSession
    user: User
    form: Mapping[str, str]


class Asking:
    """Receives the requests of one page, which asks for one of `steps`."""

    def __init__(self, desk: Desk, accounts: SelfService, *steps: str) -> None:
        self._desk = desk
        self._accounts = accounts
        self._steps = steps

    async def shown(self, request: Request) -> Asked | Response:
        """Return of whom the page asks; else the response, which leads to what is asked instead."""
        return await self._asked(request, request.query_params.get("tx"), {})

    async def answered(self, request: Request, purpose: str) -> Asked | Response:
        """Like `shown`, with the form, if it is this browser's and for this purpose."""
        form = await self._desk.form(request, purpose)
        return await self._asked(request, form.get("tx"), form)

    async def _asked(
        self, request: Request, transaction_id: str | None, form: Mapping[str, str]
    ) -> Asked | Response:
        visit = await self._desk.visit(request, transaction_id)
        if not isinstance(visit.decision, GoTo) or visit.decision.step.name not in self._steps:
            return self._desk.resume(visit.transaction)
        if visit.session is None:
            raise FlowError("Nobody is signed in any more. Start again.")
        user = await self._accounts.get(visit.session.user_id)
        return Asked(visit, visit.decision.step, visit.session, user, form)
