"""Floods from one address, each of a kind that did harm once: `python -m benchmarks.floods NAME PORT SECONDS`.

For servers on loopback only. Prints how many requests got which answer, as JSON.
"""

import asyncio
import html
import itertools
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.prepare import CHALLENGE, PEOPLE, REDIRECT_URI

ATTACKER = "127.0.0.2"
"""All of 127.0.0.0/8 is this machine: the flood has an address of its own."""
CONNECTIONS = 8
SLOW_CONNECTIONS = 600
COSTLY_PASSWORD = "4@8({[<69!|13$5+7%02abcdefghijklmnopqrstuvwxyz4@8({[<69!|13$5+7%02ab"
"""Many spellings of many letters: a judge of passwords that tries them all does not end."""


@dataclass
class Flood:
    """An attacker at work until the deadline."""

    port: int
    deadline: float
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def going_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self.deadline

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Open a client without cookies, at the attacker's address."""
        transport = httpx.AsyncHTTPTransport(local_address=ATTACKER)
        base = f"http://localhost:{self.port}"
        async with httpx.AsyncClient(transport=transport, base_url=base, timeout=30) as client:
            yield client

    async def send(self, client: httpx.AsyncClient, method: str, url: str, **options: Any) -> str:
        """Send a request as a new browser does; note and return the answer."""
        client.cookies.clear()
        return await self.note(client.request(method, url, **options))

    async def note(self, sending: Awaitable[httpx.Response]) -> str:
        """Note what came of a request and return its page."""
        try:
            response = await sending
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            await asyncio.sleep(0.05)  # a refused connection costs nothing: do not spin
            return ""
        self.answers[str(response.status_code)] += 1
        return response.text

    async def many(self, attack: Callable[["Flood", httpx.AsyncClient], Awaitable[None]]) -> None:
        """Attack on several connections at once."""

        async def one() -> None:
            async with self.client() as client:
                while self.going_on:
                    await attack(self, client)

        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


_numbers: Iterator[int] = itertools.count()


async def strength(flood: Flood, client: httpx.AsyncClient) -> None:
    """Have a costly password judged (zxcvbn's substitutions are exponential)."""
    page = await flood.send(client, "GET", "/register")
    token = re.search(r'data-csrf="([^"]+)"', page) or re.search(r'name="csrf_token" value="([^"]+)"', page)
    form = {"csrf_token": html.unescape(token[1]) if token else "", "password": COSTLY_PASSWORD}
    for _ in range(20):
        if flood.going_on:
            await flood.note(client.post("/password/strength", data=form))


async def log_lines(flood: Flood, client: httpx.AsyncClient) -> None:
    """Send what looks like thousands of tokens, for the log to hide."""
    await flood.send(client, "GET", "/authorize?client_id=" + "eyJ-" * 3900)


async def store(flood: Flood, client: httpx.AsyncClient) -> None:
    """Begin sign-ins and never go on with them."""
    request = {
        "client_id": "benchmark",
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "s" * 7000,
    }
    await flood.send(client, "GET", "/authorize", params=request)
    for path in ("/login", "/register", "/recover", "/account"):
        if flood.going_on:
            await flood.send(client, "GET", path)


async def rows(flood: Flood, client: httpx.AsyncClient) -> None:
    """Do what might be written down: names of providers, clients and people that do not exist."""
    number = next(_numbers)
    await flood.send(client, "GET", f"/federation/none{number}/start")
    form = {"grant_type": "client_credentials"}
    await flood.send(client, "POST", "/token", data=form, auth=(f"client{number}", "secret"))
    body = {"email": f"nobody{number}@example.com", "password": "not it"}
    await flood.send(client, "POST", "/api/v1/auth/login", json=body)


async def mails(flood: Flood, client: httpx.AsyncClient) -> None:
    """Have mail sent to strangers."""
    number = next(_numbers)
    await _submit(
        flood, client, "/register", email=f"stranger{number}@example.com", password="otters row at noon"
    )
    await _submit(flood, client, "/recover", email=f"person{number % PEOPLE}@example.com")


async def guesses(flood: Flood, client: httpx.AsyncClient) -> None:
    """Guess passwords: each guess is a hash."""
    email = f"person{next(_numbers) % PEOPLE}@example.com"
    await _submit(flood, client, "/login", email=email, password="not it")


async def _submit(flood: Flood, client: httpx.AsyncClient, path: str, **fields: str) -> None:
    page = await flood.send(client, "GET", path)
    hidden = {name: re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("csrf_token", "tx")}
    form = {name: html.unescape(found[1]) for name, found in hidden.items() if found} | fields
    if flood.going_on:
        await flood.note(client.post(path, data=form))


async def slow_heads(flood: Flood) -> None:
    """Open connections and never finish the head of a request."""

    async def one() -> None:
        while flood.going_on:
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", flood.port, local_addr=(ATTACKER, 0)
                )
            except OSError:
                flood.answers["refused"] += 1
                await asyncio.sleep(0.2)
                continue
            flood.answers["opened"] += 1
            with suppress(OSError):
                writer.write(b"GET /login HTTP/1.1\r\nHost: localhost\r\n")
                while flood.going_on and not reader.at_eof():
                    writer.write(b"X-Slow: 1\r\n")
                    await writer.drain()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1000), 1)
            flood.answers["held to the end" if flood.going_on is False else "closed by the server"] += 1
            writer.close()
            await asyncio.sleep(0.05)

    await asyncio.gather(*(one() for _ in range(SLOW_CONNECTIONS)))


Attack = Callable[[Flood], Awaitable[None]]

FLOODS: Mapping[str, Attack] = {
    "password strength": lambda flood: flood.many(strength),
    "log lines": lambda flood: flood.many(log_lines),
    "slow heads": slow_heads,
    "sign-ins begun": lambda flood: flood.many(store),
    "things to note": lambda flood: flood.many(rows),
    "mails": lambda flood: flood.many(mails),
    "guesses": lambda flood: flood.many(guesses),
}


def main() -> None:
    """Run one flood."""
    name, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    os.nice(10)  # it shares the machine with what it attacks, and a real attacker would not
    flood = Flood(port, time.monotonic() + seconds)

    async def attack() -> None:
        await FLOODS[name](flood)

    asyncio.run(attack())
    print(json.dumps(dict(flood.answers)))


if __name__ == "__main__":
    main()
