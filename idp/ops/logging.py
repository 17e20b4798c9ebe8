"""The log: one event a line on standard error, with a request id and without secrets (`idp.ops.redaction`)."""

import json
import logging
import sys
import time
from collections.abc import MutableMapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from idp.config import LogSettings
from idp.ops.redaction import printable, redact

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being served."""

_QUIET: Final = (
    "authlib",  # its DEBUG log writes live tokens
    "httpx",  # logs every URL with its query
    "httpcore",
    "sqlalchemy.engine",  # logs parameters
    "aiosqlite",
    "asyncio",
    "python_multipart",
    "multipart",
)


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if current := request_id.get():
        event.setdefault("request_id", current)
    return event


def _named(_logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> EventDict:
    record = event.get("_record")
    if record is not None:
        event.setdefault("logger", record.name)
    event.pop("color_message", None)  # uvicorn's
    return event


def _spread_facts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write the members of `facts` as values of the line itself (a structlog processor for the text form)."""
    facts = event.get("facts")
    if isinstance(facts, dict):
        del event["facts"]
        for name, value in facts.items():
            event.setdefault(name.replace(" ", "_"), value)
    return event


class _RequestLine:
    """Writes the line of a request. It is the one that is written all the time, of few values that are all
    known to be harmless, so in JSON it goes round the processors, at a tenth of their cost."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self._wanted = True

    def configure(self, stream: TextIO | None, *, wanted: bool) -> None:
        """Write JSON to `stream`, or through structlog when there is none."""
        self._stream = stream
        self._wanted = wanted

    def __call__(self, method: str, path: str, status: int, seconds: float, address: str) -> None:
        if not self._wanted:
            return
        if self._stream is None:
            structlog.get_logger("idp.requests").info(
                "request",
                method=method,
                path=path,
                status=status,
                ms=round(seconds * 1000, 1),
                address=address,
            )
            return
        now = time.time()
        self._stream.write(
            f'{{"event": "request", "method": {_quoted(method)}, "path": {_quoted(path)}, '
            f'"status": {status}, "ms": {seconds * 1000:.1f}, "address": "{address}", "level": "info", '
            f'"timestamp": "{_to_the_second(int(now))}.{int(now % 1 * 1e6):06}Z", '
            f'"request_id": "{request_id.get()}"}}\n'
        )
        self._stream.flush()


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    return json.dumps(text)


@lru_cache(maxsize=2)
def _to_the_second(now: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))


write_request = _RequestLine()


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's log to `stream` (standard error) in one form."""
    stream = stream or sys.stderr
    level = getattr(logging, settings.level.upper())
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request_id,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    write_request.configure(stream if settings.format == "json" else None, wanted=level <= logging.INFO)
    renderers: list[Processor]
    if settings.format == "json":
        renderers = [structlog.processors.JSONRenderer()]
    else:
        renderers = [
            _spread_facts,
            printable,
            structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=0),
        ]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_named, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
