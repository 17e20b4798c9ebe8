"""Mails reach a real SMTP server once each, whatever goes wrong on the way."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from idp.clock import ManualClock
from idp.config import DAY, load_settings
from idp.errors import ConfigurationError, InvalidValue, Unavailable
from idp.identity import mail_delivery
from idp.identity.mail_delivery import FIRST_PAUSE, GIVE_UP_AFTER, MailDelivery
from idp.identity.mail_reach import MailReach
from idp.storage.database import Database
from idp.storage.ephemeral.table import TableStore
from idp.storage.models import OutboxMail
from tests.support.certificates import Certificates, make_certificates
from tests.support.databases import BOTH
from tests.support.smtp import Mails, SmtpServer

MakeDelivery = Callable[..., MailDelivery]
Queue = Callable[..., Awaitable[None]]


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, new_database_url: Callable[[str], str]) -> str:
    """An empty database of either kind."""
    return new_database_url(request.param)


@pytest.fixture
def sqlite_url(new_database_url: Callable[[str], str]) -> str:
    """An empty database."""
    return new_database_url("sqlite")


@pytest.fixture
async def outbox(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """The database that mails are queued in: of either kind where a test says so."""
    name = "database_url" if "database_url" in request.fixturenames else "sqlite_url"
    database = Database(request.getfixturevalue(name))
    yield database
    await database.close()


@pytest.fixture
def clock() -> ManualClock:
    """Time by hand."""
    return ManualClock(1_800_000_000.0)


@pytest.fixture
def queue(outbox: Database, clock: ManualClock) -> Queue:
    """Queues a mail to each address."""

    async def add(*recipients: str, subject: str = "Hello") -> None:
        async with outbox.unit_of_work() as uow:
            for number, recipient in enumerate(recipients):
                await uow.mails.add(
                    OutboxMail(
                        recipient=recipient,
                        subject=subject,
                        text="Grüße\n",
                        html="<p>Grüße</p>",
                        created_at=clock.now(),
                        next_try_at=clock.now() - len(recipients) + number,
                        tries=0,
                        sent_at=None,
                        last_error="",
                    )
                )

    return add


@pytest.fixture
def make_delivery(outbox: Database, clock: ManualClock, smtp_server: SmtpServer) -> MakeDelivery:
    """Makes the delivery of a worker, to the mail server unless it is given a URL."""

    def make(**settings: object) -> MailDelivery:
        values: dict[str, object] = {"smtp_url": smtp_server.url, "mail_from": "Harbour <id@example.com>"}
        configured = load_settings({}, Path("none.toml"), **{**values, **settings})
        return MailDelivery(outbox, configured, MailReach(TableStore(outbox, clock)), clock)

    return make


@pytest.fixture
def delivery(make_delivery: MakeDelivery) -> MailDelivery:
    """A worker's delivery."""
    return make_delivery()


async def test_a_mail_arrives_as_text_and_html_from_whom_and_to_whom_it_says(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer, outbox: Database
) -> None:
    await queue("bob@example.com", subject="Bestätigen")
    assert await delivery.deliver_once() == 1
    (message,) = smtp_server.messages
    assert (message["From"], message["To"], message["Subject"]) == (
        "Harbour <id@example.com>",
        "bob@example.com",
        "Bestätigen",
    )
    text, html = message.iter_parts()
    assert text.get_content().strip() == "Grüße"
    assert "<p>Grüße</p>" in html.get_content()
    (row,) = await Mails(outbox).rows()
    assert row.sent_at is not None
    assert row.text == row.html == "", "what it said may open an account, and is kept no longer than needed"


async def test_a_batch_goes_over_one_connection_and_each_mail_once(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer, database_url: str
) -> None:
    await queue(*(f"u{number}@example.com" for number in range(8)))
    assert await delivery.deliver_once() == 8
    assert await delivery.deliver_once() == 0
    assert smtp_server.recipients == [f"u{number}@example.com" for number in range(8)]
    assert smtp_server.connections == 1


async def test_a_server_that_is_away_for_a_while_loses_nothing(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer, clock: ManualClock, database_url: str
) -> None:
    await queue("a@example.com", "b@example.com")
    await smtp_server.stop()
    for pause in (FIRST_PAUSE, 2 * FIRST_PAUSE):
        assert await delivery.deliver_once() == 0
        clock.advance(pause - 1)
        assert await delivery.deliver_once() == 0, "it waits longer each time"
        clock.advance(1)
    await smtp_server.start()
    assert await delivery.deliver_once() == 2
    assert sorted(smtp_server.recipients) == ["a@example.com", "b@example.com"]


async def test_a_server_that_breaks_off_in_a_batch_gets_the_rest_later_and_nothing_twice(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer, clock: ManualClock
) -> None:
    await queue(*(f"u{number}@example.com" for number in range(5)))
    smtp_server.drop_after = 2
    await delivery.deliver_once()
    assert len(smtp_server.messages) == 2
    smtp_server.drop_after = None
    clock.advance(FIRST_PAUSE)
    assert await delivery.deliver_once() == 3
    assert sorted(smtp_server.recipients) == [f"u{number}@example.com" for number in range(5)]


async def test_a_refused_recipient_does_not_hold_up_the_others(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer, clock: ManualClock
) -> None:
    await queue("gone@example.com", "later@example.com", "fine@example.com")
    smtp_server.refusals = {"gone@example.com": "550 No such user", "later@example.com": "450 Try later"}
    assert await delivery.deliver_once() == 1
    smtp_server.refusals = {}
    clock.advance(DAY)
    assert await delivery.deliver_once() == 1, "what was refused for good is not tried again"
    assert smtp_server.recipients == ["fine@example.com", "later@example.com"]


async def test_a_mail_that_cannot_be_written_is_given_up_and_the_others_go_out(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer, outbox: Database
) -> None:
    await queue("a@example.com, b@example.com")
    await queue("a@example.com", subject="Hello\r\nBcc: everybody@example.com")
    await queue("fine@example.com")
    assert await delivery.deliver_once() == 1
    assert smtp_server.recipients == ["fine@example.com"]
    assert sum(row.next_try_at == float("inf") for row in await Mails(outbox).rows()) == 2


async def test_a_mail_is_given_up_when_what_it_says_is_long_out_of_date(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer, clock: ManualClock
) -> None:
    await queue("a@example.com")
    smtp_server.refusals = {"a@example.com": "450 Try later"}
    clock.advance(GIVE_UP_AFTER)
    await delivery.deliver_once()
    smtp_server.refusals = {}
    clock.advance(365 * DAY)
    assert await delivery.deliver_once() == 0


async def test_workers_that_send_at_once_send_each_mail_once(
    make_delivery: MakeDelivery, queue: Queue, smtp_server: SmtpServer, database_url: str
) -> None:
    await queue(*(f"u{number:02}@example.com" for number in range(50)))
    workers = [make_delivery() for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(worker.deliver_once() for worker in workers))
    assert sorted(smtp_server.recipients) == [f"u{number:02}@example.com" for number in range(50)]


async def test_a_worker_that_stops_gives_back_what_it_has_not_sent(
    make_delivery: MakeDelivery, queue: Queue, smtp_server: SmtpServer
) -> None:
    await queue("a@example.com", "b@example.com")
    stop = asyncio.Event()
    stop.set()
    assert await make_delivery().deliver_once(stop) == 0
    assert await make_delivery().deliver_once() == 2


async def test_the_worker_sends_by_itself_until_it_is_stopped(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer
) -> None:
    await queue(*(f"u{number}@example.com" for number in range(mail_delivery.BATCH + 1)))
    stop = asyncio.Event()
    async with asyncio.timeout(20):
        running = asyncio.create_task(delivery.run(stop))
        await smtp_server.has(mail_delivery.BATCH + 1)
        stop.set()
        await running


async def test_a_mail_that_was_sent_while_the_database_was_away_is_not_sent_again(
    delivery: MailDelivery,
    queue: Queue,
    smtp_server: SmtpServer,
    clock: ManualClock,
    outbox: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await queue("a@example.com")
    claim = iter([outbox.unit_of_work()])

    def away(_database: Database) -> object:
        for only in claim:
            return only
        raise Unavailable("The database cannot be reached right now.")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "unit_of_work", away)
        with pytest.raises(Unavailable):
            await delivery.deliver_once()
    clock.advance(DAY)
    assert await delivery.deliver_once() == 0
    assert len(smtp_server.messages) == 1


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A server certificate of an authority that nobody knows."""
    return make_certificates(tmp_path_factory.mktemp("tls"))


# What the test's server says of itself.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")
@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
async def test_a_mail_travels_encrypted_with_credentials_to_a_server_that_is_trusted_by_configuration(
    scheme: str, certificates: Certificates, make_delivery: MakeDelivery, queue: Queue
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    async with SmtpServer(
        tls=context, implicit_tls=scheme == "smtps", credentials=("us er", "p@ss/word")
    ) as server:
        url = f"{scheme}://us%20er:p%40ss%2Fword@localhost:{server.port}"
        await queue("a@example.com")
        assert await make_delivery(smtp_url=url).deliver_once() == 0, "nobody vouches for it"
        await queue("b@example.com")
        trusting = make_delivery(smtp_url=url, smtp_ca=certificates.authority.read_text())
        assert await trusting.deliver_once() == 1
        assert server.recipients == ["b@example.com"]


def has_ipv6() -> bool:
    """Tell whether this machine reaches itself by IPv6."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


async def test_a_mail_server_may_have_an_ipv6_address(make_delivery: MakeDelivery, queue: Queue) -> None:
    if not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    async with SmtpServer(host="::1") as server:
        await queue("a@example.com")
        assert await make_delivery(smtp_url=server.url).deliver_once() == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("smtp_url", "https://mail.example.com"),
        ("smtp_url", "smtp://"),
        ("smtp_url", "smtp://mail.example.com:many"),
        ("smtp_ca", "not a certificate"),
        ("mail_from", "not an address"),
    ],
)
async def test_a_setting_that_cannot_work_is_named_at_the_start(
    make_delivery: MakeDelivery, setting: str, value: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"IDP_{setting.upper()}"):
        make_delivery(**{setting: value})


async def test_without_a_mail_server_mails_stay_in_the_queue(
    make_delivery: MakeDelivery, queue: Queue, outbox: Database
) -> None:
    await queue("a@example.com")
    idle = make_delivery(smtp_url=None)
    await idle.run(asyncio.Event())
    assert await idle.deliver_once() == 0
    assert [row.sent_at for row in await Mails(outbox).rows()] == [None]


# Addresses beyond ASCII -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("über@example.org", "über@example.org"),
        ("x@bücher.example.org", "x@xn--bcher-kva.example.org"),
        ("用户@例え.example.org", "用户@xn--r8jz45g.example.org"),
    ],
)
async def test_a_server_that_can_gets_mails_to_addresses_beyond_ascii(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer, typed: str, written: str
) -> None:
    await queue(typed)
    assert await delivery.deliver_once() == 1
    assert smtp_server.recipients == [written]
    assert smtp_server.messages[0]["to"] == written


async def test_a_server_that_cannot_still_gets_domains_beyond_ascii_and_the_rest_is_given_up_at_once(
    delivery: MailDelivery, queue: Queue, smtp_server: SmtpServer, outbox: Database, clock: ManualClock
) -> None:
    smtp_server.smtputf8 = False
    await queue("über@example.org", "x@bücher.example.org")
    assert await delivery.deliver_once() == 1
    assert smtp_server.recipients == ["x@xn--bcher-kva.example.org"]
    clock.advance(DAY)
    assert await delivery.deliver_once() == 0
    reach = MailReach(TableStore(outbox, clock))
    await reach.check("x@bücher.example.org")
    with pytest.raises(InvalidValue, match="cannot write to an address with such letters"):
        await reach.check("über@example.org")


async def test_what_the_server_can_is_known_before_the_first_mail(
    delivery: MailDelivery, smtp_server: SmtpServer, outbox: Database, clock: ManualClock
) -> None:
    smtp_server.smtputf8 = False
    await delivery.look()
    with pytest.raises(InvalidValue):
        await MailReach(TableStore(outbox, clock)).check("über@example.org")
