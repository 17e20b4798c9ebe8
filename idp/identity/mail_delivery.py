"""Delivering the queued mails by SMTP, with patience.

A mail server that is away loses nothing and blocks nobody: a mail is tried again with growing pauses
until it is hopeless. Each mail has a Message-ID of its own that stays the same over all tries, so a
server that took it twice can tell.
"""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib
import anyio.to_thread
import structlog

from idp.clock import Clock
from idp.config import Settings
from idp.errors import ConfigurationError, IdpError, InvalidValue
from idp.identity.addresses import mailbox, needs_smtputf8
from idp.identity.mail_reach import MailReach
from idp.storage.database import Database
from idp.storage.models import OutboxMail
from idp.trust import Trust, tls_fault

log = structlog.get_logger("idp.mail")

LOOK_EVERY = 2.0
"""Seconds between two looks at the queue."""
BATCH = 20
TIMEOUT = 20.0
"""Seconds to wait for the mail server, to connect and to take a mail."""
LEASE = 180.0
"""Seconds in which a worker must have sent what it claimed; then another may."""
LAST_START = LEASE - 3 * TIMEOUT
"""Seconds after which a worker begins no other mail of what it claimed."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
GIVE_UP_AFTER = 2 * 86_400.0
"""Seconds after which a mail is hopeless: what it says is long out of date."""

DEFAULT_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class MailDelivery:
    """Sends the outbox; every worker may, each mail goes to one."""

    def __init__(self, database: Database, settings: Settings, reach: MailReach, clock: Clock) -> None:
        """Raise `ConfigurationError` for a mail URL or a sender that cannot be used."""
        self._database = database
        self._reach = reach
        self._smtputf8: bool | None = None
        self._clock = clock
        self._host = urlsplit(settings.issuer).hostname or "localhost"
        self._sender = _parse_sender(settings.mail_from)
        self._keeps_sent = settings.dev
        self._taken: list[tuple[str, float]] = []
        """What was sent and when, as long as the database does not know."""
        self._server = smtp_server(settings) if settings.smtp_url else None

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until `stop` is set. Without a mail server the mails stay in the queue."""
        await self.look()
        while self._server is not None and not stop.is_set():
            try:
                sent = await self.deliver_once(stop)
            except IdpError as error:
                log.warning("the mail queue cannot be read", reason=error.for_operator, detail=error.detail)
                sent = 0
            except Exception:  # the loop must outlive any fault of one round, or no mail goes out again
                log.exception("mail delivery failed")
                sent = 0
            if sent < BATCH:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_EVERY)

    async def deliver_once(self, stop: asyncio.Event | None = None) -> int:
        """Send what is due over one connection; return how many mails were sent."""
        if self._server is None:
            return 0
        await self._note_taken()
        async with self._database.unit_of_work() as uow:
            mails = await uow.mails.claim(self._clock.now(), LEASE, BATCH)
        if not mails:
            return 0
        waiting = list(mails)
        try:
            return await self._send_all(self._server, waiting, stop or asyncio.Event())
        except (aiosmtplib.SMTPException, OSError) as error:
            reason = tls_fault(error, self._server.place) or repr(error)
            log.warning("the mail server is away", reason=reason, waiting=len(waiting))
            for mail in waiting:
                await self._note_failure(mail, error)
            waiting.clear()
            return 0
        finally:
            if waiting:  # stopped, or slow: they are as due as they were
                async with self._database.unit_of_work() as uow:
                    await uow.mails.put_back([mail.id for mail in waiting], self._clock.now())

    async def _send_all(self, server: "SmtpServer", waiting: list[OutboxMail], stop: asyncio.Event) -> int:
        """Send mails, and take each off `waiting` when it is known what became of it."""
        loop = asyncio.get_running_loop()
        last_start = loop.time() + LAST_START
        sent = 0
        async with await server.connect() as smtp:
            await self._note_reach(smtp)
            while waiting and not stop.is_set() and loop.time() < last_start:
                mail = waiting[0]
                refusal = await self._send(smtp, mail)
                waiting.pop(0)
                if refusal is not None:
                    await self._note_failure(mail, refusal, hopeless=_is_final(refusal))
                    continue
                sent += 1
                self._taken.append((mail.id, self._clock.now()))
                await self._note_taken()
        return sent

    async def look(self) -> None:
        """Ask the mail server what it can do, before the first mail."""
        if self._server is None:
            return
        try:
            async with await self._server.connect() as smtp:
                await self._note_reach(smtp)
        except (aiosmtplib.SMTPException, OSError) as error:
            log.warning("the mail server is away", error=repr(error), waiting=0)

    async def _note_reach(self, smtp: aiosmtplib.SMTP) -> None:
        if smtp.is_ehlo_or_helo_needed:
            with suppress(aiosmtplib.SMTPHeloError):  # an old server, which knows no extensions
                await smtp.ehlo()
        speaks = smtp.supports_extension("smtputf8")
        if speaks != self._smtputf8:
            with suppress(IdpError):  # the next connection will do
                await self._reach.note(smtputf8=speaks)
                self._smtputf8 = speaks  # race: every connection tells the same

    async def _send(self, smtp: aiosmtplib.SMTP, mail: OutboxMail) -> Exception | None:
        """Return why the server refused the mail, None when it took it; raise when the server is gone."""
        try:
            async with asyncio.timeout(TIMEOUT):
                await smtp.send_message(
                    self._message(mail), sender=self._sender.addr_spec, recipients=[mailbox(mail.recipient)]
                )
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError):
            raise
        except (aiosmtplib.SMTPException, InvalidValue, ValueError) as error:
            if isinstance(error, aiosmtplib.SMTPResponseException) and error.code == 421:
                raise  # RFC 5321 §3.8: the server is closing the connection
            return error
        return None

    async def _note_taken(self) -> None:
        """Write down what was sent, or keep it in mind: it must not be sent again when the database is back."""
        while self._taken:
            mail_id, at = self._taken[0]
            async with self._database.unit_of_work() as uow:
                await uow.mails.mark_sent(mail_id, at, forget=not self._keeps_sent)
            self._taken.pop(0)

    async def _note_failure(self, mail: OutboxMail, error: Exception, *, hopeless: bool = False) -> None:
        now = self._clock.now()
        hopeless = hopeless or now - mail.created_at >= GIVE_UP_AFTER
        pause = min(FIRST_PAUSE * 2 ** min(mail.tries, 20), LONGEST_PAUSE)
        if hopeless:
            log.error("a mail is given up", mail_id=mail.id, error=repr(error))
        async with self._database.unit_of_work() as uow:
            await uow.mails.mark_failed(mail.id, repr(error), None if hopeless else now + pause)

    def _message(self, mail: OutboxMail) -> EmailMessage:
        to = mailbox(mail.recipient)
        # RFC 6532: headers in UTF-8, which the library's `Address` refuses.
        message = EmailMessage(policy=SMTPUTF8 if needs_smtputf8(to) else SMTP)
        message["From"] = self._sender
        message["To"] = to if needs_smtputf8(to) else Address(addr_spec=to)
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(mail.created_at, UTC))
        message["Message-ID"] = f"<{mail.id}@{self._host}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no out-of-office answers
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message


def _is_final(error: Exception) -> bool:
    """Tell whether trying again is of no use (RFC 5321 §4.2.1): the recipient or the mail itself is refused
    for good, or cannot be written as a mail. A refused sender is for the operator to put right."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(refused.code >= 500 for refused in error.recipients)
    if isinstance(error, InvalidValue | ValueError | aiosmtplib.SMTPNotSupported):
        return True
    return isinstance(error, aiosmtplib.SMTPDataError) and error.code >= 500


class SmtpServer:
    """A mail server as the URL describes it."""

    def __init__(
        self,
        host: str,
        port: int,
        scheme: str,
        credentials: tuple[str | None, str | None],
        certificates: tuple[Trust, str | None],
        our_name: str,
    ) -> None:
        self._host, self._port, self._scheme = host, port, scheme
        self._username, self._password = credentials
        self._trusted, self._certificates = certificates
        self._our_name = our_name
        self._tls: ssl.SSLContext | None = None

    @property
    def place(self) -> str:
        """Its host and port."""
        return f"{self._host}:{self._port}"

    async def connect(self) -> aiosmtplib.SMTP:
        """Return a client that connects, with TLS and credentials, when it is entered."""
        if self._scheme != "smtp" and self._tls is None:
            # In a thread: it reads every certificate that the machine trusts.
            self._tls = await anyio.to_thread.run_sync(self._trust)  # race: both would be alike
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._scheme == "smtps",
            start_tls=self._scheme == "smtp+starttls",
            tls_context=self._tls,
            username=self._username,
            password=self._password,
            local_hostname=self._our_name,
            timeout=TIMEOUT,
        )

    def _trust(self) -> ssl.SSLContext:
        return self._trusted.with_certificates(self._certificates)


def smtp_server(settings: Settings) -> SmtpServer:
    """Return the mail server that the settings name; raise `ConfigurationError`."""
    our_name = urlsplit(settings.issuer).hostname or "localhost"
    certificates = settings.smtp_ca
    try:
        parts = urlsplit(settings.smtp_url or "")
        port = parts.port
    except ValueError as error:
        raise ConfigurationError("IDP_SMTP_URL is not a URL.") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ConfigurationError(
            "IDP_SMTP_URL must begin with smtp://, smtp+starttls:// or smtps:// and name a host."
        )
    if certificates is not None:
        _check_certificates(certificates)
    return SmtpServer(
        parts.hostname,
        port or DEFAULT_PORTS[parts.scheme],
        parts.scheme,
        (
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        ),
        (Trust(settings.outgoing.ca), certificates),
        f"[IPv6:{our_name}]" if ":" in our_name else our_name,  # RFC 5321 §4.1.3
    )


def _check_certificates(text: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except ssl.SSLError as error:
        raise ConfigurationError(
            "IDP_SMTP_CA must be certificates in PEM form (IDP_SMTP_CA_FILE reads them from a file)."
        ) from error


def _parse_sender(text: str) -> Address:
    """Read `no-reply@example.com` or `Example <no-reply@example.com>`."""
    name, address = parseaddr(text)
    try:
        return Address(name, addr_spec=address)
    except (ValueError, IndexError) as error:
        raise ConfigurationError(
            "IDP_MAIL_FROM must be an address, or a name and an address: Example <no-reply@example.com>."
        ) from error
