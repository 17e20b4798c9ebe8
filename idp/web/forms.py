"""Forms that a browser posts: reading them, and protecting them against cross-site request forgery.

Tokens are stateless: nothing is stored, so any number of tabs and workers agree. A token proves that a form
was rendered for this browser, this purpose and this transaction. It does not make a form single-use (the
transaction does), and it proves nothing about who is signed in.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

SIGN_OUT: Final = "end_session"
"""The purpose of the forms that sign the user out: on the account pages, and on the page of /end_session."""

FORM: Final = "application/x-www-form-urlencoded"

_CONTEXT: Final = b"idp form token v1"
_MIN_KEY_BYTES: Final = 32


class FormProtection:
    """Makes and checks the token of a form."""

    def __init__(self, key: bytes) -> None:
        """Take at least 32 secret bytes that serve nothing else; raise `ValueError` for fewer."""
        if len(key) < _MIN_KEY_BYTES:
            raise ValueError(f"the form key must have at least {_MIN_KEY_BYTES} bytes")
        self._key = key

    def token(self, browser: str, purpose: str, tx: str | None) -> str:
        """Return the hidden `csrf_token` of a form; raise `ValueError` without a browser name.

        `browser` is the value of the browser's HttpOnly cookie, which no page can read. `purpose` names the
        form: one name for each. `tx` is the id of the transaction that the form belongs to.
        """
        if not browser:
            raise ValueError("a form token needs the browser's cookie value")
        digest = hmac.new(self._key, _encode(browser, purpose, tx), hashlib.sha256).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    def check(self, token: str | None, browser: str | None, purpose: str, tx: str | None) -> bool:
        """Tell whether the token was made for these three values, which come from outside. Never raises."""
        if not token or not browser:
            return False
        expected = self.token(browser, purpose, tx)
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), expected.encode())


def has_form(request: Request) -> bool:
    """Tell whether the body is a form; a media type is the same in any case (RFC 9110 §8.3.1)."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def purpose_in(session_id: str, purpose: str) -> str:
    """Return the purpose of a form that is about the user of a session: the form is void when another user has
    signed in since."""
    return f"{purpose}:{session_id}"


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a posted form, the first of each name; {} for another kind of body."""
    if not has_form(request):
        return {}
    body = (await request.body()).decode("utf-8", "replace")
    return dict(reversed(parse_qsl(body, keep_blank_values=True)))


def _encode(browser: str, purpose: str, tx: str | None) -> bytes:
    """Encode the fields unambiguously: their number, then each behind its length. An absent `tx` is not an
    empty one."""
    fields = (browser, purpose) if tx is None else (browser, purpose, tx)
    raw = [field.encode("utf-8", "surrogatepass") for field in fields]
    return _CONTEXT + bytes([len(raw)]) + b"".join(len(field).to_bytes(8, "big") + field for field in raw)
