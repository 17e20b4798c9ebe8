"""Documents in the ephemeral store: one form for all of them, with a kind and a version.

While two versions of this program run side by side, one may read what the other wrote. A document counts only
if this version would have written the same; any other is treated as lost, as every ephemeral entry may be.
"""

import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from idp.crypto import MasterKey, digest
from idp.errors import ConfigurationError
from idp.storage.ephemeral import EphemeralStore

Document = TypeVar("Document")


@dataclass(frozen=True, slots=True)
class Kind(Generic[Document]):
    """What documents of one kind look like, and how long they are kept."""

    name: str
    """Before the digest that is the key."""
    document: type[Document]
    """A dataclass, or another type that pydantic can write as JSON and read back."""
    ttl: float
    """Seconds, unless `Kept.put` is told otherwise."""
    version: int = 1
    """To be raised when the same fields come to mean something else. A change of the fields shows by itself."""
    sealed: bool = False
    """Whether documents are encrypted: those that hold a secret of ours or of another provider."""


class Kept(Generic[Document]):
    """The documents of one kind. Each is found by a name that only its digest is kept of."""

    def __init__(
        self, store: EphemeralStore, kind: Kind[Document], master_key: MasterKey | None = None
    ) -> None:
        """Take the master key for a kind that is sealed."""
        if kind.sealed != (master_key is not None):
            raise TypeError("A sealed kind, and no other, takes the master key.")
        self.kind = kind
        self._store = store
        self._adapter: TypeAdapter[Document] = TypeAdapter(kind.document)
        self._master_key = master_key

    async def put(self, name: str, document: Document, *, ttl: float | None = None) -> None:
        """Keep a document, replacing the one of this name."""
        key = self._key(name)
        await self._store.put(key, self.encode(key, document), self.kind.ttl if ttl is None else ttl)

    async def get(self, name: str) -> Document | None:
        """Return the document, or None when it is lost."""
        key = self._key(name)
        return self.decode(key, await self._store.get(key))

    async def take(self, name: str) -> Document | None:
        """Return the document and delete it, atomically: of many callers at once, one gets it."""
        key = self._key(name)
        return self.decode(key, await self._store.take(key))

    async def delete(self, name: str) -> None:
        """Delete the document if it is there."""
        await self._store.delete(self._key(name))

    def encode(self, key: str, document: Document) -> bytes:
        """Return what is stored under `key`."""
        written = {"version": self.kind.version, "document": self._written(document)}
        data = json.dumps(written, separators=(",", ":")).encode()
        return self._master_key.seal(data, context=key).encode() if self._master_key else data

    def decode(self, key: str, stored: bytes | None) -> Document | None:
        """Return the document that `encode` wrote; None for nothing, and for what this version did not write."""
        if stored is None:
            return None
        try:
            if self._master_key is not None:
                stored = self._master_key.open(stored.decode(), context=key)
            found = json.loads(stored)
            if set(found) != {"version", "document"} or found["version"] != self.kind.version:
                return None
            document = self._adapter.validate_python(found["document"])
        except (ConfigurationError, ValidationError, ValueError, TypeError):
            return None
        # A field more or less passes the reading: defaults fill in, and strangers are dropped.
        return document if self._written(document) == found["document"] else None

    def _written(self, document: Document) -> Any:
        return self._adapter.dump_python(document, mode="json")

    def _key(self, name: str) -> str:
        return f"{self.kind.name}:{digest(name)}"
