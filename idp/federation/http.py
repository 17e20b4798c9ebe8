"""Requests to other providers.

Where they go is in part up to those providers, and to whoever configures one. So they have limits of time
and size, follow no redirect, and reach no private network: a name is resolved here, its addresses are
judged, and the connection goes to one that was (a second look-up could give another answer).
"""

import asyncio
import ipaddress
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpcore
import httpx

from idp.clock import Clock
from idp.federation.upstream import UpstreamDown

CONNECT_TIMEOUT: Final = 4.0
READ_TIMEOUT: Final = 6.0
TOTAL_TIMEOUT: Final = 10.0
"""Seconds for one request, drop by drop or not."""
LONGEST_ANSWER: Final = 512 * 1024
"""Bytes."""
CONNECTIONS: Final = 50

FAILURES_TO_OPEN: Final = 5
OPEN_FOR: Final = 20.0
"""Seconds for which a provider that failed so often in a row is not asked at all."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
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
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


class ForbiddenAddress(httpcore.ConnectError):
    """A name led to addresses that may not be reached from here."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that it has judged itself."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
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
        """No provider is there."""
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
                "IDP_FEDERATION__ALLOW_PRIVATE_ADDRESSES would allow it"
            )
        return public


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over our backend."""

    def __init__(self, *, allow_private: bool) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=CONNECTIONS,
            max_keepalive_connections=5,
            keepalive_expiry=20.0,
            network_backend=GuardedBackend(allow_private=allow_private),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, no longer than it may be."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the JSON value; raise ValueError."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


class Outgoing:
    """The one client. Opens nothing, and reads no certificates, before the first request."""

    def __init__(
        self, *, allow_private: bool, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.allow_private = allow_private
        self.clock = clock
        self.transport = transport
        """Another way out; tests put one here."""
        self._client: httpx.AsyncClient | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the answer; raise OSError, ValueError or `httpx.HTTPError`."""
        self._check(url)
        # Compression is not asked for: what is small on the wire could be huge here.
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        body = bytearray()
        async with (
            asyncio.timeout(TOTAL_TIMEOUT),
            self._opened().stream(method, url, data=data, headers=sent) as response,
        ):
            if response.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("the answer is compressed, which was not asked for")
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LONGEST_ANSWER:
                    raise ValueError(f"the answer is longer than {LONGEST_ANSWER} bytes")
            return Answer(url, response.status_code, dict(response.headers), bytes(body))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=self.transport or _GuardedTransport(allow_private=self.allow_private),
                timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
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
            raise ValueError(f"{url[:200]!r} is not an https URL")


class ProviderHttp:
    """Requests to one provider. One that keeps failing is left alone for a while: nobody waits for it."""

    def __init__(self, outgoing: Outgoing, label: str) -> None:
        self._outgoing = outgoing
        self._label = label
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the provider is left alone at the moment."""
        return self._failures >= FAILURES_TO_OPEN and self._outgoing.clock.now() < self._open_until

    @property
    def allows_private(self) -> bool:
        """Whether providers may be on private networks, and without TLS there."""
        return self._outgoing.allow_private

    async def send(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; raise `UpstreamDown` where there is no answer, a redirect or a server's error."""
        if self.is_open:
            raise UpstreamDown(self._label, "it failed several times in a row and is left alone for a moment")
        if self._failures >= FAILURES_TO_OPEN:
            self._open_for_a_while()  # one tries again; the others are still told at once
        try:
            answer = await self._outgoing.send(method, url, data=data, headers=headers)
            if 300 <= answer.status < 400:
                raise ValueError(f"it redirects to {answer.headers.get('location', 'nowhere')[:200]!r}")
            if answer.status >= 500:
                raise ValueError(f"it answers {answer.status}")
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError) as error:
            self._failed()
            raise UpstreamDown(self._label, f"{method} {url[:300]}: {_said(error)}") from error
        self._failures = 0
        return answer

    async def json(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the JSON object of an answer; raise `UpstreamDown` when it is none."""
        answer = await self.send(method, url, data=data, headers=headers)
        return answer.status, self.object_of(answer)

    def object_of(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of an answer; raise `UpstreamDown` when it is none."""
        try:
            value = answer.json()
        except ValueError as error:
            kind = answer.headers.get("content-type", "no type")[:80]
            raise UpstreamDown(
                self._label, f"{answer.url[:300]} answers {answer.status} with {kind}, which is not JSON"
            ) from error
        if not isinstance(value, dict):
            raise UpstreamDown(self._label, f"{answer.url[:300]} answers with JSON that is not an object")
        return value

    def _failed(self) -> None:
        self._failures += 1
        self._open_for_a_while()

    def _open_for_a_while(self) -> None:
        self._open_until = self._outgoing.clock.now() + OPEN_FOR


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return str(error) or "no answer in time"
    return str(error) or type(error).__name__
