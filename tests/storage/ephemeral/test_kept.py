"""Kept documents: what comes back, and what does not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.crypto import MasterKey
from idp.storage.ephemeral.kept import Kept, Kind
from idp.storage.ephemeral.table import TableStore
from tests.support.provider import MASTER_KEY, RunningProvider


@dataclass(frozen=True, slots=True)
class Part:
    at: float
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    name: str
    part: Part | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    other: Mapping[str, Any] | None = None


KIND = Kind("whole", Whole, 60)
SEALED = Kind("sealed", Whole, 60, sealed=True)
FULL = Whole("a", Part(1.5, ("x", "y")), {"b": Part(2.0)}, {"c": [1, None, {"d": True}]})


@pytest.fixture
def store(provider: RunningProvider) -> TableStore:
    return TableStore(provider.database, provider.clock)


@pytest.fixture(params=["plain", "sealed"])
def kept(request: pytest.FixtureRequest, store: TableStore) -> Kept[Whole]:
    if request.param == "sealed":
        return Kept(store, SEALED, MasterKey.parse(MASTER_KEY))
    return Kept(store, KIND)


async def test_a_document_comes_back_whole(kept: Kept[Whole]) -> None:
    await kept.put("secret", FULL)
    assert await kept.get("secret") == FULL
    assert await kept.take("secret") == FULL
    assert await kept.take("secret") is None


async def test_it_is_deleted(kept: Kept[Whole]) -> None:
    await kept.put("secret", FULL)
    await kept.delete("secret")
    assert await kept.get("secret") is None


async def test_it_lives_for_the_time_of_its_kind_or_the_one_that_is_given(
    kept: Kept[Whole], provider: RunningProvider
) -> None:
    await kept.put("long", FULL)
    await kept.put("short", FULL, ttl=10)
    provider.clock.advance(59)
    assert (await kept.get("long"), await kept.get("short")) == (FULL, None)
    provider.clock.advance(1)
    assert await kept.get("long") is None


async def test_another_kind_of_the_same_shape_is_not_taken_for_it(store: TableStore) -> None:
    await Kept(store, KIND).put("secret", FULL)
    assert await Kept(store, Kind("other", Whole, 60)).get("secret") is None


async def test_one_that_was_sealed_with_another_key_is_lost(store: TableStore) -> None:
    await Kept(store, SEALED, MasterKey.parse(MASTER_KEY)).put("secret", FULL)
    other = MasterKey.parse(MasterKey.generate())
    assert await Kept(store, SEALED, other).get("secret") is None


async def test_a_sealed_kind_needs_the_key_and_no_other_takes_it(store: TableStore) -> None:
    with pytest.raises(TypeError):
        Kept(store, SEALED)
    with pytest.raises(TypeError):
        Kept(store, KIND, MasterKey.parse(MASTER_KEY))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_whatever_lies_there_is_lost_and_raises_nothing(found: object) -> None:
    kept: Kept[Whole] = Kept(None, KIND)  # type: ignore[arg-type]  # no store is asked
    for document in (found, {"version": 1, "document": found}, {"version": found, "document": {}}):
        assert kept.decode("whole:x", json.dumps(document).encode()) is None


@given(st.binary(max_size=200))
def test_bytes_that_are_no_document_are_lost_and_raise_nothing(found: bytes) -> None:
    plain: Kept[Whole] = Kept(None, KIND)  # type: ignore[arg-type]  # no store is asked
    sealed: Kept[Whole] = Kept(None, SEALED, MasterKey.parse(MASTER_KEY))  # type: ignore[arg-type]  # as above
    assert plain.decode("whole:x", found) is None
    assert sealed.decode("sealed:x", found) is None


@given(
    st.builds(
        Whole,
        st.text(st.characters()),
        st.none() | st.builds(Part, st.floats(allow_nan=False), st.lists(st.text()).map(tuple)),
    )
)
def test_any_text_and_number_survives(document: Whole) -> None:
    kept: Kept[Whole] = Kept(None, KIND)  # type: ignore[arg-type]  # no store is asked
    assert kept.decode("whole:x", kept.encode("whole:x", document)) == document
