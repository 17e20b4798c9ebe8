"""The mails of an account: what they say, in which language, and what cannot get into them."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from idp.clock import ManualClock
from idp.config import load_settings
from idp.i18n import Wishes, load_catalogues, wishes_of_request
from idp.identity.mail import Mailer
from idp.identity.registration import NewAccount
from idp.resources import TEMPLATES, TRANSLATIONS
from idp.storage.models import OutboxMail, User
from tests.support.apart import ROOT
from tests.support.provider import EMAIL, PASSWORD, RunningProvider

NEW = "bob@example.com"
HOSTILE = "<b>Al</b> https://evil.example\r\nBcc: everybody@example.com"
NOW = 1_800_000_000.0
CONTEXT = {
    "code": "012345",
    "new_email": NEW,
    "delete_at": NOW + 86_400,
    "undo_until": NOW + 86_400,
    "account": "a…@example.com",
    "at": NOW,
    "provider": "Google",
    "other": NEW,
    "contested": True,
}
WITHOUT_LINK = {"second_factor", "confirm_address"}
CATALOGUES = load_catalogues(TRANSLATIONS)

QUEUED = sorted(
    {
        name
        for path in (ROOT / "idp").rglob("*.py")
        for name in re.findall(r'mailer\.queue\(\s*uow,\s*"(\w+)"', path.read_text())
    }
)


def somebody(**changes: Any) -> User:
    """Return a person with a name that tries to be more than one."""
    values: dict[str, Any] = {
        "id": "u1",
        "email": EMAIL,
        "email_verified": True,
        "profile": {"name": HOSTILE},
    }
    return User(**{**values, **changes})


async def written(name: str, user: User | None = None, **options: Any) -> OutboxMail:
    """Return a mail as it is queued."""
    queued: list[OutboxMail] = []

    async def add(mail: OutboxMail) -> None:
        queued.append(mail)

    settings = load_settings({}, Path("none.toml"), brand={"name": "Harbour & Co", "color": "#ffdd00"})
    mailer = Mailer(settings, TEMPLATES, ManualClock(NOW), CATALOGUES, on_brand="#000000")
    uow: Any = SimpleNamespace(mails=SimpleNamespace(add=add))
    await mailer.queue(uow, name, EMAIL, path="/x?token=t&tx=1", user=user, **{**CONTEXT, **options})
    return queued[0]


def test_the_mails_are_those_that_the_code_queues() -> None:
    assert len(QUEUED) >= 8
    templates = {path.stem for path in (TEMPLATES / "mail").glob("*.txt")} - {"base"}
    assert templates == set(QUEUED)


@pytest.mark.parametrize("locale", CATALOGUES.languages)
@pytest.mark.parametrize("name", QUEUED)
async def test_a_mail_says_the_same_as_text_and_as_html_and_lets_nothing_in(name: str, locale: str) -> None:
    mail = await written(name, somebody(), locale=locale)
    assert mail.subject
    assert mail.subject.isprintable()
    assert "\n\n\n" not in mail.text, "the layout of the text has come apart"
    assert "http://localhost:8000/x?token=t&tx=1" in mail.text or name in WITHOUT_LINK
    assert f'<html lang="{locale}">' in mail.html
    assert "<b>Al</b>" not in mail.html
    assert "Harbour &amp; Co" in mail.html
    assert "\r" not in mail.text + mail.subject
    assert not re.search(r"<img|<script|<link|url\(|src=", mail.html), "nothing is loaded that could track"


async def test_a_brand_has_its_name_colour_and_logo_in_mails() -> None:
    mail = await written("reset_password")
    assert "background-color:#ffdd00;color:#000000" in mail.html
    assert "Harbour & Co" in mail.subject


@pytest.mark.parametrize(
    "user",
    [somebody(email_verified=False), somebody(email="other@example.com"), None],
    ids=["not verified", "another address", "nobody"],
)
async def test_a_stranger_cannot_have_a_text_mailed_by_putting_it_in_as_a_name(user: User | None) -> None:
    mail = await written("verify_email", user)
    assert "evil" not in mail.text + mail.html + mail.subject
    assert mail.text.startswith("Hello,\n")


@pytest.mark.parametrize(
    ("account", "request_wishes", "language"),
    [
        ("de-AT", Wishes(accepted="en"), "de"),
        (None, Wishes(accepted="de-DE,de;q=0.9,en;q=0.5"), "de"),
        (None, Wishes(asked="fr de", accepted="en"), "de"),
        ("fr", Wishes(accepted="de"), "de"),
        (None, Wishes(), "en"),
    ],
)
async def test_a_mail_is_in_the_language_of_the_account_else_of_the_request(
    account: str | None, request_wishes: Wishes, language: str
) -> None:
    with wishes_of_request(request_wishes):
        mail = await written("reset_password", somebody(profile={"locale": account}))
    assert f'<html lang="{language}">' in mail.html
    assert mail.subject.startswith({"de": "Wählen Sie", "en": "Choose"}[language])


async def test_moments_are_told_in_the_zone_and_the_way_of_the_reader() -> None:
    profile = {"locale": "de", "zoneinfo": "Europe/Berlin"}
    mail = await written("password_changed", somebody(profile=profile))
    assert "15. Januar 2027, 09:00:00 MEZ" in mail.text
    mail = await written("password_changed", somebody(profile={"zoneinfo": "Not/AZone"}))
    assert "January 15, 2027" in mail.text
    assert "UTC" in mail.text


async def test_the_link_and_the_code_of_a_mail_both_verify_an_address(provider: RunningProvider) -> None:
    registration = provider.parts.registration
    registered = await registration.register(NewAccount(NEW, PASSWORD))
    mail = await provider.mails.latest(NEW)
    assert mail.link.startswith(provider.url("/verify-email/link?token="))
    assert mail.code not in mail.subject, "subjects show on locked screens and in the logs of mail servers"
    assert await registration.verify_by_code(registered.email, registered.user_id, mail.code) is not None
