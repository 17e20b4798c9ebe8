"""The rules of `make lint` that are our own."""

import pytest

from tests.support.source_rules import faults, is_ambiguous


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+",
        r"a*a*",
        r"(?:a|b+)*c",
        r".*=.*",
        r"(?:x[a-z]*)+",
        r"^(\w+\s?)*$",
        r"\s*,?\s*",
    ],
)
def test_repetitions_that_can_take_the_same_characters_are_found(pattern: str) -> None:
    assert is_ambiguous(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"[a-z0-9]+(?:[._-][a-z0-9]+)*",
        r"\s*x\s*",
        r"\d+\.\d+",
        r"(?:[^@]*)@[^@]*",
        r"[a-z]{1,64}[a-z]*",
        r"x(a|b)+",
    ],
)
def test_repetitions_that_cannot_are_not(pattern: str) -> None:
    assert not is_ambiguous(pattern)


def rules_broken(body: str) -> int:
    lines = ["async def work(self, key):", *body.splitlines()]
    return len(list(faults("\n    ".join(lines), "example.py")))


@pytest.mark.parametrize(
    "body",
    [
        "if self.made is None:\n    self.made = await make()",
        "if not self.made:\n    await prepare()\n    self.made = True",
        "found = await self._store.get(key)\nawait self._store.put(key, found + 1, 60)",
        "if await self._kept.get(key):\n    await self._kept.delete(key)",
        "re.compile('(a+)+')",
    ],
)
def test_a_race_that_one_function_shows_is_found(body: str) -> None:
    assert rules_broken(body) == 1


@pytest.mark.parametrize(
    "body",
    [
        "async with self.lock:\n    if self.made is None:\n        self.made = await make()",
        "if self.made is None:\n    self.made = make()\n    await tell()",
        "if self.made is None:\n    self.made = await make()  # race: both would be alike",
        "found = await self._store.take(key)\nawait self._store.put(key, found, 60)",
        "await self._store.get(key)\nawait self._store.put(other, b'', 60)",
        "re.compile('a+b+')",
    ],
)
def test_what_is_atomic_or_explained_is_not(body: str) -> None:
    assert rules_broken(body) == 0
