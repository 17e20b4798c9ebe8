"""Usernames (`preferred_username`): unique for apps that take them for an identity, which only `sub` is.

The form is that of RFC 8265 §3.3 (UsernameCaseMapped), limited to ASCII as §3.5 allows: letters, digits and
`.`, `_`, `-`. Apps put names into paths, mail addresses and account databases, and no script but one leaves nothing to
confuse across scripts. What looks alike within ASCII is one name: `username_key` is the form under which a name is
unique. A name that was given up or whose account is gone stays taken for `USERNAME_RETENTION`.
"""

import re
from collections.abc import Collection
from typing import Final

from idp.errors import Conflict, InvalidValue
from idp.events.audit import record
from idp.events.catalogue import UsernameChanged
from idp.storage.database import UnitOfWork
from idp.storage.models import User
from idp.storage.repositories.usernames import REFUSED
from idp.text import Text

CLAIM: Final = "preferred_username"
SHORTEST, LONGEST = 2, 39
"""Characters."""

_FORM: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_ALIKE: Final = (("0", "o"), ("1", "l"), ("vv", "w"), ("rn", "m"), (".", "-"), ("_", "-"))
"""What is taken for one another, from Unicode's confusables (UTS #39 §4) and by how common fonts draw it."""

RESERVED: Final = frozenset(
    {
        *(
            "abuse",
            "account",
            "accounts",
            "admin",
            "administrator",
            "all",
            "anonymous",
            "api",
            "auth",
            "billing",
            "bot",
        ),
        *(
            "contact",
            "daemon",
            "everyone",
            "guest",
            "help",
            "hostmaster",
            "idp",
            "info",
            "login",
            "logout",
            "mail",
            "me",
        ),
        *(
            "moderator",
            "no-reply",
            "nobody",
            "noreply",
            "null",
            "oauth",
            "official",
            "openid",
            "operator",
            "owner",
        ),
        *(
            "postmaster",
            "register",
            "root",
            "security",
            "self",
            "service",
            "staff",
            "sso",
            "superuser",
            "support",
        ),
        *("sysadmin", "system", "team", "undefined", "user", "users", "webmaster", "www"),
    }
)
"""Names that speak for the service; only the operator gives them."""


def username_of(text: str) -> str:
    """Return a username in the one form in which it is kept; raise `InvalidValue`."""
    username = text.strip().lower() if text.isascii() else ""
    if not SHORTEST <= len(username) <= LONGEST or _FORM.fullmatch(username) is None:
        raise InvalidValue(
            Text(
                "A username has %(shortest)d to %(longest)d characters: letters a to z, digits, and between them "
                "single dots, dashes or underscores.",
                shortest=SHORTEST,
                longest=LONGEST,
            ),
            field=CLAIM,
        )
    return username


def username_key(username: str) -> str:
    """Return the form under which a username is unique: what looks alike has the same."""
    key = username
    for seen, meant in _ALIKE:
        key = key.replace(seen, meant)
    return key


def is_reserved(username: str, more: Collection[str] = ()) -> bool:
    """Tell whether a name, or what looks like it, speaks for the service."""
    return username_key(username) in {username_key(word.lower()) for word in (*RESERVED, *more)}


async def assign_username(uow: UnitOfWork, user: User, text: str | None, now: float) -> None:
    """Give `user`, a row that is stored already, a username or take it away.

    Raises `InvalidValue` for a name that cannot be one and `Conflict` for one that is taken.
    """
    before = user.profile.get(CLAIM)
    username = username_of(text) if text else None
    if username == before:
        return
    key = username_key(username) if username else None
    if username is not None and key is not None and not await uow.usernames.hold(key, username, user.id):
        raise Conflict("This username is taken, or looks like one that is.")
    await uow.usernames.release(user.id, now, keep=key)
    profile = {name: value for name, value in user.profile.items() if name not in {CLAIM, REFUSED}}
    user.profile = profile | ({CLAIM: username} if username else {})
    user.updated_at = now
    await uow.users.save(user)
    await record(uow, UsernameChanged(user_id=user.id, before=before, after=username), now)
