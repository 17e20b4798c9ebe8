"""Writing mails: rendered from `templates/mail`, queued in the database with what they are about."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from idp.clock import Clock
from idp.config import Settings
from idp.storage.database import UnitOfWork
from idp.storage.models import OutboxMail, User


class Mailer:
    """Queues mails in the caller's unit of work, so a mail goes out if and only if its cause is committed.

    A mail NAME has two templates: `mail/NAME.txt`, whose first line is the subject, and `mail/NAME.html`.
    """

    def __init__(self, settings: Settings, templates_dir: Path, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        loader = FileSystemLoader(templates_dir / "mail")
        self._text = Environment(loader=loader, autoescape=False, undefined=StrictUndefined)  # noqa: S701  plain text
        self._html = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)

    async def queue(
        self,
        uow: UnitOfWork,
        name: str,
        recipient: str,
        *,
        path: str,
        user: User | None = None,
        **context: Any,
    ) -> None:
        """Queue mail `name` to `recipient`; its link leads to `path` of ours."""
        now = self._clock.now()
        variables = {
            "brand": self._settings.brand,
            "url": self._settings.url(path),
            "name": (user.profile.get("name") if user else None) or "",
            "email": user.email if user else recipient,
            "minutes": self._settings.accounts.mail_ticket_ttl // 60,
            **context,
        }
        subject, _, text = self._text.get_template(f"{name}.txt").render(variables).partition("\n")
        html = self._html.get_template(f"{name}.html").render(variables)
        mail = OutboxMail(
            recipient=recipient,
            subject=" ".join(subject.split()),
            text=text.lstrip("\n"),
            html=html,
            created_at=now,
            next_try_at=now,
            tries=0,
            sent_at=None,
            last_error="",
        )
        await uow.mails.add(mail)
