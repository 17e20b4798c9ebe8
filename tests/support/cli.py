"""The command line, run in this process: a command then costs its work and not the start of a Python."""

import io
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from idp.cli.main import run
from tests.support.logs import logging_as_before


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
        logging_as_before(),
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
