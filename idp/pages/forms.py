"""Protection of hosted forms against cross-site request forgery.

Tokens are stateless: nothing is stored, so any number of tabs and workers agree. They prove that a form was
rendered for this browser, this purpose and this transaction; they do not make a form single-use (the
transaction does) and they prove nothing about who is signed in.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final

_CONTEXT: Final = b"idp form token v1"
_MIN_KEY_BYTES: Final = 32


class FormProtection:
    def __init__(self, key: bytes) -> None:
        """``key``: at least 32 secret bytes that serve nothing else. Raises ValueError if it is shorter."""
        if len(key) < _MIN_KEY_BYTES:
            raise ValueError(f"the form key must have at least {_MIN_KEY_BYTES} bytes")
        self._key = key

    def token(self, browser: str, purpose: str, tx: str | None) -> str:
        """The hidden ``csrf_token`` of a form.

        ``browser`` is the secret value of the browser's HttpOnly cookie, never something a page can read;
        ``purpose`` names the form, one name per form; ``tx`` is the transaction the form belongs to.
        Raises ValueError for an empty ``browser``: set the cookie first.
        """
        if not browser:
            raise ValueError("a form token needs the browser's cookie value")
        digest = hmac.new(self._key, _encode(browser, purpose, tx), hashlib.sha256).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    def check(self, token: str | None, browser: str | None, purpose: str, tx: str | None) -> bool:
        """Whether ``token`` came from :meth:`token` with the same three values. Never raises.

        Takes the values as they arrived, untrusted; an absent or empty token or cookie is False.
        """
        if not token or not browser:
            return False
        expected = self.token(browser, purpose, tx)
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), expected.encode())


def _encode(browser: str, purpose: str, tx: str | None) -> bytes:
    """Unambiguous: the number of fields, then each field behind its length; no ``tx`` is not an empty one."""
    fields = (browser, purpose) if tx is None else (browser, purpose, tx)
    raw = [field.encode("utf-8", "surrogatepass") for field in fields]
    return _CONTEXT + bytes([len(raw)]) + b"".join(len(field).to_bytes(8, "big") + field for field in raw)
