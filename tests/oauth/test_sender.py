"""From where a request was sent: the same program, or another elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oauth.http import CoreRequest
from idp.oauth.sender import Sender


def sender(address: str, agent: str = "App/1") -> Sender:
    request = CoreRequest(
        "POST", "https://id.example/token", parameters={}, headers={"user-agent": agent}, address=address
    )
    return Sender.of(request)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("198.51.100.7", "a"), ("198.51.100.8", "a"), True),
        (("198.51.100.7", "a"), ("198.51.101.7", "a"), False),
        (("198.51.100.7", "a"), ("198.51.100.7", "b"), False),
        (("2001:db8:1:2::1", "a"), ("2001:db8:1:3::9", "a"), True),
        (("2001:db8:1:2::1", "a"), ("2001:db8:2:2::1", "a"), False),
        (("198.51.100.7", "a"), ("2001:db8::1", "a"), True),
        (("198.51.100.7", "a"), ("2001:db8::1", "b"), False),
        (("", "a"), ("", "a"), True),
    ],
)
def test_one_program_or_two(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    assert sender(*one).may_be(sender(*other)) is same
    assert sender(*other).may_be(sender(*one)) is same


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=40)), st.text(max_size=300))
def test_it_fits_into_its_column_and_comes_back(address: str, agent: str) -> None:
    text = sender(address, agent.encode("utf-8", "replace").decode()).to_text()
    assert len(text) <= 64
    assert Sender.from_text(text) == sender(address, agent.encode("utf-8", "replace").decode())
