"""Documents in the ephemeral store that only we can read."""

import json
from collections.abc import Mapping
from typing import Any

from idp.crypto import MasterKey, digest
from idp.storage.ephemeral import EphemeralStore


class SealedDocuments:
    """Keeps documents of one kind for a while, each under a secret that whoever asks for it must know."""

    def __init__(self, kind: str, ttl: float, store: EphemeralStore, master_key: MasterKey) -> None:
        """`ttl` is in seconds."""
        self._kind = kind
        self._ttl = ttl
        self._store = store
        self._master_key = master_key

    async def put(self, secret: str, document: Mapping[str, Any]) -> None:
        """Keep a document."""
        key = self._key(secret)
        sealed = self._master_key.seal(json.dumps(document).encode(), context=key)
        await self._store.put(key, sealed.encode(), self._ttl)

    async def get(self, secret: str) -> dict[str, Any] | None:
        """Return a document, and keep it."""
        return self._open(secret, await self._store.get(self._key(secret)))

    async def take(self, secret: str) -> dict[str, Any] | None:
        """Return a document once: of several who ask at the same time, one gets it."""
        return self._open(secret, await self._store.take(self._key(secret)))

    async def delete(self, secret: str) -> None:
        """Forget a document."""
        await self._store.delete(self._key(secret))

    def _open(self, secret: str, data: bytes | None) -> dict[str, Any] | None:
        if data is None:
            return None
        document: dict[str, Any] = json.loads(self._master_key.open(data.decode(), context=self._key(secret)))
        return document

    def _key(self, secret: str) -> str:
        return f"{self._kind}:{digest(secret)}"
