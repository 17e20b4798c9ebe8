"""The key sets that clients keep at an address of their own (`jwks_uri`, RFC 7591 §2)."""

import asyncio
from typing import Final

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from idp.clock import Clock
from idp.outgoing import FAILURES, Limits, Outgoing, said

LIMITS: Final = Limits(connect=3.0, read=5.0, total=5.0, longest=200_000)
TTL: Final = 300.0
"""Seconds for which a key set is believed."""
MIN_INTERVAL: Final = 10.0
"""Seconds between two requests to one address, whatever came of the first: neither made-up key ids nor an
address that fails may make us a nuisance to whoever is there."""

log = structlog.get_logger("idp.oauth")


class RemoteKeySets:
    """Fetches key sets and keeps them for a while. Of many who want the same one at once, one asks."""

    def __init__(self, outgoing: Outgoing, clock: Clock) -> None:
        self._outgoing = outgoing
        self._clock = clock
        self._fetched: dict[str, tuple[float, KeySet]] = {}
        self._failed: dict[str, float] = {}
        self._under_way: dict[str, asyncio.Task[KeySet | None]] = {}

    async def get(self, uri: str, max_age: float = TTL) -> KeySet | None:
        """Return a key set not older than `max_age`, or None when it cannot be read."""
        now = self._clock.now()
        known = self._fetched.get(uri)
        if known is not None and known[0] > now - max_age:
            return known[1]
        if self._failed.get(uri, float("-inf")) > now - MIN_INTERVAL:
            return None
        task = self._under_way.get(uri)
        if task is None:
            task = self._under_way[uri] = asyncio.create_task(self._fetch(uri))
            task.add_done_callback(lambda _: self._under_way.pop(uri))
        return await asyncio.shield(task)  # who goes away does not take the others' answer along

    async def _fetch(self, uri: str) -> KeySet | None:
        try:
            answer = await self._outgoing.send("GET", uri)
            if answer.status != 200:
                raise ValueError(f"it answers {answer.status}")
            keys = KeySet.import_key_set(answer.json())
        # The last three: joserfc, on JSON that has nothing of a key set.
        except (*FAILURES, JoseError, AttributeError, KeyError, TypeError) as error:
            log.warning("a client's jwks_uri cannot be read", jwks_uri=uri, reason=said(error))
            self._failed[uri] = self._clock.now()
            return None
        self._failed.pop(uri, None)
        self._fetched[uri] = (self._clock.now(), keys)
        return keys
