"""Requests to addresses that others chose: providers to sign in with, and clients' key sets.

They have limits of time and size, follow no redirect, use no proxy of the environment, and reach no private
network: a name is resolved here, its addresses are judged, and the connection goes to one that was (a second
look-up could give another answer).
"""

import asyncio
import ipaddress
import json
import socket
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpcore
import httpx

from idp.clock import Clock
from idp.trust import Trust, tls_fault

CONNECTIONS: Final = 50
FAILURES: Final = (httpx.HTTPError, httpx.StreamError, OSError, ValueError)
"""What a request raises that comes to nothing."""

LONGEST_LINK: Final = 4000
"""Characters of a Link header that are looked at."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # RFC 6890 §2.2.2; also where Python before 3.11.10 says otherwise (CVE-2024-4032)
            "192.88.99.0/24",  # RFC 7526: 6to4 relays that are no more
            "64:ff9b:1::/48",  # RFC 8215: NAT64 of a local network
            "100:0:0:1::/64",  # RFC 9780
            "2001::/23",  # RFC 2928, in which nothing is assigned that would serve a provider
            "3fff::/20",  # RFC 9637: documentation
            "5f00::/16",  # RFC 9602: segment routing
            "fec0::/10",  # RFC 3879: site-local, of old
        ),
    )
)
"""What `ipaddress` takes for public in some version of Python, and is not."""
SocketOption = Any


def is_public(address: str) -> bool:
    """Tell whether an address is one of the public internet, and carries none that is not."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    if any(parsed in network for network in _NOT_PUBLIC):
        return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


class ForbiddenAddress(httpcore.ConnectError):
    """A name led to addresses that may not be reached from here."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that it has judged itself."""

    def __init__(self, *, allow_private: bool, setting: str) -> None:
        self._allow_private = allow_private
        self._setting = setting
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, judge, and connect to what was judged."""
        failure: Exception | None = None
        for address in await self._addresses(host, port, timeout):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's signature
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Nobody else is there."""
        del timeout, socket_options
        raise ForbiddenAddress(f"{path} is a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait between tries."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int, seconds: float | None) -> list[str]:
        try:
            async with asyncio.timeout(seconds):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error.strerror}") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        if self._allow_private:
            return addresses
        public = [address for address in addresses if is_public(address)]
        if not public:
            raise ForbiddenAddress(
                f"{host} is at {', '.join(addresses) or 'no address'}, which is not public; "
                f"{self._setting} would allow it"
            )
        return public


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over our backend."""

    def __init__(self, *, allow_private: bool, setting: str, trust: Trust) -> None:
        super().__init__(verify=trust.context, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust.context,
            max_connections=CONNECTIONS,
            max_keepalive_connections=5,
            keepalive_expiry=20.0,
            network_backend=GuardedBackend(allow_private=allow_private, setting=setting),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, no longer than it may be."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def next_url(self) -> str | None:
        """The URL of the next page of a list (RFC 8288 §3.3, `rel="next"`), whatever host it names."""
        link = self.headers.get("link", "")[:LONGEST_LINK].encode()  # text would have to be ASCII
        return httpx.Response(200, headers=[(b"link", link)]).links.get("next", {}).get("url")

    def json(self) -> Any:
        """Return the JSON value; raise ValueError."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes."""

    connect: float = 4.0
    read: float = 6.0
    total: float = 10.0
    """For one request, drop by drop or not."""
    longest: int = 512 * 1024
    """Of an answer."""


class Outgoing:
    """The way out for one purpose. Opens nothing, and reads no certificates, before the first request."""

    def __init__(
        self,
        *,
        allow_private: bool,
        setting: str,
        limits: Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        trust: Trust | None = None,
    ) -> None:
        """`setting` is the name of the setting that `allow_private` comes from, for the log."""
        self.allow_private = allow_private
        self.limits = limits or Limits()
        self.transport = transport
        """Another way out; tests put one here."""
        self._setting = setting
        self._trust = trust or Trust()
        self._client: httpx.AsyncClient | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the answer, whatever its status; raise one of `FAILURES`."""
        self._check(url)
        # Compression is not asked for: what is small on the wire could be huge here.
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        body = bytearray()
        async with (
            asyncio.timeout(self.limits.total),
            self._opened().stream(method, url, data=data, headers=sent) as response,
        ):
            if response.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("the answer is compressed, which was not asked for")
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self.limits.longest:
                    raise ValueError(f"the answer is longer than {self.limits.longest} bytes")
            return Answer(url, response.status_code, dict(response.headers), bytes(body))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=self.transport
                or _GuardedTransport(
                    allow_private=self.allow_private, setting=self._setting, trust=self._trust
                ),
                timeout=httpx.Timeout(self.limits.read, connect=self.limits.connect),
                follow_redirects=False,
                trust_env=False,
                headers={"User-Agent": "idp"},
            )
        return self._client

    def _check(self, url: str) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError(f"{url[:200]!r} is not a URL") from error
        schemes = {"https", "http"} if self.allow_private else {"https"}
        if parsed.scheme not in schemes or not parsed.host or parsed.userinfo:
            hint = f"; {self._setting} would allow it" if parsed.scheme == "http" else ""
            raise ValueError(f"{url[:200]!r} is not an https URL{hint}")
        if parsed.port is not None and not 0 < parsed.port < 65536:  # sockets would raise OverflowError
            raise ValueError(f"{url[:200]!r} has a port that there is not")


class FetchBudget:
    """How often one address may be asked again out of turn: what is sent to us must not make us flood others."""

    def __init__(self, clock: Clock, most: int = 3, window: float = 60.0) -> None:
        """At most `most` times in `window` seconds."""
        self._clock = clock
        self._window = window
        self._taken: deque[float] = deque(maxlen=most)

    def take(self) -> bool:
        """Tell whether it may be asked now, and count it."""
        now = self._clock.now()
        if len(self._taken) == self._taken.maxlen and self._taken[0] > now - self._window:
            return False
        self._taken.append(now)
        return True


def said(error: Exception) -> str:
    """Return why a request came to nothing, for the log."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return str(error) or "no answer in time"
    fault = tls_fault(error, "the server")
    if fault is not None:
        return fault.removesuffix(".")
    return str(error) or type(error).__name__
