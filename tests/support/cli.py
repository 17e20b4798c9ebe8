"""The command line, run in this process: a command then costs its work and not the start of a Python."""

import io
import json
import logging
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog

from idp.cli.main import run
from idp.ops.logging import write_request


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object that was printed."""
        assert self.code == 0, self.err
        value: dict[str, Any] = json.loads(self.out)
        return value


def run_here(*arguments: str, stdin: str = "") -> Outcome:
    """Run a command in this environment and directory."""
    out, err = io.StringIO(), io.StringIO()
    with (
        _logging_as_before(),
        patch("sys.stdin", io.StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run(arguments)
    assert "Traceback" not in err.getvalue()
    return Outcome(code, out.getvalue(), err.getvalue())


def run_elsewhere(*arguments: str, directory: Path, environment: Mapping[str, str]) -> Outcome:
    """Run a command in another directory and environment; in a thread, as this one may have an event loop."""

    def command() -> Outcome:
        with chdir(directory), patch.dict(os.environ, environment, clear=True):
            return run_here(*arguments)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(command).result()


@contextmanager
def _logging_as_before() -> Iterator[None]:
    """Undo what a command does to the logging of its process."""
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
