"""Delivering the queued mails by SMTP, with patience.

A mail server that is away loses nothing and blocks nobody: a mail is tried again with growing pauses
until it is hopeless. Each mail has a Message-ID of its own that stays the same over all tries, so a
server that took it twice can tell.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from idp.clock import Clock
from idp.config import Settings
from idp.errors import ConfigurationError, IdpError
from idp.storage.database import Database
from idp.storage.models import OutboxMail

log = structlog.get_logger("idp.mail")

LOOK_EVERY = 2.0
"""Seconds between two looks at the queue."""
LEASE = 120.0
"""Seconds in which a worker must have sent what it claimed; then another may."""
BATCH = 20
TIMEOUT = 20.0
"""Seconds to wait for the mail server."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
GIVE_UP_AFTER = 2 * 86_400.0
"""Seconds after which a mail is hopeless: what it says is long out of date."""

DEFAULT_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class MailDelivery:
    """Sends the outbox; every worker may, each mail goes to one."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        """Raise `ConfigurationError` for a mail URL that cannot be used."""
        self._database = database
        self._clock = clock
        self._sender = settings.mail_from
        self._host = urlsplit(settings.issuer).hostname or "localhost"
        self._server = _parse(settings.smtp_url) if settings.smtp_url else None

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until `stop` is set. Without a mail server the mails stay in the queue."""
        while self._server is not None and not stop.is_set():
            try:
                sent = await self.deliver_once()
            except IdpError as error:
                log.warning("the mail queue cannot be read", reason=error.sentence, detail=error.detail)
                sent = 0
            except Exception:  # the loop must outlive any fault of one round, or no mail goes out again
                log.exception("mail delivery failed")
                sent = 0
            if sent < BATCH:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_EVERY)

    async def deliver_once(self) -> int:
        """Try to send what is due; return how many mails were tried."""
        now = self._clock.now()
        async with self._database.unit_of_work() as uow:
            mails = await uow.mails.claim(now, LEASE, BATCH)
        if mails:
            await self._send_all(mails)
        return len(mails)

    async def _send_all(self, mails: Sequence[OutboxMail]) -> None:
        assert self._server is not None  # noqa: S101  `run` and its caller made sure
        try:
            async with self._server.connect() as smtp:
                for mail in mails:
                    await self._send(smtp, mail)
        except (aiosmtplib.SMTPException, OSError) as error:
            log.warning("the mail server is away", error=repr(error), waiting=len(mails))
            for mail in mails:
                await self._note_failure(mail, error, only_if_unsent=True)

    async def _send(self, smtp: aiosmtplib.SMTP, mail: OutboxMail) -> None:
        try:
            await smtp.send_message(self._message(mail))
        except aiosmtplib.SMTPServerDisconnected:
            raise
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused) as error:
            await self._note_failure(mail, error)
            return
        mail.sent_at = self._clock.now()
        async with self._database.unit_of_work() as uow:
            await uow.mails.mark_sent(mail.id, mail.sent_at)

    async def _note_failure(
        self, mail: OutboxMail, error: Exception, *, only_if_unsent: bool = False
    ) -> None:
        if only_if_unsent and mail.sent_at is not None:
            return
        now = self._clock.now()
        hopeless = now - mail.created_at >= GIVE_UP_AFTER
        pause = min(FIRST_PAUSE * 2 ** min(mail.tries, 20), LONGEST_PAUSE)
        if hopeless:
            log.error("a mail is given up", mail_id=mail.id, error=repr(error))
        async with self._database.unit_of_work() as uow:
            await uow.mails.mark_failed(mail.id, repr(error), None if hopeless else now + pause)

    def _message(self, mail: OutboxMail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = mail.recipient
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(mail.created_at, UTC))
        message["Message-ID"] = f"<{mail.id}@{self._host}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no out-of-office answers
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message


class _Server:
    """A mail server as the URL describes it."""

    def __init__(self, host: str, port: int, scheme: str, username: str | None, password: str | None) -> None:
        self._host, self._port, self._scheme = host, port, scheme
        self._username, self._password = username, password

    def connect(self) -> aiosmtplib.SMTP:
        """Return a client that connects, with TLS and credentials, when it is entered."""
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._scheme == "smtps",
            start_tls=self._scheme == "smtp+starttls",
            username=self._username,
            password=self._password,
            timeout=TIMEOUT,
        )


def _parse(url: str) -> _Server:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError("IDP_SMTP_URL is not a URL.") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ConfigurationError(
            "IDP_SMTP_URL must begin with smtp://, smtp+starttls:// or smtps:// and name a host."
        )
    return _Server(
        parts.hostname,
        port or DEFAULT_PORTS[parts.scheme],
        parts.scheme,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )
