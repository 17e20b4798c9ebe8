"""`idp serve` with two workers on PostgreSQL, and workers that die: nothing is lost that a retry does not
bring back, and nothing counts twice."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from idp.clock import SystemClock
from idp.config import PasswordSettings
from idp.identity.accounts import Accounts
from idp.identity.passwords import PasswordHasher
from idp.oauth.client_metadata import PUBLIC, ClientMetadata
from idp.oauth.registration import build_client
from idp.storage.database import Database
from tests.support.provider import challenge_of, the_form
from tests.support.running import outside_environment
from tests.support.servers import PostgresServer, free_port

CALLBACK = "https://app.example/callback"
EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
PATIENCE = 60.0
"""Seconds; far more than needed, for machines that do much else."""


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)


@dataclass
class Served:
    """A provider of two workers, and an app that relies on it."""

    process: subprocess.Popen[bytes]
    url: str
    client_id: str
    browser: httpx.Client

    def workers(self) -> list[int]:
        """The process ids of the workers that serve."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = [int(pid) for pid in path.read_text().split()]
        return [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def post(self, **form: str) -> httpx.Response:
        """Ask for tokens, on a connection of its own so that any worker may take it."""
        form = {"client_id": self.client_id, **form}
        return httpx.post(f"{self.url}/token", data=form, trust_env=False, timeout=10)

    def refresh_patiently(self, token: str) -> httpx.Response:
        """Refresh as clients do: an answer that was lost is asked for again."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.post(grant_type="refresh_token", refresh_token=token)
            except httpx.TransportError:
                assert time.monotonic() < deadline, "no answer"

    def authorize(self) -> tuple[httpx.Response, str]:
        """Begin to sign in; return where it leads, and the code verifier."""
        verifier = secrets.token_urlsafe(48)
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid offline_access",
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        response = self.browser.get(f"{self.url}/authorize?{urlencode(parameters)}")
        while response.has_redirect_location and not response.headers["location"].startswith(CALLBACK):
            response = self.browser.get(response.url.join(response.headers["location"]))
        return response, verifier

    def answer(self, page: httpx.Response) -> httpx.Response:
        """Fill in the forms of the sign-in."""
        while not page.headers.get("location", "").startswith(CALLBACK):
            if page.has_redirect_location:
                page = self.browser.get(page.url.join(page.headers["location"]))
                continue
            form = the_form(page)
            filled = (
                {"email": EMAIL, "password": PASSWORD} if "password" in form.fields else {"decision": "allow"}
            )
            page = self.browser.post(str(page.url.join(form.action)), data=form.fields | filled)
            assert page.status_code < 400, page.text
        return page

    def redeem(self, callback: httpx.Response, verifier: str) -> httpx.Response:
        """Redeem the code of a callback."""
        code = dict(parse_qsl(urlsplit(callback.headers["location"]).query))["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self.post(**form, code_verifier=verifier)

    def tokens(self) -> dict[str, Any]:
        """Sign in."""
        page, verifier = self.authorize()
        response = self.redeem(self.answer(page), verifier)
        assert response.status_code == 200, response.text
        return response.json()


def fill(url: str) -> None:
    """Put an account and a public app into the database at `url`."""

    async def work() -> None:
        database, clock = Database(url), SystemClock()
        await Accounts(database, PasswordHasher(PasswordSettings()), clock).create(EMAIL, PASSWORD)
        app = ClientMetadata("App", token_endpoint_auth_method=PUBLIC, redirect_uris=(CALLBACK,))
        record, _ = build_client(app, clock.now(), client_id="app")
        async with database.unit_of_work() as uow:
            await uow.clients.add(record)
        await database.close()

    with ThreadPoolExecutor(1) as pool:  # in a thread: this one has the tests' event loop
        pool.submit(asyncio.run, work()).result()


@pytest.fixture
def served(new_database_url: Callable[[str], str], tmp_path: Path) -> Iterator[Served]:
    """`idp serve --workers 2` on PostgreSQL, with an account and a public app."""
    port = free_port()
    environment = outside_environment() | {
        "IDP_ISSUER": f"http://localhost:{port}",
        "IDP_DATABASE_URL": new_database_url("postgresql"),
        "IDP_MASTER_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "IDP_TOKENS__REFRESH_GRACE": "60",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    fill(environment["IDP_DATABASE_URL"])
    log = tmp_path / "serve.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "idp", "serve", "--port", str(port), "--workers", "2"]
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    try:
        with httpx.Client(trust_env=False, timeout=10) as browser:
            provider = Served(process, f"http://localhost:{port}", "app", browser)
            until(lambda: process.poll() is not None or answers(provider), "the provider serves")
            assert process.poll() is None, log.read_text()[-3000:]
            until(lambda: len(provider.workers()) == 2, "two workers")
            yield provider
    finally:
        process.terminate()
        process.wait(PATIENCE)


def answers(provider: Served) -> bool:
    try:
        return httpx.get(f"{provider.url}/readyz", trust_env=False, timeout=2).is_success
    except httpx.TransportError:
        return False


def test_killed_workers_lose_no_sign_in_and_let_nothing_count_twice(served: Served) -> None:
    families = [served.tokens()["refresh_token"] for _ in range(3)]
    over = Event()

    def refresh_on_and_on(token: str) -> str:
        while not over.is_set():
            try:
                response = served.post(grant_type="refresh_token", refresh_token=token)
            except httpx.TransportError:
                continue  # the answer is lost; the next round asks again with the same token
            assert response.status_code == 200, response.text
            token = response.json()["refresh_token"]
        return token

    with ThreadPoolExecutor(len(families)) as pool:
        load = [pool.submit(refresh_on_and_on, token) for token in families]
        try:
            for _ in range(2):
                known = set(served.workers())
                os.kill(min(known), signal.SIGKILL)
                until(lambda known=known: len(set(served.workers()) - known) >= 1, "a new worker")
                until(lambda: answers(served), "the provider serves")
        finally:
            over.set()
        for running in load:
            assert served.refresh_patiently(running.result(PATIENCE)).status_code == 200

    # A code whose answer was lost: beginning again needs no form, as session and consent are remembered.
    page, verifier = served.authorize()
    assert page.headers["location"].startswith(CALLBACK)
    taken = served.redeem(page, verifier)  # suppose that this answer was lost
    assert taken.status_code == 200
    again, new_verifier = served.authorize()
    assert again.headers["location"].startswith(CALLBACK)
    fresh = served.redeem(again, new_verifier)
    assert fresh.status_code == 200
    # The first code stays spent, whichever worker is asked, and its reuse does not touch the second sign-in.
    assert [served.redeem(page, verifier).status_code for _ in range(4)] == [400] * 4
    assert served.refresh_patiently(taken.json()["refresh_token"]).status_code == 400
    assert served.refresh_patiently(fresh.json()["refresh_token"]).status_code == 200


def test_a_stopping_provider_finishes_what_is_in_flight(served: Served, postgres: PostgresServer) -> None:
    token = served.tokens()["refresh_token"]
    database = database_of(served)
    # Hold the row that the refresh needs, so that it is in flight when the signal comes.
    holder = "BEGIN; SELECT 1 FROM refresh_tokens FOR UPDATE; SELECT pg_sleep(1.5); COMMIT"
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    asleep = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    with ThreadPoolExecutor(2) as pool:
        hold = pool.submit(postgres.execute, holder, database)
        until(lambda: postgres.execute(asleep, database) == "1", "the row is held")
        request = pool.submit(served.post, grant_type="refresh_token", refresh_token=token)
        until(lambda: postgres.execute(waiting, database) == "1", "the refresh waits for the row")
        served.process.send_signal(signal.SIGTERM)
        response = request.result(PATIENCE)
        hold.result(PATIENCE)
    assert response.status_code == 200, response.text
    assert response.json()["refresh_token"]
    assert served.process.wait(PATIENCE) == 0
    assert not answers(served)


def database_of(served: Served) -> str:
    """The name of the provider's database."""
    environment = Path(f"/proc/{served.process.pid}/environ").read_bytes().split(b"\0")
    url = next(line for line in environment if line.startswith(b"IDP_DATABASE_URL="))
    return url.decode().rpartition("/")[2]
