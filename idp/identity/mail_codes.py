"""Six-digit codes in mails, of which only a keyed digest is kept: six digits would not withstand guesses at a plain
one."""

import hashlib
import hmac
import secrets
from typing import Final

from idp.crypto import equal

DIGITS: Final = 6
MOST_WRONG_CODES: Final = 5
"""Tries at one code."""


class MailCodes:
    """Makes codes and compares them."""

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 bytes that serves nothing else."""
        self._key = key

    @staticmethod
    def new() -> str:
        """Return a new code."""
        return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"

    def digest(self, code: str, of: str) -> str:
        """Return what is kept of a code. `of` is the id of what it belongs to: it is worth nothing elsewhere."""
        return hmac.new(self._key, f"{of}:{code}".encode(), hashlib.sha256).hexdigest()

    def is_right(self, typed: str, kept: str, of: str) -> bool:
        """Tell whether this code was typed, with whatever a user puts between its digits."""
        digits = "".join(character for character in typed if character.isdigit())
        return equal(self.digest(digits, of), kept)
