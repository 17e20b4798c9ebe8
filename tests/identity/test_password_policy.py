"""The range API of leaked passwords: asked for five digits, believed, and never in the way."""

import hashlib
from collections.abc import Callable

import httpx
import pytest

from idp.config import SettingsPolicies, load_settings
from idp.errors import InvalidValue
from idp.identity.password_policy import LIMITS, PasswordPolicy
from idp.outgoing import Outgoing

PASSWORD = "a password of mine that leaked"
SHA1 = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).hexdigest().upper()
OTHERS = "0018A45C4D1DEF81644B54AB7F969B88D65:10"


def saying(body: str, status: int = 200) -> httpx.Response:
    """An answer that is still to be read, as from a server."""
    return httpx.Response(status, stream=httpx.ByteStream(body.encode()))


def policy_with(answer: Callable[[httpx.Request], httpx.Response]) -> PasswordPolicy:
    """A policy that asks what answers so."""
    passwords = {"refuse_breached": True, "breach_api": "https://range.example/range/"}
    policies = SettingsPolicies(load_settings({}, passwords=passwords))
    transport = httpx.MockTransport(answer)
    return PasswordPolicy(
        policies, Outgoing(allow_private=True, setting="-", limits=LIMITS, transport=transport)
    )


async def test_a_leaked_password_is_refused_and_its_first_five_digits_are_all_that_is_told() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return saying(f"{OTHERS}\r\n{SHA1[5:]}:3\r\n")

    with pytest.raises(InvalidValue, match="leaked"):
        await policy_with(answer).check(PASSWORD)
    assert [str(request.url) for request in asked] == [f"https://range.example/range/{SHA1[:5]}"]
    assert asked[0].headers["add-padding"] == "true"


@pytest.mark.parametrize("lines", ["", OTHERS, f"{SHA1[5:]}:0", f"{SHA1[5:]}", "\x00 not: a: list"])
async def test_what_is_not_listed_or_only_padding_is_taken(lines: str) -> None:
    await policy_with(lambda _: saying(lines)).check(PASSWORD)


async def fails(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: saying(f"{SHA1[5:]}:3", 503),
        lambda _: saying(f"{SHA1[5:]}:3\n" + "x" * LIMITS.longest),
        lambda _: httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
        fails,
    ],
    ids=["an error", "an endless answer", "a redirect", "nobody there"],
)
async def test_registration_goes_on_when_the_range_api_does_not_answer(
    answer: Callable[[httpx.Request], httpx.Response],
) -> None:
    await policy_with(answer).check(PASSWORD)
