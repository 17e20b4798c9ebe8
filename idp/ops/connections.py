"""How many connections a worker keeps, in all and by address.

Where there is no room, the oldest connection that has no request under way is closed for the new one. An
attacker that opens connections and sends nothing loses them first; an honest request is there within a moment.
"""

import ipaddress
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Protocol

import structlog

from idp.ops.address import network_of, parse_address

TELL_EVERY: Final = 60.0
"""Seconds between two lines of the log about connections that were closed for others."""

log = structlog.get_logger("idp.connections")


class Connection(Protocol):
    """What is known of a connection here."""

    peer: str
    """The address at its other end; empty for a local socket."""

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        ...

    def drop(self) -> None:
        """Close it at once."""
        ...


class OpenConnections:
    """The connections of one worker. `most` and `most_per_address` of 0 are no bound.

    Connections from `trusted_proxies` have no bound by address: each proxy brings many users.
    """

    def __init__(self, most: int, most_per_address: int, trusted_proxies: Iterable[str] = ()) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._trusted = tuple(ipaddress.ip_network(network, strict=False) for network in trusted_proxies)
        self._all: dict[Connection, None] = {}
        """In the order of their arrival, as the sets by network are."""
        self._by_network: defaultdict[str, dict[Connection, None]] = defaultdict(dict)
        self._closed = 0
        self._told_at = float("-inf")

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, connection: Connection) -> bool:
        """Take a connection in; tell whether there is room for it. One that is not taken in is to be closed."""
        network = self._counted_as(connection.peer)
        if network and self._most_per_address:
            of_network = self._by_network.get(network, {})
            if not self._make_room(of_network, self._most_per_address):
                return False
        if self._most and not self._make_room(self._all, self._most):
            return False
        self._all[connection] = None
        if network:
            self._by_network[network][connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is closed, if it was taken in."""
        self._all.pop(connection, None)
        network = self._counted_as(connection.peer)
        of_network = self._by_network.get(network)
        if of_network is not None:
            of_network.pop(connection, None)
            if not of_network:
                del self._by_network[network]

    def _make_room(self, among: dict[Connection, None], most: int) -> bool:
        if len(among) < most:
            return True
        self._tell()
        oldest = next((connection for connection in among if not connection.is_busy), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.drop()
        return True

    def _counted_as(self, peer: str) -> str:
        address = parse_address(peer)
        if address is None or any(address in network for network in self._trusted):
            return ""
        return network_of(peer)

    def _tell(self) -> None:
        self._closed += 1
        now = time.monotonic()
        if now - self._told_at >= TELL_EVERY:
            log.warning("connections are at their bound", open=len(self._all), closed=self._closed)
            self._told_at, self._closed = now, 0
