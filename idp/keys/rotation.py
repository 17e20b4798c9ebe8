"""When keys come and go: decisions as values, from what is stored, the time and the settings.

A key's life: created and published → `activates_at`: it signs → a successor activates: it only verifies
→ `expires_at`: its last token has expired and it is no longer published → its record is deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from idp.config import DAY, Settings
from idp.storage.models import SigningKeyRecord

KEEP_EXPIRED = 30 * DAY
"""How long the record of an expired key stays for the curious, in seconds."""


@dataclass(frozen=True)
class CreateKey:
    """Make a key of this generation, to sign from `activates_at` on."""

    alg: str
    generation: int
    activates_at: float


@dataclass(frozen=True)
class Expire:
    """Publish a key no longer from `expires_at` on."""

    kid: str
    expires_at: float


@dataclass(frozen=True)
class Delete:
    """Forget an expired key."""

    kid: str


Decision = CreateKey | Expire | Delete


def plan(keys: Sequence[SigningKeyRecord], now: float, settings: Settings) -> list[Decision]:
    """Return what is due now. Carried out and asked again, it returns nothing."""
    decisions: list[Decision] = []
    for alg in dict.fromkeys((*settings.keys.algorithms, *(key.alg for key in keys))):
        line = in_order([key for key in keys if key.alg == alg])
        if alg in settings.keys.algorithms:
            decisions += _create(alg, line, now, settings)
        decisions += _expire(line, now, settings)
        decisions += _delete(line, now)
    return decisions


def in_order(keys: Sequence[SigningKeyRecord]) -> list[SigningKeyRecord]:
    """Sort keys of one algorithm by when they sign."""
    return sorted(keys, key=lambda key: (key.activates_at, key.generation))


def next_generation(keys: Sequence[SigningKeyRecord], alg: str) -> int:
    """Return the number after the highest that `alg` has had."""
    return max((key.generation for key in keys if key.alg == alg), default=0) + 1


def publish_ahead(settings: Settings) -> float:
    """How long a key is published before it signs, in seconds: never so short that a worker which has
    not looked yet meets a token of a key that it does not know."""
    return float(max(settings.keys.publish_ahead, 2 * settings.keys.reload_every))


def longest_token(settings: Settings) -> float:
    """The longest that a signed token is good for, in seconds."""
    return float(max(settings.tokens.access_token_ttl, settings.tokens.id_token_ttl))


def is_expired(key: SigningKeyRecord, now: float) -> bool:
    """Whether a key is no longer published."""
    return key.expires_at is not None and key.expires_at <= now


def _create(alg: str, line: Sequence[SigningKeyRecord], now: float, settings: Settings) -> list[Decision]:
    generation = next_generation(line, alg)
    lasting = [key for key in line if key.expires_at is None]
    if not lasting:  # the first ever, or all were dropped: nothing to wait for
        return [CreateKey(alg, generation, now)]
    newest = lasting[-1]
    ahead = publish_ahead(settings)
    signed_enough = newest.activates_at + settings.keys.rotate_after
    # A key that does not sign yet is the successor we would make; and where keys are published for longer
    # than they sign, waiting for it keeps the line from growing at every look.
    if newest.activates_at > now or now < signed_enough - ahead:
        return []
    return [CreateKey(alg, generation, max(signed_enough, now + ahead))]


def _expire(line: Sequence[SigningKeyRecord], now: float, settings: Settings) -> list[Decision]:
    # A key that was dropped before its time to sign came is nobody's successor.
    signers = [key for key in line if key.expires_at is None or key.expires_at > key.activates_at]
    if not signers:
        return []
    *old, last = signers
    decisions: list[Decision] = [
        Expire(key.kid, successor.activates_at + longest_token(settings))
        for key, successor in zip(old, signers[1:], strict=True)
        if key.expires_at is None
    ]
    # An algorithm that is switched off signs no more: its last key goes when its last token has.
    if last.alg not in settings.keys.algorithms and last.expires_at is None:
        decisions.append(Expire(last.kid, now + longest_token(settings)))
    return decisions


def _delete(line: Sequence[SigningKeyRecord], now: float) -> list[Decision]:
    return [
        Delete(key.kid) for key in line if key.expires_at is not None and key.expires_at + KEEP_EXPIRED <= now
    ]
