"""The mails of an account: what they say, and what cannot get into them."""

import re

import pytest

from idp.identity.registration import NewAccount
from idp.storage.models import User
from tests.support.provider import EMAIL, PASSWORD, MakeProvider, RunningProvider

NEW = "bob@example.com"


async def test_a_mail_to_verify_an_address_has_a_link_and_a_code_and_both_verify(
    provider: RunningProvider,
) -> None:
    registration = provider.parts.registration
    registered = await registration.register(NewAccount(NEW, PASSWORD))
    mail = await provider.mails.latest(NEW)
    assert mail.link.startswith(provider.url("/verify-email/link?token="))
    assert mail.code not in mail.subject
    by_code = await registration.verify_by_code(registered.user_id, mail.code)
    assert by_code is not None
    assert await registration.find_verified_by(mail.link.partition("token=")[2]) is not None
