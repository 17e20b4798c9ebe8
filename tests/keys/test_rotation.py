"""The life of signing keys, with time moved by hand and several workers on one database."""

import asyncio
from collections.abc import Callable

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.clock import ManualClock
from idp.config import DAY, HOUR, Settings, load_settings
from idp.crypto import MasterKey
from idp.errors import InvalidValue, Unavailable
from idp.keys import InvalidToken, Keyring, rotation
from idp.keys.rotation import CreateKey, Delete, Expire, plan
from idp.storage.database import Database
from idp.storage.models import SigningKeyRecord
from tests.support.identity import audit_events

NewKeyring = Callable[[], Keyring]
SETTINGS = load_settings({}, keys={"algorithms": ["RS256"]})


def key(generation: int, activates_at: float, expires_at: float | None = None) -> SigningKeyRecord:
    return SigningKeyRecord(
        kid=f"k{generation}",
        alg="RS256",
        generation=generation,
        created_at=0.0,
        activates_at=activates_at,
        expires_at=expires_at,
    )


def kids(keyring: Keyring) -> set[str]:
    return {jwk["kid"] for jwk in keyring.jwks()["keys"]}


def test_first_key_signs_at_once() -> None:
    assert plan([], 5.0, SETTINGS) == [CreateKey("RS256", 1, 5.0)]


def test_successor_is_made_a_day_before_its_turn_and_not_earlier() -> None:
    turn = 90.0 * DAY
    assert plan([key(1, 0)], turn - DAY - 1, SETTINGS) == []
    assert plan([key(1, 0)], turn - DAY, SETTINGS) == [CreateKey("RS256", 2, turn)]


def test_a_server_that_slept_past_the_turn_still_publishes_ahead() -> None:
    assert plan([key(1, 0)], 200.0 * DAY, SETTINGS) == [CreateKey("RS256", 2, 201.0 * DAY)]


def test_old_key_stays_until_its_last_token_has_expired_and_its_record_goes_later() -> None:
    assert plan([key(1, 0), key(2, DAY)], 1.0, SETTINGS) == [Expire("k1", DAY + HOUR)]
    old = key(1, 0, DAY + HOUR)
    gone = DAY + HOUR + rotation.KEEP_EXPIRED
    assert plan([old, key(2, DAY)], gone - 1, SETTINGS) == []
    assert plan([old, key(2, DAY)], gone, SETTINGS) == [Delete("k1")]


def test_keys_published_for_longer_than_they_sign_do_not_pile_up() -> None:
    settings = load_settings({}, keys={"algorithms": ["RS256"], "rotate_after": 60, "publish_ahead": DAY})
    assert plan([key(1, 0, 1e9), key(2, DAY)], 100.0, settings) == []


@given(
    rotate_after=st.integers(60, 100 * DAY),
    ahead=st.integers(0, 3 * DAY),
    steps=st.lists(st.integers(1, 40 * DAY), min_size=1, max_size=25),
)
def test_whatever_the_pace_a_key_signs_now_and_was_published_before(
    rotate_after: int, ahead: int, steps: list[int]
) -> None:
    settings = load_settings(
        {}, keys={"algorithms": ["RS256"], "rotate_after": rotate_after, "publish_ahead": ahead}
    )
    keys: dict[str, SigningKeyRecord] = {}
    now = 0.0
    for step in steps:
        while due := plan(list(keys.values()), now, settings):
            for decision in due:
                match decision:
                    case CreateKey(_, generation, activates_at):
                        assert generation == 1 or activates_at >= now + ahead
                        keys[f"k{generation}"] = key(generation, activates_at)
                    case Expire(kid, expires_at):
                        keys[kid].expires_at = expires_at
                    case Delete(kid):
                        del keys[kid]
        assert any(k.activates_at <= now and not rotation.is_expired(k, now) for k in keys.values())
        now += step


async def test_token_verifies_in_every_worker_through_the_whole_life_of_its_key(
    new_keyring: NewKeyring, clock: ManualClock
) -> None:
    one, two = new_keyring(), new_keyring()
    await asyncio.gather(one.ensure(), two.ensure())
    await one.reload()
    await two.reload()
    first = one.signing_key().kid
    assert two.signing_key().kid == first

    clock.advance(89 * DAY)  # the successor is published and does not sign
    await one.maintain()
    await two.refresh_if_stale(clock.now())
    assert len(kids(one)) == 6
    assert one.jwks_bytes == two.jwks_bytes
    assert one.signing_key().kid == first

    clock.advance(DAY - 1)
    last = one.sign({"sub": "ada"})
    clock.advance(1)  # it signs, in both workers and without a look at the database
    second = one.signing_key().kid
    assert second != first
    assert two.signing_key().kid == second
    assert two.verify(one.sign({"sub": "ada"}), typ=None) == {"sub": "ada"}

    clock.advance(HOUR - 1)  # the last token of the old key is about to expire
    assert two.verify(last, typ=None) == {"sub": "ada"}
    clock.advance(1)
    assert first not in kids(two)
    with pytest.raises(InvalidToken):
        two.verify(last, typ=None)

    clock.advance(rotation.KEEP_EXPIRED)
    await two.maintain()
    assert first not in {key.kid for key in two.keys}


async def test_many_workers_starting_at_once_make_one_generation(
    each_database: Database, master_key: MasterKey, settings: Settings, clock: ManualClock
) -> None:
    workers = [Keyring(each_database, master_key, settings, clock) for _ in range(5)]
    await asyncio.gather(*(worker.ensure() for worker in workers))
    assert len({worker.jwks_bytes for worker in workers}) == 1
    assert [key.alg for key in workers[0].keys] == ["ES256", "EdDSA", "RS256"]


async def test_rotation_by_hand_publishes_now_and_signs_a_day_later(
    keyring: Keyring, clock: ManualClock
) -> None:
    old = keyring.signing_key().kid
    [new] = await keyring.rotate_now("RS256")
    assert {old, new} <= kids(keyring)
    assert keyring.signing_key().kid == old
    clock.advance(DAY)
    assert keyring.signing_key().kid == new
    clock.advance(HOUR)
    assert old not in kids(keyring)


async def test_rotation_by_hand_can_sign_immediately(keyring: Keyring) -> None:
    old_token = keyring.sign({"sub": "ada"})
    [new] = await keyring.rotate_now("RS256", ahead=0)
    assert keyring.signing_key().kid == new
    assert keyring.verify(old_token, typ=None) == {"sub": "ada"}


async def test_emergency_drops_the_leaked_key_and_what_it_signed_in_every_worker(
    keyring: Keyring, new_keyring: NewKeyring, database: Database, clock: ManualClock, settings: Settings
) -> None:
    other = new_keyring()
    await other.ensure()
    leaked, forged = keyring.signing_key().kid, keyring.sign({"sub": "admin"})
    [pending] = await keyring.rotate_now("RS256")
    [new] = await keyring.rotate_now("RS256", emergency=True)

    clock.advance(settings.keys.reload_every)
    await other.refresh_if_stale(clock.now())
    for worker in (keyring, other):
        assert kids(worker).isdisjoint({leaked, pending})
        assert worker.signing_key().kid == new
        with pytest.raises(InvalidToken):
            worker.verify(forged, typ=None)

    clock.advance(DAY)  # the successor that was dropped too does not come back, nor end the new one
    await keyring.maintain()
    assert keyring.signing_key().kid == new
    assert keyring.signing_key().expires_at is None
    rotated = [event.detail for event in await audit_events(database) if event.name == "keys.rotated"]
    assert {"kid": new, "alg": "RS256", "reason": "emergency", "dropped": [leaked, pending]} in rotated


async def test_emergencies_called_by_two_people_at_once_leave_one_signing_line(
    each_database: Database, master_key: MasterKey, settings: Settings, clock: ManualClock
) -> None:
    one, two = (Keyring(each_database, master_key, settings, clock) for _ in range(2))
    await one.ensure()
    await two.ensure()
    await asyncio.gather(
        one.rotate_now("RS256", emergency=True), two.rotate_now("RS256", emergency=True), one.maintain()
    )
    await one.reload()
    await two.reload()
    assert one.signing_key().kid == two.signing_key().kid
    assert len([key for key in one.keys if key.alg == "RS256" and key.is_published(clock.now())]) == 1


async def test_rotating_an_algorithm_that_has_no_keys_says_which_do(keyring: Keyring) -> None:
    with pytest.raises(InvalidValue, match="RS256, ES256, EdDSA"):
        await keyring.rotate_now("PS256")


async def test_algorithm_switched_off_is_published_until_its_last_token_has_expired(
    keyring: Keyring, database: Database, master_key: MasterKey, settings: Settings, clock: ManualClock
) -> None:
    token = keyring.sign({"sub": "ada"}, alg="ES256")
    less = settings.model_copy(update={"keys": settings.keys.model_copy(update={"algorithms": ("RS256",)})})
    later = Keyring(database, master_key, less, clock)
    await later.ensure()
    assert later.verify(token, typ=None, algorithms=["ES256"]) == {"sub": "ada"}
    clock.advance(HOUR)
    assert [jwk["alg"] for jwk in later.jwks()["keys"]] == ["RS256"]
    with pytest.raises(InvalidToken):
        later.verify(token, typ=None, algorithms=["ES256"])


async def test_worker_signs_on_while_the_database_is_away(
    keyring: Keyring, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    looked_again = asyncio.Event()

    def away() -> None:
        looks.append("away")
        if len(looks) > 2:
            looked_again.set()
        raise Unavailable("away")

    fast = keyring._settings.keys.model_copy(update={"reload_every": 0.01})
    monkeypatch.setattr(keyring, "_settings", keyring._settings.model_copy(update={"keys": fast}))
    monkeypatch.setattr(database, "reading", away)
    stop = asyncio.Event()
    loop = asyncio.create_task(keyring.run(stop))
    await asyncio.wait_for(looked_again.wait(), 5)
    assert keyring.verify(keyring.sign({"sub": "ada"}), typ=None) == {"sub": "ada"}
    stop.set()
    await asyncio.wait_for(loop, 5)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
async def test_other_libraries_verify_our_tokens_with_the_published_keys(keyring: Keyring, alg: str) -> None:
    token = keyring.sign({"sub": "ada", "name": "Ada Łovelace"}, alg=alg, typ="at+jwt")
    header = jwt.get_unverified_header(token)
    published = jwt.PyJWKSet.from_dict(keyring.jwks())[header["kid"]]
    assert header == {"alg": alg, "kid": published.key_id, "typ": "at+jwt"}
    assert jwt.decode(token, published, algorithms=[alg]) == {"sub": "ada", "name": "Ada Łovelace"}


async def test_jwks_holds_no_private_part_and_the_database_no_private_key_in_the_clear(
    keyring: Keyring, database: Database
) -> None:
    private_members = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
    for jwk in keyring.jwks()["keys"]:
        assert private_members.isdisjoint(jwk)
        assert jwk["use"] == "sig"
    async with database.reading() as uow:
        for record in await uow.signing_keys.all():
            assert record.sealed_private_key.startswith("v1.")
            assert private_members.isdisjoint(record.public_jwk)
