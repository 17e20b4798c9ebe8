"""Writing mails: rendered from `templates/mail`, queued in the database with what they are about."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from idp.clock import Clock
from idp.config import Settings
from idp.i18n import Catalogues, format_duration, format_moment, wishes
from idp.storage.database import UnitOfWork
from idp.storage.models import OutboxMail, User


class Mailer:
    """Queues mails in the caller's unit of work, so a mail goes out if and only if its cause is committed.

    A mail NAME has two templates: `mail/NAME.txt`, whose first line is the subject, and `mail/NAME.html`.
    """

    def __init__(
        self,
        settings: Settings,
        templates_dir: Path,
        clock: Clock,
        catalogues: Catalogues | None = None,
        *,
        on_brand: str = "#ffffff",
    ) -> None:
        """`on_brand` is the colour of text that can be read on the brand's colour."""
        self._settings = settings
        self._clock = clock
        self._catalogues = catalogues or Catalogues({})
        self._on_brand = on_brand
        self._directory = templates_dir / "mail"
        self._environments: dict[tuple[str, bool], Environment] = {}

    @property
    def language(self) -> str:
        """The language that the request at hand is answered in."""
        return self._catalogues.for_request()

    async def queue(
        self,
        uow: UnitOfWork,
        name: str,
        recipient: str,
        *,
        path: str,
        user: User | None = None,
        locale: str | None = None,
        **context: Any,
    ) -> None:
        """Queue mail `name` to `recipient`; its link leads to `path` of ours.

        It is written in the language of the account, or that of the request that caused it; `locale`
        goes before both.
        """
        now = self._clock.now()
        profile = user.profile if user else {}
        locale = self._catalogues.choose(locale, profile.get("locale"), *wishes().in_order())
        variables = {
            "brand": self._settings.brand,
            "on_brand": self._on_brand,
            "locale": locale,
            "zone": profile.get("zoneinfo"),
            "url": self._settings.url(path),
            "name": _name_for(recipient, user),
            "email": user.email if user else recipient,
            "recipient": recipient,
            "now": now,
            "ttl": self._settings.accounts.mail_ticket_ttl,
            "invitation_ttl": self._settings.registration.invitation_ttl,
            **context,
        }
        text_of, html_of = (self._environment(locale, html=html) for html in (False, True))
        subject, _, text = text_of.get_template(f"{name}.txt").render(variables).partition("\n")
        html = html_of.get_template(f"{name}.html").render(variables)
        mail = OutboxMail(
            recipient=recipient,
            subject=" ".join(subject.split()),
            text=text.strip("\n") + "\n",
            html=html,
            created_at=now,
            next_try_at=now,
            tries=0,
            sent_at=None,
            last_error="",
        )
        await uow.mails.add(mail)

    def _environment(self, locale: str, *, html: bool) -> Environment:
        """Return what renders in a language; made when the first mail needs it."""
        found = self._environments.get((locale, html))
        if found is None:
            found = Environment(
                loader=FileSystemLoader(self._directory),
                autoescape=html,  # noqa: S701  the text part is not HTML
                undefined=StrictUndefined,
                extensions=["jinja2.ext.i18n"],
                trim_blocks=True,
                lstrip_blocks=True,
            )
            self._catalogues.install(found, lambda: locale)
            found.filters["duration"] = lambda seconds: format_duration(seconds, locale)
            found.filters["moment"] = lambda at, zone: format_moment(at, locale, zone)
            self._environments[locale, html] = found
        return found


def _name_for(recipient: str, user: User | None) -> str:
    """Return the name to greet with. Only somebody who has shown that the address is theirs is greeted by
    name: else anybody could have us mail a text of their own, put in as a name, to anybody."""
    if user is None or not user.email_verified or user.email != recipient:
        return ""
    return " ".join(str(user.profile.get("name") or "").split())
