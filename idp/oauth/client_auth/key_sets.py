"""The key sets that clients keep at an address of their own (`jwks_uri`, RFC 7591 §2)."""

from typing import Final

import structlog

from idp.clock import Clock
from idp.foreign import json_object
from idp.keys.published import FetchedKeys, KeySet, read_key_set
from idp.outgoing import FAILURES, Limits, Outgoing, said

LIMITS: Final = Limits(connect=3.0, read=5.0, total=5.0, longest=200_000)
TTL: Final = 300.0
"""Seconds for which a key set is believed."""
PAUSE: Final = 10.0
"""Seconds for which an address that failed is left alone."""
MOST_ADDRESSES: Final = 10_000
"""Addresses that are remembered; the one that was read first is forgotten for another."""

log = structlog.get_logger("idp.oauth")


class KeySetUnavailable(Exception):
    """A key set cannot be read; the reason is in the log."""


class RemoteKeySets:
    """The key set at each address."""

    def __init__(self, outgoing: Outgoing, clock: Clock) -> None:
        self._outgoing = outgoing
        self._clock = clock
        self._sources: dict[str, FetchedKeys] = {}
        self._failed: dict[str, float] = {}

    def at(self, uri: str) -> FetchedKeys:
        """Return the key set at an address. Fetching it raises `KeySetUnavailable`."""
        source = self._sources.get(uri)
        if source is None:
            if len(self._sources) >= MOST_ADDRESSES:
                forgotten = next(iter(self._sources))
                del self._sources[forgotten]
                self._failed.pop(forgotten, None)
            source = self._sources[uri] = FetchedKeys(lambda: self._fetch(uri), self._clock, TTL)
        return source

    async def _fetch(self, uri: str) -> KeySet:
        if self._failed.get(uri, float("-inf")) > self._clock.now() - PAUSE:
            raise KeySetUnavailable
        try:
            answer = await self._outgoing.send("GET", uri)
            if answer.status != 200:
                raise ValueError(f"it answers {answer.status}")
            keys = read_key_set(json_object(answer.body))
        except FAILURES as error:
            log.warning("a client's jwks_uri cannot be read", jwks_uri=uri, reason=said(error))
            self._failed[uri] = self._clock.now()
            raise KeySetUnavailable from error
        self._failed.pop(uri, None)
        return keys
