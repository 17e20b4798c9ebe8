"""The command line, in this process, on an installation of its own."""

import shutil
from pathlib import Path
from typing import Protocol

import pytest

from idp.crypto import MasterKey
from tests.support.cli import Outcome, run_here


class Idp(Protocol):
    def __call__(self, *arguments: str, stdin: str = "") -> Outcome: ...


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDP_DATABASE_URL", f"sqlite:///{tmp_path}/idp.db")
    monkeypatch.setenv("IDP_MASTER_KEY", MasterKey.generate())
    monkeypatch.setenv("IDP_PASSWORDS__MEMORY_KIB", "64")
    monkeypatch.setenv("IDP_PASSWORDS__TIME_COST", "1")
    return tmp_path


@pytest.fixture
def idp(installation: Path) -> Idp:
    return run_here


@pytest.fixture
def migrated(idp: Idp, installation: Path, sqlite_template: Path) -> Idp:
    shutil.copy(sqlite_template, installation / "idp.db")
    return idp
