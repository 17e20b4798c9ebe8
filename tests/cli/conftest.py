"""The command line, in this process, on an installation of its own."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog

from idp.cli.main import run
from idp.crypto import MasterKey
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


class Idp(Protocol):
    def __call__(self, *arguments: str, stdin: str = "") -> Outcome: ...


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("IDP_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDP_DATABASE_URL", f"sqlite:///{tmp_path}/idp.db")
    monkeypatch.setenv("IDP_MASTER_KEY", MasterKey.generate())
    monkeypatch.setenv("IDP_PASSWORDS__MEMORY_KIB", "64")
    monkeypatch.setenv("IDP_PASSWORDS__TIME_COST", "1")
    return tmp_path


@pytest.fixture
def idp(
    installation: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Idp]:
    import io

    root = logging.getLogger()
    before = root.handlers[:], root.level

    def command(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Outcome(code, out, err)

    yield command
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    write_request.configure(None, wanted=True)


@pytest.fixture
def migrated(idp: Idp) -> Idp:
    assert idp("migrate").code == 0
    return idp
