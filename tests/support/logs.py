"""Logging belongs to a process, and the tests share theirs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from idp.ops.logging import write_request


@contextmanager
def logging_as_before() -> Iterator[None]:
    """Undo in the end what the block does to the logging of this process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
        write_request.configure(None, wanted=True)
