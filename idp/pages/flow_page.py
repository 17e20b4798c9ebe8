"""What the pages of the flow have in common: when it is their turn, and how their forms come and go.

A page never sends the user to another page. It adds to the transaction what the user did, and sends the browser
back to where the flow decides what is next.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import Conflict, FlowError, InvalidValue, Unavailable
from idp.flow.visits import Visit
from idp.pages.clients import client_view
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal, outcome
from idp.pages.render import View
from idp.web.forms import purpose_in, read_form


@dataclass(frozen=True, slots=True)
class Turn:
    """A page's turn: the request, where the flow stands, and the form that was posted (empty at a GET)."""

    request: Request
    visit: Visit
    form: Mapping[str, str]

    @property
    def address(self) -> str:
        """The address that the request came from."""
        return self.visit.browser.visitor.address


class FlowPage:
    """A page that asks for one of `steps`. A subclass says what it shows, and what it does with its form."""

    path: ClassVar[str]
    purpose: ClassVar[str]
    """The name of its form, which no other form has."""
    steps: ClassVar[tuple[str, ...]] = ()
    """The steps that it asks for. Without any it may be opened at all times."""
    fields: ClassVar[tuple[str, ...]] = ()
    """The fields beside which an error can be shown."""
    begins: ClassVar[bool] = False
    """Whether it may be opened without a transaction, on the way to the account."""
    personal: ClassVar[bool] = False
    """Whether its form is about the user that it shows: the form is void when another has signed in since."""

    def __init__(self, parts: PageParts) -> None:
        self.parts = parts
        self.edge = parts.edge
        self.visits = parts.visits

    @property
    def routes(self) -> list[Route]:
        """The page and its form."""
        return [Route(self.path, self.get, methods=["GET"]), Route(self.path, self.post, methods=["POST"])]

    async def show(self, turn: Turn, refusal: Refusal | None = None) -> Response:
        """Return the page; with a refusal, the form comes back."""
        raise NotImplementedError

    async def take(self, turn: Turn) -> Response:
        """Do what the form asks for. Raise `InvalidValue`, `Conflict` or `Unavailable` to show it again."""
        raise NotImplementedError

    async def get(self, request: Request) -> Response:
        """Answer GET."""
        visit = await self.arrive(request)
        if not self.is_asked(visit):
            return self.edge.resume(visit.transaction)
        with _leading_back_to(visit):
            response = await self.show(Turn(request, visit, {}))
        self.edge.keep_name(request, response, visit.browser)
        return response

    async def post(self, request: Request) -> Response:
        """Answer POST."""
        form = await read_form(request)
        if "tx" not in form:  # no form of these pages: each names its transaction
            self.edge.check_form(request, form, self.purpose)
        visit = await self.visits.load(self.edge.browser(request), form.get("tx"))
        with _leading_back_to(visit):
            self.edge.check_form(request, form, self.form_purpose(visit))
            if not self.is_asked(visit):
                return self.out_of_turn(visit)
            return await self._answer(Turn(request, visit, form))

    async def _answer(self, turn: Turn) -> Response:
        try:
            self.parts.admission.check(turn.request)
            if turn.visit.transaction.sealed is not None:  # stored by the first form that is sent
                visit = replace(turn.visit, transaction=await self.visits.keep(turn.visit))
                turn = replace(turn, visit=visit)
            return await self.take(turn)
        except (InvalidValue, Conflict, Unavailable) as error:
            return await self.refused(turn, error)

    async def arrive(self, request: Request) -> Visit:
        """Load the transaction that the query names; raise `FlowError` if it is not this browser's."""
        transaction_id = request.query_params.get("tx")
        if transaction_id is None and self.begins:
            return await self.visits.begin(self.edge.named_browser(request))
        return await self.visits.load(self.edge.browser(request), transaction_id)

    def is_asked(self, visit: Visit) -> bool:
        """Tell whether it is this page's turn."""
        return not self.steps or visit.is_at(*self.steps)

    def out_of_turn(self, visit: Visit) -> Response:
        """Answer a form that came when it was not this page's turn: most often a second click."""
        return self.edge.resume(visit.transaction)

    async def refused(self, turn: Turn, error: InvalidValue | Conflict | Unavailable) -> Response:
        """Show the form again with what is wrong with it."""
        return await self.show(turn, Refusal.of(error, self.fields))

    async def go_on(self, visit: Visit, **changes: Any) -> Response:
        """Store the transaction with these members changed, and let the flow decide what is next."""
        return self.edge.resume(await self.visits.keep(visit, **changes))

    def page(
        self, template: str | View, turn: Turn, refusal: Refusal | None = None, **context: Any
    ) -> Response:
        """Render the template with what every page of the flow shows."""
        visit = turn.visit
        shown: dict[str, Any] = {
            "brand": visit.situation.policy.brand,
            "client": client_view(visit.client),
            "csrf": self.edge.token(visit.browser, self.form_purpose(visit), visit.transaction.handle),
            "tx": visit.transaction.handle,
            "form_action": visit.destination.form_targets,
            **outcome(refusal),
        }
        return self.parts.renderer.page(template, **{**shown, **context})

    def form_purpose(self, visit: Visit) -> str:
        """Return the purpose of the form on this visit: with the session, if the page is personal."""
        if not self.personal or visit.session is None:
            return self.purpose
        return purpose_in(visit.session.id, self.purpose)


@contextmanager
def _leading_back_to(visit: Visit) -> Iterator[None]:
    """Let the page of an error lead back to the sign-in: it is this browser's, and goes on."""
    try:
        yield
    except FlowError as error:
        error.resume = visit.transaction.handle
        raise
