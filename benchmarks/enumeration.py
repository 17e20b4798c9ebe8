"""Whether the time of an answer tells which addresses have an account.

Each question is asked about known and unknown addresses in turn, from addresses and browsers of their own.
Two samples of times are compared by the Mann-Whitney U test: it asks how often a time of the one is longer
than a time of the other, whatever their distribution, so a few slow answers change nothing.
"""

import html
import itertools
import random
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import httpx

from benchmarks import servers
from benchmarks.prepare import PEOPLE

NAME = "enumeration"
HEADINGS = ["answer to", "asked about", "median ms", "unknown ms", "AUC", "p", "verdict"]
UNLIKELY = 0.001
"""A probability of chance below which two samples are taken to differ."""
WARM_UP = 10
"""Rounds before, for connections to be opened and statements to be prepared."""
SETTINGS = {
    "IDP_ACCOUNTS__MAIL_INTERVAL": "0",  # an address is asked about more than once
    "IDP_ACCOUNTS__MAILS_PER_HOUR": "1000000",
    "IDP_ACCOUNTS__MAILS_IN_ALL": "0",
    "IDP_ACCOUNTS__CODE_GUESSES_PER_DAY": "1000000",
    "IDP_TRUSTED_PROXIES": "127.0.0.1/32",  # so that people come from many addresses
}

Ask = Callable[[httpx.Client, str], float]
"""Asks about an address in a browser and returns the seconds until the answer."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The times of a question's answers, for addresses of one kind against unknown ones."""

    question: str
    kind: str
    seconds: Sequence[float]
    unknown: Sequence[float]

    @property
    def auc(self) -> float:
        """How likely an answer about this kind takes longer than one about an unknown address: 0.5 if
        nothing can be told."""
        pairs = itertools.product(self.seconds, self.unknown)
        wins = sum(1.0 if mine > other else 0.5 if mine == other else 0.0 for mine, other in pairs)
        return wins / (len(self.seconds) * len(self.unknown))

    @property
    def p(self) -> float:
        """How likely chance alone makes the two this unlike: Mann-Whitney U, normal approximation."""
        n, m = len(self.seconds), len(self.unknown)
        deviation = sqrt((n + m + 1) / (12 * n * m))
        return 2 * statistics.NormalDist(0.5, deviation).cdf(0.5 - abs(self.auc - 0.5))

    @property
    def columns(self) -> list[str]:
        """The line of the report."""
        mine, other = (statistics.median(times) * 1000 for times in (self.seconds, self.unknown))
        verdict = "TOLD APART" if self.p < UNLIKELY else "alike"
        figures = (f"{mine:.2f}", f"{other:.2f}", f"{self.auc:.3f}", f"{self.p:.3f}")
        return [self.question, self.kind, *figures, verdict]


def comparisons(environment: Mapping[str, str], *, cpus: str, rounds: int) -> list[Comparison]:
    """Ask all questions, `rounds` times for each kind of address."""
    found = []
    with servers.provider({**environment, **SETTINGS}, workers=1, cpus=cpus) as served:
        origin = f"http://localhost:{served.port}"
        for question, ask in QUESTIONS.items():
            times = _times(origin, question, ask, rounds + WARM_UP)
            unknown = times.pop("unknown")
            found += [Comparison(question, kind, mine, unknown) for kind, mine in times.items()]
    return found


def _times(origin: str, question: str, ask: Ask, rounds: int) -> dict[str, list[float]]:
    shuffled = random.Random(question)  # an order that neither drift nor the request before favours
    times: dict[str, list[float]] = {}
    for number in range(rounds):
        nobody, begun = (f"nobody{n}.{question.replace(' ', '')}@example.com" for n in (number, number - 1))
        kinds = {"unknown": nobody, "known": f"person{number % PEOPLE}@example.com"}
        if question in {"registration", "a wrong code"} and number:
            kinds["unverified"] = begun
        for kind in shuffled.sample(sorted(kinds), len(kinds)):
            with httpx.Client(base_url=origin, headers={"X-Forwarded-For": _address(shuffled)}) as browser:
                seconds = ask(browser, kinds[kind])
            if number >= WARM_UP:
                times.setdefault(kind, []).append(seconds)
    return times


def _address(chance: random.Random) -> str:
    return f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"


# The questions -------------------------------------------------------------------------------------------


def _register(browser: httpx.Client, email: str) -> float:
    return _submit(browser, "/register", email=email, password="quiet otters row at noon", name="")


def _sign_in(browser: httpx.Client, email: str) -> float:
    return _submit(browser, "/login", email=email, password="not the password of anybody")


def _recover(browser: httpx.Client, email: str) -> float:
    return _submit(browser, "/recover", email=email)


def _send_again(browser: httpx.Client, email: str) -> float:
    """By the API: the page sends again only where somebody has registered."""
    return _seconds(lambda: browser.post("/api/v1/auth/resend-verification", json={"email": email}))


def _wrong_code(browser: httpx.Client, email: str) -> float:
    """On the page that follows a registration, which is not measured."""
    form = _form(browser, "/register") | {"email": email, "password": "quiet otters row at noon", "name": ""}
    page = browser.post("/register", data=form, follow_redirects=True)
    given = _hidden(page.text) | {"code": "000000"}
    return _seconds(lambda: browser.post(page.url.path, data=given))


def _wrong_code_by_api(browser: httpx.Client, email: str) -> float:
    return _seconds(
        lambda: browser.post("/api/v1/auth/verify-email", json={"email": email, "code": "000000"})
    )


def _sign_in_by_api(browser: httpx.Client, email: str) -> float:
    given = {"email": email, "password": "not the password of anybody"}
    return _seconds(lambda: browser.post("/api/v1/auth/login", json=given))


def _recover_by_api(browser: httpx.Client, email: str) -> float:
    return _seconds(lambda: browser.post("/api/v1/auth/forgot-password", json={"email": email}))


QUESTIONS: Mapping[str, Ask] = {
    "registration": _register,
    "sign-in": _sign_in,
    "recovery": _recover,
    "sending again": _send_again,
    "a wrong code": _wrong_code,
    "a wrong code by API": _wrong_code_by_api,
    "sign-in by API": _sign_in_by_api,
    "recovery by API": _recover_by_api,
}


def _submit(browser: httpx.Client, path: str, **fields: str) -> float:
    """Open a page, which is not measured, and send its form."""
    form = _form(browser, path) | fields
    return _seconds(lambda: browser.post(path, data=form))


def _form(browser: httpx.Client, path: str) -> dict[str, str]:
    return _hidden(browser.get(path).text)


def _hidden(page: str) -> dict[str, str]:
    hidden = {name: re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("csrf_token", "tx")}
    return {name: html.unescape(found[1]) for name, found in hidden.items() if found}


def _seconds(send: Callable[[], httpx.Response]) -> float:
    started = time.perf_counter()
    response = send()
    elapsed = time.perf_counter() - started
    if response.status_code not in {200, 202, 303, 400, 401, 422}:
        raise RuntimeError(f"{response.request.url.path} answered {response.status_code}.")
    return elapsed
