"""Every regular expression takes time in proportion to the text, whatever the text is."""

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

import idp
from idp.ops.redaction import LONGEST_VALUE, cut, redact, scrub

LENGTH = 16 * 1024
BOUND = 0.1
"""Seconds for 16 kB; a quadratic expression takes ten times as long and more."""
PUMPS = (
    "a", "A", "1", "0", " ", "-", "_", ".", "@", ":", "/", "+", "=", "\n", "é", "#", "[", "]", "%", "~",
    "a_", "A-", "a.", "a@", "a:", "a ", "a-", "1-", "a1", "A1", "://", "://a:", "http://", "eyJ-", "eyJ", ".eyJ",
    "eyJaaaaaaaa.", "token_", "token=", "state: ", "bearer ", "basic  ", "[parameters: ", "](", "0000-00-00",
    "http://127.0.0.1:1", "#fff", "a@b.", "xn--",
)  # fmt: skip
"""What repeats in the texts: each can be started anew many times by some expression."""


Pattern = re.Pattern[str] | re.Pattern[bytes]


def expressions() -> Iterator[tuple[str, Pattern, bool]]:
    """Yield where each is, the expression, and whether it is only ever matched with the whole of a text."""
    for module in pkgutil.walk_packages(idp.__path__, "idp."):
        if module.name in {"idp.__main__", "idp.asgi"}:  # they run when they are imported
            continue
        imported = importlib.import_module(module.name)
        source = inspect.getsource(imported)
        for name, value in vars(imported).items():
            whole = bool(re.search(rf"\b{re.escape(name)}\.fullmatch", source)) and not re.search(
                rf"\b{re.escape(name)}\.(match|search|sub|split|find)", source
            )
            values = value if isinstance(value, tuple) else (value,)
            for item in values:
                for part in item if isinstance(item, tuple) else (item,):
                    if isinstance(part, re.Pattern):
                        yield f"{module.name}.{name}", part, whole


EXPRESSIONS = {(where, pattern.pattern): (pattern, whole) for where, pattern, whole in expressions()}


def test_the_expressions_are_found() -> None:
    assert len(EXPRESSIONS) > 15


@pytest.mark.parametrize(("where", "source"), EXPRESSIONS)
def test_an_expression_is_linear(where: str, source: str | bytes) -> None:
    pattern, whole = EXPRESSIONS[where, source]
    slowest = 0.0, ""
    for pump in PUMPS:
        for end in ("", "\x00"):
            text: Any = (pump * LENGTH)[: LENGTH - len(end)] + end
            if isinstance(source, bytes):
                text = text.encode()
            began = time.thread_time()
            pattern.fullmatch(text) if whole else pattern.sub(text[:0], text)
            slowest = max(slowest, (time.thread_time() - began, pump + "…" + end))
    assert slowest[0] < BOUND, f"{where} with {slowest[1]!r}"


@pytest.mark.parametrize("pump", PUMPS)
def test_a_line_of_the_log_costs_little_whatever_is_in_it(pump: str) -> None:
    value = (pump * LENGTH)[:LENGTH]
    began = time.thread_time()
    event = redact(None, "warning", {"event": value, "detail": {value: [value] * 1000}, "exception": value})
    assert time.thread_time() - began < 0.1
    assert len(event["event"]) < 2 * LONGEST_VALUE  # what is left out leaves a word


def test_a_secret_that_is_cut_in_two_is_still_left_out() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9." + "c3ViamVjdA" * 400 + ".c2lnbmF0dXJl"
    assert "c3ViamVjdA" not in scrub(cut(f"got {token} from upstream"))


def test_nesting_has_an_end() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert "…" in str(redact(None, "info", {"event": "x", "value": deep}))
