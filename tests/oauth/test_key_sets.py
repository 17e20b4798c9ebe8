"""A client's key set at an address of its own: asked for seldom, for everybody at once, and not within our network."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest

from idp.oauth.client_auth import key_sets
from idp.outgoing import Limits
from tests.support.assertions import JWKS, OTHER_KEY, RSA_KEY, Signer, jwk
from tests.support.client_auth import Reception


class KeyHost:
    """The client's own web server: answers with `body`, and counts."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, json.dumps(JWKS).encode(), {}
        self.asked = self.connected = 0
        self.drip = False
        self.reached, self.closing = Event(), Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked += 1
                host.reached.set()
                self.send_response(host.status)
                for name, value in host.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    if host.drip:
                        while host.drip and not host.closing.wait(0.02):
                            self.wfile.write(b" ")
                            self.wfile.flush()
                    self.wfile.write(host.body)
                except OSError:
                    pass  # the provider went away, as it should

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def verify_request(self, *_: object) -> bool:
                host.connected += 1
                return True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks"


@pytest.fixture
def key_host() -> Iterator[KeyHost]:
    host = KeyHost()
    thread = Thread(target=host.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield host
    host.closing.set()
    host.server.shutdown()
    thread.join()
    host.server.server_close()


@pytest.fixture
async def remote_bank(reception: Reception, key_host: KeyHost) -> Signer:
    await reception.register("bank", jwks_uri=key_host.url)
    return Signer(reception)


async def test_keys_are_fetched_once_and_believed_for_a_while(remote_bank: Signer, key_host: KeyHost) -> None:
    for _ in range(3):
        await remote_bank.send(remote_bank.sign())
    assert key_host.asked == 1
    remote_bank.reception.clock.advance(key_sets.TTL)
    await remote_bank.send(remote_bank.sign())
    assert key_host.asked == 2


async def test_a_rotated_key_is_found_without_waiting_for_the_cache(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    await remote_bank.send(remote_bank.sign())
    key_host.body = json.dumps({"keys": [jwk(OTHER_KEY, "new")]}).encode()
    assert await remote_bank.send(remote_bank.sign(key=OTHER_KEY, headers={"kid": "new"})) == "bank"
    await remote_bank.refused(remote_bank.sign())


async def test_a_key_that_is_replaced_under_its_name_is_found_too(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    await remote_bank.send(remote_bank.sign())
    key_host.body = json.dumps({"keys": [jwk(OTHER_KEY, "rsa")]}).encode()
    assert await remote_bank.send(remote_bank.sign(key=OTHER_KEY)) == "bank"


async def test_made_up_keys_and_signatures_cause_little_traffic(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    for number in range(8):
        await remote_bank.refused(remote_bank.sign(headers={"kid": f"made up {number}"}))
        await remote_bank.refused(remote_bank.sign(key=OTHER_KEY))
    assert key_host.asked == 1 + 3
    remote_bank.reception.clock.advance(61)
    await remote_bank.refused(remote_bank.sign(key=OTHER_KEY))
    assert key_host.asked == 1 + 4


@pytest.mark.parametrize(
    "bad",
    [
        7,
        None,
        {"kty": "RSA"},
        {"kty": ["RSA"], "use": ["sig"]},
        {"kty": "RSA", "n": 7, "e": []},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "bad"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"},
        {"kty": "unknown", "kid": "rsa"},
        jwk(RSA_KEY, "rsa") | {"use": ["sig"]},
        jwk(RSA_KEY, "rsa") | {"use": "enc"},
        jwk(RSA_KEY, "rsa") | {"key_ops": ["encrypt"]},
        jwk(RSA_KEY, "rsa") | {"kid": ["rsa"]},
        jwk(RSA_KEY, "rsa") | {"n": "AQAB"},
        jwk(RSA_KEY, "rsa") | {"n": "_" * 20_000},
        jwk(RSA_KEY, "rsa") | {"e": "_" * 300},
    ],
)
async def test_a_key_that_cannot_be_used_does_not_spoil_the_others(
    remote_bank: Signer, key_host: KeyHost, bad: object
) -> None:
    key_host.body = json.dumps({"keys": [bad, *JWKS["keys"], bad]}).encode()
    assert await remote_bank.send(remote_bank.sign()) == "bank"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (302, json.dumps(JWKS).encode()),
        (200, b"<!doctype html><p>Sign in"),
        (200, b""),
        (200, b"\xff\xfe"),
        (200, b"[]"),
        (200, b"null"),
        (200, b"7"),
        (200, b'{"keys": 7}'),
        (200, b'{"keys": [7]}'),
        (200, b'{"keys": [{"kty": "RSA"}]}'),
        (200, b'{"keys": [{"kty": "RSA", "n": 7, "e": []}]}'),
        (200, b'{"keys": []}'),
        (200, b"[" * 100_000),
        (200, b" " * (key_sets.LIMITS.longest + 1)),
    ],
)
async def test_whatever_the_address_answers_it_is_a_refusal(
    remote_bank: Signer, key_host: KeyHost, status: int, body: bytes
) -> None:
    key_host.status, key_host.body = status, body
    key_host.headers = {"Location": key_host.url + "/elsewhere"} if status == 302 else {}
    await remote_bank.refused(remote_bank.sign())
    assert key_host.asked == 1  # a redirect is not followed


async def test_an_address_that_does_not_answer_is_not_asked_again_at_once(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    key_host.status = 503
    for _ in range(5):
        await remote_bank.refused(remote_bank.sign())
    assert key_host.asked == 1
    key_host.status = 200
    remote_bank.reception.clock.advance(key_sets.PAUSE)
    assert await remote_bank.send(remote_bank.sign()) == "bank"


async def test_a_key_set_that_trickles_in_does_not_hold_the_request(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    remote_bank.reception.outgoing.limits = Limits(total=0.3)
    key_host.drip = True
    async with asyncio.timeout(5):
        await remote_bank.refused(remote_bank.sign())


async def test_of_many_assertions_at_once_one_fetches_the_keys(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    sent = [remote_bank.send(remote_bank.sign()) for _ in range(20)]
    assert await asyncio.gather(*sent) == ["bank"] * 20
    assert key_host.asked == 1


async def test_a_request_that_is_given_up_does_not_take_the_keys_of_the_others_along(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    key_host.drip = True
    first, second = (asyncio.create_task(remote_bank.send(remote_bank.sign())) for _ in range(2))
    assert await asyncio.to_thread(key_host.reached.wait, 5)
    first.cancel()
    key_host.drip = False
    assert await second == "bank"
    assert key_host.asked == 1


async def test_keys_that_were_read_still_count_when_looking_for_a_made_up_one_fails(
    remote_bank: Signer, key_host: KeyHost
) -> None:
    await remote_bank.send(remote_bank.sign())
    remote_bank.reception.clock.advance(key_sets.PAUSE)
    key_host.status = 503
    await remote_bank.refused(remote_bank.sign(headers={"kid": "made up"}))
    assert await remote_bank.send(remote_bank.sign()) == "bank"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433"])
async def test_no_address_of_a_client_leads_into_our_own_network(
    reception: Reception, key_host: KeyHost, host: str
) -> None:
    reception.outgoing.allow_private = False
    await reception.register("bank", jwks_uri=f"https://{host}:{urlsplit(key_host.url).port}/jwks")
    bank = Signer(reception)
    await bank.refused(bank.sign())
    assert key_host.connected == 0
