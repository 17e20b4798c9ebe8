"""The log keeps secrets to itself, whoever writes."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from idp.config import LogSettings
from idp.ops.logging import configure_logging, request_id
from idp.ops.redaction import is_telling, scrub
from tests.support.logs import logging_as_before

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with logging_as_before():
        configure_logging(LogSettings(level="debug"), stream)
        yield stream


def last(stream: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return line


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "code",
        "client_secret",
        "password",
        "newPassword",
        "Authorization",
        "set-cookie",
    ],
)
def test_a_value_under_a_telling_name_never_appears(stream: io.StringIO, name: str) -> None:
    structlog.get_logger().info("something", **{name: "topsecret", "detail": {name: ["topsecret"]}})
    assert "topsecret" not in stream.getvalue()


@pytest.mark.parametrize("name", ["status_code", "token_type", "decoded", "grant_type", "encoding", "path"])
def test_a_harmless_name_stays(name: str) -> None:
    assert not is_telling(name)


@pytest.mark.parametrize(
    "text",
    [
        f"got {JWT} from upstream",
        "GET /cb?code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj",
        "Authorization: Bearer SplxlOBeZQQYbYS6WxSbIA",
        "{'client_secret': 'SplxlOBeZQQYbYS6WxSbIA'}",
        '{"refresh_token": "SplxlOBeZQQYbYS6WxSbIA"}',
        "INSERT INTO users\n[parameters: ('a@example.com', 'SplxlOBeZQQYbYS6WxSbIA')]\n(Background on this)",
        "postgresql://idp:SplxlOBeZQQYbYS6WxSbIA@db/idp",
    ],
)
def test_text_of_others_is_combed(stream: io.StringIO, text: str) -> None:
    logging.getLogger("some.library").warning(text)
    structlog.get_logger().error("failed", reason=text)
    for secret in (JWT, "SplxlOBeZQQYbYS6WxSbIA"):
        assert secret not in stream.getvalue()


def test_harmless_text_is_left_alone() -> None:
    text = "The database at /var/lib/idp.db answered 3 times; status_code=200."
    assert scrub(text) == text


@pytest.mark.parametrize(
    "name", ["authlib.oauth2.rfc6749", "httpx", "httpcore.connection", "sqlalchemy.engine"]
)
def test_talkative_libraries_are_silent_whatever_the_level(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).debug("live token")
    logging.getLogger(name).info("live token")
    assert stream.getvalue() == ""


def test_every_line_of_a_request_carries_its_id(stream: io.StringIO) -> None:
    token = request_id.set("abc")
    structlog.get_logger().info("ours")
    assert last(stream)["request_id"] == "abc"
    logging.getLogger("uvicorn.error").info("theirs")
    assert last(stream)["request_id"] == "abc"
    assert last(stream)["logger"] == "uvicorn.error"
    request_id.reset(token)


def test_a_level_is_kept(stream: io.StringIO) -> None:
    configure_logging(LogSettings(level="error"), stream)
    structlog.get_logger().warning("quiet")
    logging.getLogger("other").warning("quiet")
    logging.getLogger("authlib").warning("quiet")
    assert stream.getvalue() == ""


def test_text_is_for_people(stream: io.StringIO) -> None:
    configure_logging(LogSettings(format="text"), stream)
    structlog.get_logger().info("started", port=8000)
    assert "started" in stream.getvalue()
    assert "{" not in stream.getvalue()


def test_facts_are_values_of_the_line_in_the_text_form(stream: io.StringIO) -> None:
    configure_logging(LogSettings(format="text"), stream)
    facts = {"redirect_uri sent": "https://other.example/cb", "error": "x\x1b", "client_secret": "s3cret"}
    structlog.get_logger().warning("oauth_error", error="invalid_request", facts=facts)
    written = stream.getvalue()
    assert "redirect_uri_sent=https://other.example/cb" in written
    assert "error=invalid_request" in written
    assert "facts" not in written
    assert "s3cret" not in written
    assert "\x1b" not in written


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\r", "\n", "\x00", "\x07", "\u202e", "\u2028"])
def test_nothing_that_a_terminal_obeys_is_written_raw(stream: io.StringIO, character: str) -> None:
    configure_logging(LogSettings(format="text"), stream)
    hostile = f"a{character}]0;pwn"
    structlog.get_logger().warning(hostile, path=hostile, list=[hostile], pair={hostile: hostile})
    logging.getLogger("other").warning("other said %s", hostile)
    try:
        raise ValueError(hostile)
    except ValueError:
        structlog.get_logger().exception("failed")
    written = stream.getvalue()
    if character == "\n":  # a traceback has several lines; an event is one
        written = "".join(line for line in written.splitlines() if "pwn" in line)
    assert character not in written


def test_an_object_is_combed_as_its_text_is(stream: io.StringIO) -> None:
    structlog.get_logger().warning("failed", error=ValueError(f"got {JWT}"))
    assert JWT not in stream.getvalue()
