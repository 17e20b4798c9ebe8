"""What a worker knows of the keys at one moment: which one signs, which are published."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from idp.keys import material, signing
from idp.keys.material import Key, PrivateKey


@dataclass(frozen=True, eq=False)
class SigningKey:
    """A key with its private part, and its life in Unix seconds (see `idp.keys.rotation`)."""

    kid: str
    alg: str
    generation: int
    created_at: float
    activates_at: float
    expires_at: float | None
    public_jwk: dict[str, str]
    private: PrivateKey

    @cached_property
    def public(self) -> Key:
        """The public key, for verifying."""
        return material.verification_key(self.public_jwk)

    @cached_property
    def signer(self) -> signing.Signer:
        """The function that signs with it."""
        return signing.signer(self.private)

    def is_published(self, now: float) -> bool:
        """Whether it is in the JWKS and verifies."""
        return self.expires_at is None or now < self.expires_at

    def may_sign(self, now: float) -> bool:
        """Whether its time to sign has come and not gone."""
        return self.activates_at <= now and self.is_published(now)


class Snapshot:
    """Keys as they were read, which never change, with what follows from them kept until time changes it."""

    def __init__(self, keys: Sequence[SigningKey] = (), loaded_at: float = -math.inf) -> None:
        self.keys = tuple(sorted(keys, key=lambda key: (key.alg, key.activates_at, key.generation)))
        self.by_kid = {key.kid: key for key in keys}
        self.loaded_at = loaded_at
        self._turns = sorted(
            instant for key in keys for instant in (key.activates_at, key.expires_at) if instant is not None
        )
        self._signing: dict[str, SigningKey] = {}
        self._jwks: bytes | None = None
        self._kept_until = -math.inf

    def signing(self, alg: str, now: float) -> SigningKey | None:
        """Return the newest key of `alg` whose time to sign has come."""
        self._forget_after_a_turn(now)
        key = self._signing.get(alg)
        if key is None:
            key = self._choose(alg, now)
            if key is not None:
                self._signing[alg] = key
        return key

    def jwks_bytes(self, now: float) -> bytes:
        """Return the published keys as JSON."""
        self._forget_after_a_turn(now)
        if self._jwks is None:
            self._jwks = json.dumps(self.jwks(now), separators=(",", ":")).encode()
        return self._jwks

    def jwks(self, now: float) -> dict[str, Any]:
        """Return the published keys, those for RS256 first: some clients look at the first key alone."""
        published = [key for key in self.keys if key.is_published(now)]
        return {"keys": [key.public_jwk for key in sorted(published, key=lambda key: key.alg != "RS256")]}

    def _choose(self, alg: str, now: float) -> SigningKey | None:
        published = [key for key in self.keys if key.alg == alg and key.is_published(now)]
        active = [key for key in published if key.may_sign(now)]
        # Where none has come to sign yet, the first key was made by a worker whose clock is ahead.
        return active[-1] if active else next(iter(published), None)

    def _forget_after_a_turn(self, now: float) -> None:
        if now >= self._kept_until:
            self._signing, self._jwks = {}, None
            self._kept_until = next((turn for turn in self._turns if turn > now), math.inf)
