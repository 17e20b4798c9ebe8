"""Keys that others publish as a JSON Web Key Set (RFC 7517 §5): providers, and clients.

One key that cannot be read never spoils the set: it is left out, as is one that is not for signatures.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from idp import foreign
from idp.clock import Clock
from idp.foreign import Malformed
from idp.keys.signing import AllowedAlgorithms
from idp.outgoing import FetchBudget

MOST_KEYS: Final = 100
SMALLEST_RSA: Final = 2048
"""Bits (RFC 7518 §3.3)."""
LARGEST_RSA: Final = 8192
"""Bits; a verification takes longer with each."""
LARGEST_EXPONENT: Final = 2**32

_KEY_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
_PUBLIC_MEMBERS: Final = frozenset({"kty", "n", "e", "crv", "x", "y", "kid"})

T = TypeVar("T")


class NotVerified(Exception):
    """No published key fits a token, or its signature does not hold. The reason is for the log."""


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A public key for signatures."""

    kty: str
    crv: str | None
    kid: str | None
    alg: str | None
    key: Any
    """joserfc's."""


KeySet = tuple[PublishedKey, ...]


def read_key_set(document: Mapping[str, Any]) -> KeySet:
    """Return the keys of a set that can be used; raise `Malformed` when it is no set."""
    if not isinstance(document.get("keys"), list):
        raise Malformed("it has no list of keys")
    found = (_read_key(entry) for entry in foreign.objects(document["keys"], MOST_KEYS))
    return tuple(key for key in found if key is not None)


def _read_key(entry: Mapping[str, Any]) -> PublishedKey | None:
    try:
        kty, crv, kid, alg, use = (foreign.text(entry, name) for name in ("kty", "crv", "kid", "alg", "use"))
        operations = foreign.one_or_more_texts(entry, "key_ops")
        if kty not in _KEY_TYPES.values() or use not in {None, "sig"}:
            return None
        if operations and "verify" not in operations:  # RFC 7517 §4.3
            return None
        key = import_key({name: value for name, value in entry.items() if name in _PUBLIC_MEMBERS})
        if isinstance(key.raw_value, rsa.RSAPublicKey):
            numbers = key.raw_value.public_numbers()
            if not SMALLEST_RSA <= numbers.n.bit_length() <= LARGEST_RSA or numbers.e > LARGEST_EXPONENT:
                return None
    except Exception:  # noqa: BLE001  whatever libraries raise for a key that is none, it is none
        return None
    return PublishedKey(str(kty), crv, kid, alg, key)


def verify(token: str, keys: KeySet, kid: str | None, alg: str) -> None:
    """Check a signature with the one key that fits `kid` and `alg`, or raise `NotVerified`.

    `alg` is the token's own word, so the caller has compared it with those that are allowed.
    """
    fitting = [key for key in keys if _fits(key, alg) and (kid is None or key.kid == kid)]
    if len(fitting) != 1:
        raise NotVerified(f"{len(fitting)} published keys fit its kid {str(kid)[:80]!r} and {alg}")
    try:
        jws.deserialize_compact(token, fitting[0].key, registry=AllowedAlgorithms(algorithms=[alg]))
    except (JoseError, ValueError, TypeError) as error:
        raise NotVerified(f"its signature does not hold: {type(error).__name__}") from error


def _fits(key: PublishedKey, alg: str) -> bool:
    return (
        key.kty == _KEY_TYPES.get(alg[:2]) and key.alg in {None, alg} and _CURVES.get(alg) in {None, key.crv}
    )


class FetchedKeys:
    """The key set at one address, kept for `ttl` seconds. Of many requests that want it at once, one fetches it."""

    def __init__(self, fetch: Callable[[], Awaitable[KeySet]], clock: Clock, ttl: float) -> None:
        """Whatever `fetch` raises reaches the callers that wait for it."""
        self._fetch = fetch
        self._clock = clock
        self._ttl = ttl
        self._budget = FetchBudget(clock)
        self._known: tuple[float, KeySet] | None = None
        self._under_way: asyncio.Task[KeySet] | None = None

    @property
    def at_hand(self) -> KeySet | None:
        """The keys that were fetched lately."""
        if self._known is not None and self._known[0] > self._clock.now():
            return self._known[1]
        return None

    async def get(self) -> KeySet:
        """Return the keys, fetched unless they were lately."""
        known = self.at_hand
        return known if known is not None else await self._fetched()

    async def newer(self, than: KeySet) -> KeySet | None:
        """Return keys fetched after those; None where they must not be fetched again so soon."""
        if self._known is not None and self._known[1] is not than:
            return self._known[1]
        if self._under_way is None and not self._budget.take():
            return None
        return await self._fetched()

    async def _fetched(self) -> KeySet:
        if self._under_way is None:
            self._under_way = asyncio.ensure_future(self._fetch())
            self._under_way.add_done_callback(self._keep)
        return await asyncio.shield(
            self._under_way
        )  # a caller that gives up does not end the fetch for the others

    def _keep(self, task: asyncio.Future[KeySet]) -> None:
        self._under_way = None
        if not task.cancelled() and task.exception() is None:
            self._known = (self._clock.now() + self._ttl, task.result())


async def with_fresh_keys(source: FetchedKeys, check: Callable[[KeySet], T]) -> T:
    """Return what `check` makes of the keys. Where it raises `NotVerified` they may have been replaced, under
    new names or the old ones, so they are fetched once more, if that may be."""
    known = source.at_hand
    keys = known if known is not None else await source.get()
    try:
        return check(keys)
    except NotVerified:
        newer = None if known is None else await source.newer(known)
        if newer is None:
            raise
        return check(newer)
