"""What the pages have in common that a link of a mail leads to."""

from collections.abc import Sequence
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from idp.errors import FlowError
from idp.flow.visits import Visit
from idp.pages.clients import client_view
from idp.pages.parts import PageParts
from idp.pages.views import MailLinkView
from idp.text import Text


class MailLinkPage:
    """A page with one button, since a program that scans mails opens links too, and a page that tells what
    came of it."""

    path: ClassVar[str]
    purpose: ClassVar[str]

    def __init__(self, parts: PageParts) -> None:
        self.parts = parts
        self.edge = parts.edge

    def ask(
        self,
        request: Request,
        token: str,
        *,
        title: Text,
        sentence: Text,
        button: Text,
        email: str | None = None,
        tx: str | None = None,
        form_action: Sequence[str] = (),
        action: str | None = None,
    ) -> Response:
        """Ask for the press of the button, which posts the token of the link."""
        browser = self.edge.named_browser(request)
        view = MailLinkView(
            title, sentence, email, button, action=action or self.parts.path(self.path), token=token
        )
        response = self.parts.renderer.page(
            view, csrf=self.edge.token(browser, self.purpose, tx), tx=tx, form_action=form_action
        )
        self.edge.keep_name(request, response, browser)
        return response

    def tell(
        self,
        *,
        title: Text,
        sentence: str,
        next_url: str | None = None,
        next_label: Text | None = None,
        status: int = 200,
        visit: Visit | None = None,
    ) -> Response:
        """Say what came of it, and where to go next."""
        view = MailLinkView(title, sentence, next_url=next_url, next_label=next_label)
        return self.parts.renderer.page(
            view, status=status, client=client_view(visit.client) if visit else None
        )

    async def visit_of(self, request: Request, transaction_id: str | None) -> Visit | None:
        """Return the sign-in that the mail belongs to, if it is under way in this very browser."""
        try:
            return await self.parts.visits.load(self.edge.browser(request), transaction_id)
        except FlowError:
            return None

    def onward(self, visit: Visit | None) -> str:
        """Return the way back into the sign-in under way, or to the account."""
        if visit is None:
            return self.parts.path("/account")
        return self.parts.path("/authorize/resume", tx=visit.transaction.handle)
