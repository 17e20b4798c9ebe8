"""What the log leaves out: secrets, and more of a value than anybody reads.

Nothing is trusted to be discreet: a value under a telling name is dropped wherever it is logged, and text that
others write (libraries, tracebacks) is combed for tokens and SQL parameters. Values come from outside, so
they are cut before they are combed, and each expression takes time in proportion to the text.
"""

import re
from typing import Any, Final

from structlog.typing import EventDict, WrappedLogger

REDACTED: Final = "[redacted]"

_SECRET_WORDS: Final = frozenset(
    {
        "token",
        "tokens",
        "code",
        "codes",
        "secret",
        "secrets",
        "password",
        "passwords",
        "authorization",
        "cookie",
        "cookies",
        "assertion",
        "verifier",
        "credential",
        "credentials",
        "jwt",
        "otp",
        "totp",
        "pin",
        "seed",
        "nonce",
        "ticket",
    }
)
_HARMLESS: Final = frozenset(
    {
        "status_code",
        "error_code",
        "exit_code",
        "token_type",
        "code_challenge_method",
        "token_endpoint_auth_method",
        "token_count",
        "password_queue",
    }
)
LONGEST_VALUE: Final = 2000
"""Characters of a value that are written."""
LONGEST_TRACEBACK: Final = 20_000
_TRACEBACKS: Final = frozenset({"exception", "stack"})
"""Where structlog puts tracebacks: text of several lines, whose end says the most."""
_DEEPEST: Final = 6
_MOST_ITEMS: Final = 50
_IN_TEXT: Final = (
    # A JWT or what was cut of one. It takes every character that it has looked at, so none is looked at twice.
    (re.compile(r"(?<![A-Za-z0-9])eyJ[\w-]{8,}(?:\.[\w-]*){0,4}"), REDACTED),
    (
        re.compile(
            r"(?i)\b((?:[a-z]+_)*(?:token|code|secret|password|assertion|verifier|cookie|state|hint))"
            r"(=|'?\"?: ?'?\"?)((?!\d{1,4}\b)[^&\s'\",;)]{4,})"
        ),
        rf"\1\2{REDACTED}",
    ),
    (re.compile(r"(?i)\b(bearer|basic|dpop) {1,8}[\w.~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (re.compile(r"\[parameters: [^\n]*"), "[parameters: redacted]"),  # repr: they are one line
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+@"), f"{REDACTED}@"),
)
_telling: dict[str, bool] = {}


def is_telling(name: str) -> bool:
    """Tell whether a value under this name may be a secret."""
    known = _telling.get(name)
    if known is None:
        start = name[:LONGEST_VALUE]
        words = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", start).lower())
        known = name not in _HARMLESS and not _SECRET_WORDS.isdisjoint(words)
        if len(_telling) < 10_000 and len(name) < 100:  # names may come from outside
            _telling[name] = known
    return known


def scrub(text: str) -> str:
    """Return text without what looks like a token, a credential or an SQL parameter."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def cut(text: str, longest: int = LONGEST_VALUE) -> str:
    """Return the start of `text` and how much is left out."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… ({len(text)} characters)"


def redact(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Drop secrets from an event, and what is too long (a structlog processor)."""
    comb = method not in {"debug", "info"} or "_record" in event
    for name, value in event.items():
        if name.startswith("_"):  # structlog's own, which is taken out before the line is written
            continue
        if is_telling(name):
            event[name] = REDACTED
        elif name in _TRACEBACKS and isinstance(value, str):
            event[name] = scrub(_cut_traceback(value))
        elif isinstance(value, str):
            event[name] = scrub(cut(value)) if comb else cut(value)
        else:
            event[name] = _redact_within(value, _DEEPEST)
    return event


def printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write characters that a terminal would obey as escapes (a structlog processor for the text form).

    JSON escapes them by itself, and so does `repr` within lists and dictionaries.
    """
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = escaped(value, keep="\n\t" if name in _TRACEBACKS else "")
    return event


def escaped(text: str, keep: str = "") -> str:
    """Return `text` with every character that is neither printable nor in `keep` as an escape."""
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


def _cut_traceback(text: str) -> str:
    if len(text) <= LONGEST_TRACEBACK:
        return text
    half = LONGEST_TRACEBACK // 2
    return f"{text[:half]}\n… ({len(text)} characters)\n{text[-half:]}"


def _redact_within(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return scrub(cut(value))
    if isinstance(value, dict | list | tuple) and not depth:
        return "…"
    if isinstance(value, dict):
        pairs = list(value.items())[:_MOST_ITEMS]
        return {
            cut(str(k)): REDACTED if is_telling(str(k)) else _redact_within(v, depth - 1) for k, v in pairs
        }
    if isinstance(value, list | tuple):
        return [_redact_within(item, depth - 1) for item in value[:_MOST_ITEMS]]
    return scrub(cut(repr(value)))
