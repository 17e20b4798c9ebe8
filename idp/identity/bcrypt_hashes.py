"""Password hashes of systems that accounts are imported from: bcrypt. New ones are Argon2id (`passwords.py`)."""

import re
from typing import Final

import bcrypt

LONGEST: Final = 72
"""Bytes of a password that bcrypt reads; those systems ignored the rest."""
MOST_ROUNDS: Final = 15
"""The highest cost that is taken, a power of two: beyond it one sign-in would take seconds."""
_FORM: Final = re.compile(r"\$2[aby]\$(\d{2})\$[./A-Za-z0-9]{53}")


def rounds_of(hashed: str) -> int | None:
    """Return the cost of a bcrypt hash; None for what is none, or costs too much."""
    found = _FORM.fullmatch(hashed)
    rounds = int(found[1]) if found else 0
    return rounds if 4 <= rounds <= MOST_ROUNDS else None


def make(password: bytes, rounds: int) -> str:
    """Return a hash."""
    return bcrypt.hashpw(password[:LONGEST], bcrypt.gensalt(rounds)).decode()


def fits(hashed: str, *spellings: bytes) -> bool:
    """Tell whether one of these is the password of the hash. Each is tried: those systems did not normalise."""
    found = [_fits(hashed, spelling) for spelling in dict.fromkeys(spellings)]
    return any(found)


def _fits(hashed: str, password: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:LONGEST], hashed.encode())
    except ValueError:  # a NUL byte, or a salt that is none
        return False
