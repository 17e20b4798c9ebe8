"""Mail in tests: a real SMTP server that can fail in the ways that real ones do, and a look into the outbox."""

import asyncio
import html
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from sqlalchemy import select, text

from idp.storage.database import Database
from idp.storage.models import OutboxMail

_LINK = re.compile(r"https?://\S+")
_CODE = re.compile(r"^ {4}(\d{6})$", re.MULTILINE)


@dataclass(frozen=True)
class Mail:
    """A mail as its reader sees it."""

    recipient: str
    subject: str
    text: str
    html: str

    @property
    def link(self) -> str:
        """The one link of it that leads on."""
        found = set(_LINK.findall(self.text))
        assert len(found) == 1, f"{len(found)} links in: {self.text}"
        link = found.pop()
        assert html.escape(link) in self.html, f"another link in: {self.html}"
        return link

    @property
    def code(self) -> str:
        """The six digits of it."""
        found = _CODE.findall(self.text)
        assert len(found) == 1, f"{len(found)} codes in: {self.text}"
        assert found[0] in self.html, f"another code in: {self.html}"
        return str(found[0])


class Mails:
    """What the provider has queued, sent or not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def to(self, email: str) -> list[Mail]:
        """Return the mails to an address, oldest first."""
        return [_as_read(mail) for mail in reversed(await self.rows()) if mail.recipient == email]

    async def latest(self, email: str) -> Mail:
        """Return the last mail to an address."""
        found = await self.to(email)
        assert found, f"no mail to {email}"
        return found[-1]

    async def rows(self) -> list[OutboxMail]:
        """Return the outbox, newest first."""
        async with self._database.reading() as uow:
            if not self._database.is_sqlite:
                return list(await uow.mails.recent(1000))
            # Time stands still in most tests: the row's number tells which mail came last.
            return list(await uow.session.scalars(select(OutboxMail).order_by(text("rowid DESC"))))


def _as_read(mail: OutboxMail) -> Mail:
    return Mail(mail.recipient, mail.subject, mail.text, mail.html)


@dataclass
class SmtpServer:
    """A mail server on a free port of this machine. What it takes is in `messages`."""

    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    """The recipients that it was given a message for, in the order they came."""
    refusals: dict[str, str] = field(default_factory=dict)
    """The reply to a recipient, such as `550 No such user`, instead of taking it."""
    drop_after: int | None = None
    """How many more messages it takes before it breaks off each connection without a word."""
    connections: int = 0
    tls: ssl.SSLContext | None = None
    """With this it speaks STARTTLS and takes no mail without it; with `implicit_tls`, TLS from the first byte."""
    implicit_tls: bool = False
    credentials: tuple[str, str] | None = None
    """The user name and password it asks for."""
    smtputf8: bool = True
    """Whether it takes addresses beyond ASCII (RFC 6531)."""
    host: str = "127.0.0.1"
    port: int = 0
    _server: asyncio.Server | None = None
    _sessions: "set[_Session]" = field(default_factory=set)
    _arrival: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """Where it is, for `IDP_SMTP_URL`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"smtp://{host}:{self.port}"

    async def start(self) -> None:
        """Listen; at the port it had before, if it was stopped."""
        loop = asyncio.get_running_loop()
        context = self.tls if self.implicit_tls else None
        self._server = await loop.create_server(self._session, self.host, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go away: refuse connections and break off those there are."""
        if self._server is not None:
            self._server.close()
            for session in self._sessions:
                session.break_off()
            self._sessions.clear()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> "SmtpServer":
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Stop."""
        await self.stop()

    async def has(self, number: int) -> None:
        """Wait until it has taken so many messages."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.messages) >= number)

    def _session(self) -> "_Session":
        self.connections += 1
        start_tls = self.tls is not None and not self.implicit_tls
        session = _Session(
            self,
            hostname="mail.test",
            enable_SMTPUTF8=self.smtputf8,
            tls_context=self.tls if start_tls else None,
            require_starttls=start_tls,
            auth_required=self.credentials is not None,
            auth_require_tls=False,
            authenticator=self._authenticate,
        )
        self._sessions.add(session)
        return session

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: object
    ) -> AuthResult:
        given = auth_data if isinstance(auth_data, LoginPassword) else LoginPassword(b"", b"")
        right = self.credentials == (given.login.decode(), given.password.decode())
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, server: "_Session", session: Session, envelope: Envelope
    ) -> str:
        if self.drop_after == 0:
            server.break_off()
            return "421 Gone"
        if self.drop_after is not None:
            self.drop_after -= 1
        content = envelope.content or b""
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        self.messages.append(message)
        self.recipients.extend(envelope.rcpt_tos)
        async with self._arrival:
            self._arrival.notify_all()
        return "250 OK"


class _Session(SMTP):
    """A connection that can end without a word."""

    def break_off(self) -> None:
        if self.transport is not None:
            self.transport.abort()


@pytest.fixture
async def smtp_server() -> AsyncIterator[SmtpServer]:
    """A mail server that is up."""
    async with SmtpServer() as server:
        yield server
