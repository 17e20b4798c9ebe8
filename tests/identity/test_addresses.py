"""When two addresses are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.errors import InvalidValue
from idp.identity.addresses import email_key, same_mailbox


@pytest.mark.parametrize(
    ("written", "key"),
    [
        (" Ada@Example.COM ", "ada@example.com"),
        ("ａｄａ＠example．com", "ada@example.com"),  # noqa: RUF001  full-width forms are the point
        ("ada@Bücher.example.com", "ada@xn--bcher-kva.example.com"),
        ("ada@xn--bcher-kva.example.com", "ada@xn--bcher-kva.example.com"),
        ("STRASSE@example.com", "strasse@example.com"),
        ("straße@example.com", "strasse@example.com"),
        ("ada+shop@example.com", "ada+shop@example.com"),
        ("a.d.a@example.com", "a.d.a@example.com"),
        ("admin@localhost", "admin@localhost"),
        ("ada@mail.corp.local", "ada@mail.corp.local"),
    ],
)
def test_one_account_has_one_key(written: str, key: str) -> None:
    assert email_key(written) == key
    assert email_key(key) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada@exa mple.com",
        "a\nb@example.com",
        "a\0@example.com",
        "Ada <ada@example.com>",
        "ada@[127.0.0.1]",
        "x\ud800@example.com",
        "a" * 400 + "@example.com",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        email_key(text)
    assert caught.value.field == "email"


@given(st.text() | st.emails())
def test_key_is_stable_and_nothing_else_is_raised(text: str) -> None:
    try:
        key = email_key(text)
    except InvalidValue:
        return
    assert email_key(key) == key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada@example.com", " ada@EXAMPLE.com ", True),
        ("ada@b\u00fccher.example.com", "ada@XN--bcher-kva.example.com", True),
        ("ada@example.com", "Ada@example.com", False),
        ("ada@example.com", "a.da@example.com", False),
        ("ada@example.com", "ada+shop@example.com", False),
        ("strasse@example.com", "stra\u00dfe@example.com", False),
        ("jos\u00e9@example.com", "jose\u0301@example.com", False),
        ("ada@example.com", "ada\uff20example.com", False),
        ("ada\uff20example.com", "bob\uff20example.com", False),
        ("ada@example.com", "ada@example.org", False),
    ],
)
def test_one_mailbox_is_only_what_is_written_alike_up_to_its_domain(one: str, other: str, same: bool) -> None:
    assert same_mailbox(one, other) is same
    assert same_mailbox(other, one) is same
