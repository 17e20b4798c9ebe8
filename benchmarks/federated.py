"""What a sign-in with an account elsewhere costs the provider, beside one with a password.

The other provider is the stand-in for Google, in this process: the worker's processor time leaves it out.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

import httpx
import uvicorn

from benchmarks import servers
from benchmarks.prepare import PASSWORD
from benchmarks.servers import Served
from idp.dev.upstreams import CLIENT_ID, CLIENT_SECRET, GOOGLE_PATH, create_app
from tests.support.servers import free_port

NAME = "federated sign-in"
WARM_UP = 5
"""Sign-ins before: the first makes the account, discovery and keys are fetched, statements are prepared."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time of the worker for one sign-in, in milliseconds."""

    federated: float
    password: float
    sign_ins: int
    """How many of each were measured."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """A browser that has the sign-in page open, which both ways have in common and which is not measured."""

    browser: httpx.Client
    page: str
    number: int

    def by_password(self) -> httpx.Response:
        """Send the form."""
        form = {name: self._field(name) for name in ("csrf_token", "tx")}
        form |= {"email": f"person{self.number}@example.com", "password": PASSWORD}
        return self.browser.post("/login", data=form)

    def elsewhere(self) -> httpx.Response:
        """Press the button, choose somebody at the stand-in, and come back."""
        away = self.browser.get(f"/federation/google/start?tx={self._field('tx')}").headers["location"]
        back = httpx.post(away, data={"person": "vera"}).headers["location"]
        return self.browser.get(_path(back))

    def finish(self, response: httpx.Response) -> None:
        """Go on until the account page would be next."""
        while not (path := _path(response.headers.get("location", ""))).startswith("/account"):
            if not path.startswith("/authorize/resume"):
                raise RuntimeError(f"A sign-in led to {path or response.status_code}.")
            response = self.browser.get(path)

    def _field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]+)"', self.page)
        if found is None:
            raise RuntimeError(f"The sign-in page has no {name}.")
        return html.unescape(found[1])


def costs(environment: Mapping[str, str], *, cpus: str, sign_ins: int) -> Costs:
    """Sign the same people in again and again, one at a time, both ways."""
    with (
        _stand_in() as settings,
        servers.provider({**environment, **settings}, workers=1, cpus=cpus) as served,
    ):
        for way in (_Visit.elsewhere, _Visit.by_password):
            _cost(served, way, WARM_UP)
        federated, password = (_cost(served, way, sign_ins) for way in (_Visit.elsewhere, _Visit.by_password))
    return Costs(federated, password, sign_ins)


def _cost(served: Served, way: Callable[[_Visit], httpx.Response], number: int) -> float:
    visits = []
    for i in range(number):
        browser = httpx.Client(base_url=f"http://localhost:{served.port}")
        visits.append(_Visit(browser, browser.get("/login").text, i))
    before = served.cpu_seconds
    for visit in visits:
        visit.finish(way(visit))
    used = served.cpu_seconds - before
    for visit in visits:
        visit.browser.close()
    return used / number * 1000


def _path(url: str) -> str:
    """Return an address without its host: the issuer says another port than the one that is free."""
    return urlsplit(url)._replace(scheme="", netloc="").geturl()


@contextmanager
def _stand_in() -> Iterator[dict[str, str]]:
    """Run the stand-in for Google, and say which settings lead to it."""
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(uvicorn.Config(create_app(base_url), port=port, log_config=None, lifespan="off"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    google = {"CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, "ISSUER": base_url + GOOGLE_PATH}
    named = {f"IDP_FEDERATION__GOOGLE__{name}": value for name, value in google.items()}
    try:
        yield {"IDP_FEDERATION__ALLOW_PRIVATE_ADDRESSES": "true", **named}
    finally:
        server.should_exit = True
        thread.join()
