"""/dev/mail: in development, the mail that would have been sent. Not mounted in production."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.pages.render import Renderer
from idp.storage.database import Database

SHOWN = 50


class DevMailPage:
    """The outbox, for developers."""

    def __init__(self, renderer: Renderer, database: Database) -> None:
        self._renderer = renderer
        self._database = database

    @property
    def routes(self) -> list[Route]:
        """Its route."""
        return [Route("/dev/mail", self.show, methods=["GET"])]

    async def show(self, _request: Request) -> Response:
        """Show the latest mails."""
        async with self._database.reading() as uow:
            mails = await uow.mails.recent(SHOWN)
        views = [
            {
                "to": mail.recipient,
                "subject": mail.subject,
                "text": mail.text,
                "html": mail.html,
                "created_at": datetime.fromtimestamp(mail.created_at, UTC).isoformat(timespec="seconds"),
            }
            for mail in mails
        ]
        return self._renderer.page("dev_mail.html", mails=views)
