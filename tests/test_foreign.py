"""Readers of others' JSON: the type that was asked for, nothing, or `Malformed`."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp import foreign
from idp.foreign import Malformed
from tests.support.any_json import ANY_JSON

READERS: dict[str, Callable[[dict[str, Any], str], object]] = {
    "text": foreign.text,
    "token": lambda document, name: foreign.token(document, name, 100),
    "is_true": foreign.is_true,
    "instant": foreign.instant,
    "integer": lambda document, name: foreign.integer(document, name, 0, 10),
    "seconds": foreign.seconds,
    "one_or_more_texts": foreign.one_or_more_texts,
    "texts": foreign.texts,
    "objects": lambda document, name: foreign.objects(document.get(name)),
}


@pytest.mark.parametrize("reader", READERS)
@given(value=ANY_JSON)
def test_a_reader_returns_what_it_says_or_refuses(reader: str, value: object) -> None:
    try:
        found = READERS[reader]({"a": value}, "a")
    except Malformed as error:
        assert "a is" in str(error) or "a has" in str(error)  # noqa: PT017  the other way is fine too
        return
    texts = found if isinstance(found, tuple) else (found,)
    for text in texts:
        if isinstance(text, str):
            assert "\x00" not in text.encode().decode()
        if isinstance(text, float):
            assert 0 <= text <= foreign.LATEST_TIME


@given(st.text() | st.binary() | ANY_JSON.map(json.dumps))
def test_whatever_is_sent_is_an_object_or_refused(data: str | bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(foreign.json_object(data), dict)


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b'{"a": NaN}', b'{"a": Infinity}', b'{"a": %s}' % (b"9" * 5000), b"\xff\xfe"]
)
def test_what_only_python_reads_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        foreign.json_object(data)


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        ("text", ["a"]),
        ("text", "a\x00"),
        ("text", "\ud800"),
        ("token", "a b"),
        ("instant", True),
        ("instant", 1e999),
        ("instant", -1),
        ("instant", "1"),
        ("integer", 1.0),
        ("integer", True),
        ("integer", 11),
        ("seconds", "soon"),
        ("one_or_more_texts", {"a": 1}),
        ("one_or_more_texts", ["a", 1]),
    ],
)
def test_another_type_is_refused(reader: str, value: object) -> None:
    with pytest.raises(Malformed):
        READERS[reader]({"a": value}, "a")


@pytest.mark.parametrize("value", [1, "true", [True], {}, None, False])
def test_only_true_is_true(value: object) -> None:
    assert not foreign.is_true({"a": value}, "a")
    assert foreign.is_true({"a": True}, "a")
