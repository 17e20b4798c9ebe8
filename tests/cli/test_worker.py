"""`idp worker` and `idp.asgi`: the work apart from the web, and the web in a server of one's own."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from idp.crypto import MasterKey
from idp.identity.mail_delivery import MailDelivery
from idp.storage.sweeper import Sweeper
from tests.support.provider import MakeProvider
from tests.support.running import outside_environment


@pytest.fixture
def environment(tmp_path: Path, sqlite_template: Path) -> dict[str, str]:
    shutil.copy(sqlite_template, tmp_path / "idp.db")
    return outside_environment() | {
        "IDP_DATABASE_URL": f"sqlite:///{tmp_path}/idp.db",
        "IDP_MASTER_KEY": MasterKey.generate(),
        "IDP_KEYS__DIRECTORY": str(tmp_path),
    }


def test_a_worker_works_until_it_is_told_to_stop(tmp_path: Path, environment: dict[str, str]) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "idp", "worker"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert worker.stderr is not None
        assert any("Working" in line for line in worker.stderr)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    finally:
        worker.kill()
        worker.communicate()
    with sqlite3.connect(tmp_path / "idp.db") as database:
        assert database.execute("SELECT count(*) FROM signing_keys").fetchone()[0] == 3


def test_a_worker_on_a_database_that_is_not_migrated_says_so(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "idp.db").unlink()
    command = [sys.executable, "-m", "idp", "worker"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "idp migrate" in ended.stderr) == (1, True)


def test_the_application_can_be_served_by_another_asgi_server(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    script = """
import asyncio, httpx, json
from idp.asgi import app
async def ask():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8000") as client:
        return (await client.get("/.well-known/openid-configuration")).json()
print(json.dumps(asyncio.run(ask())))
"""
    command = [sys.executable, "-c", script]
    answer = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(answer.stdout.splitlines()[-1])["issuer"] == "http://localhost:8000"


@pytest.mark.parametrize("background", [True, False])
async def test_web_processes_leave_the_background_work_to_workers_where_the_setting_says_so(
    make_provider: MakeProvider, monkeypatch: pytest.MonkeyPatch, background: bool
) -> None:
    begun: list[str] = []

    async def run(self: object, *_: object) -> None:
        begun.append(type(self).__name__)

    for part in (MailDelivery, Sweeper):
        monkeypatch.setattr(part, "run", run)
    provider = await make_provider(server={"background": background})
    assert (await provider.http("GET", "/readyz")).status_code == 200
    assert sorted(begun) == (["MailDelivery", "Sweeper"] if background else [])
