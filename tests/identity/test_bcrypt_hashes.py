"""Passwords that came with an account from another system, hashed by bcrypt."""

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.config import PasswordSettings
from idp.identity.bcrypt_hashes import fits, rounds_of
from idp.identity.passwords import PasswordHasher, is_importable_hash

CHEAP = PasswordSettings(time_cost=1, memory_kib=8)


def hashed(password: bytes, version: str = "2b") -> str:
    """Return a hash as that system kept it."""
    return bcrypt.hashpw(password[:72], bcrypt.gensalt(4)).decode().replace("$2b$", f"${version}$")


@pytest.mark.parametrize("version", ["2a", "2b", "2y"])
async def test_a_password_of_another_system_signs_in_and_is_hashed_anew(version: str) -> None:
    hasher = PasswordHasher(CHEAP)
    kept = hashed(b"correct horse battery", version)
    assert is_importable_hash(kept)
    assert await hasher.verify(kept, "correct horse battery")
    assert not await hasher.verify(kept, "correct horse batter")
    assert hasher.needs_rehash(kept)
    assert not hasher.needs_rehash(await hasher.hash("correct horse battery"))


async def test_a_password_counts_as_that_system_read_it() -> None:
    """bcrypt reads 72 bytes, and nothing was normalised."""
    hasher = PasswordHasher(CHEAP)
    assert await hasher.verify(hashed(b"x" * 100), "x" * 100)
    decomposed = "u\u0308ber den Wolken"
    assert await hasher.verify(hashed(decomposed.encode()), decomposed)
    assert await hasher.verify(hashed("\u00fcber den Wolken".encode()), decomposed)


async def test_the_work_for_an_unknown_account_is_that_for_most_known_ones() -> None:
    hasher = PasswordHasher(CHEAP)
    await hasher.imitate([hashed(b"a"), hashed(b"b"), await hasher.hash("c")])
    assert rounds_of(hasher._dummy) == 4
    assert not await hasher.verify(None, "a")
    await hasher.imitate([await hasher.hash("c")])
    assert rounds_of(hasher._dummy) is None


@pytest.mark.parametrize(
    "wrong",
    ["", "plain", "$2b$04$short", "$2b$16$" + "a" * 53, "$2b$03$" + "a" * 53, "$2x$04$" + "a" * 53, "$1$a$b"],
)
def test_what_is_no_hash_or_costs_too_much_is_not_imported(wrong: str) -> None:
    assert not is_importable_hash(wrong)


@given(st.text(max_size=90))
def test_any_password_is_right_or_wrong_and_never_a_fault(password: str) -> None:
    spelling = password.encode("utf-8", "surrogatepass")
    assert fits("$2b$04$" + "a" * 53, spelling) in {True, False}
