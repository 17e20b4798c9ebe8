"""Where a request comes from: the address that throttles count and logs name."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from idp.ops.asgi import state_of

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_CHAIN = 32
"""Entries of X-Forwarded-For that are looked at, from the right."""


@lru_cache(maxsize=8192)
def parse_address(text: str) -> IPAddress | None:
    """Read an address as proxies write it (`1.2.3.4`, `1.2.3.4:567`, `[::1]:567`); None for anything else.

    An IPv4 address mapped into IPv6 becomes the IPv4 address, and a zone is dropped, so that one host has
    one form.
    """
    host = text.strip().strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def network_of(address: str) -> str:
    """Return what limits count by: an IPv4 address, or the /64 that one IPv6 subscriber owns whole."""
    parsed = parse_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return address if parsed is None else str(parsed)


class ClientAddress:
    """Puts the client's address into `scope["state"]["address"]`, and whether a trusted proxy
    passed the request on into `scope["state"]["proxied"]`.

    X-Forwarded-For counts only when the peer is in `trusted_proxies`; then the right-most entry that is
    not itself trusted is the client, since everything left of it is whatever that client wrote.
    """

    def __init__(self, app: ASGIApp, trusted_proxies: Iterable[str] = ()) -> None:
        self._app = app
        self._trusted: tuple[IPNetwork, ...] = tuple(
            ipaddress.ip_network(network, strict=False) for network in trusted_proxies
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "lifespan":
            state = state_of(scope)
            client = scope.get("client")
            peer = parse_address(client[0]) if client else None
            proxied = peer is not None and self._is_trusted(peer)
            state["proxied"] = proxied
            address = self._forwarded(scope, peer) if proxied and peer is not None else peer
            state["address"] = "" if address is None else str(address)
        await self._app(scope, receive, send)

    def _is_trusted(self, address: IPAddress) -> bool:
        return any(address in network for network in self._trusted)

    def _forwarded(self, scope: Scope, peer: IPAddress) -> IPAddress:
        values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        entries = b",".join(values).decode("latin-1").rsplit(",", _LONGEST_CHAIN)[-_LONGEST_CHAIN:]
        nearest = peer
        for entry in reversed(entries):
            address = parse_address(entry)
            if address is None:  # nobody vouches for what is left of nonsense
                break
            nearest = address
            if not self._is_trusted(address):
                break
        return nearest
