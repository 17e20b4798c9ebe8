"""Names of people and of what they have, as they are kept."""

from idp.errors import InvalidValue
from idp.text import Text

LONGEST_NAME = 100
"""Characters of a person's name."""


def claim_name(text: str, *, field: str = "name") -> str:
    """Return a person's name as it is kept; raise `InvalidValue` for one that could deceive.

    It is shown in mails and on pages, so it has no control characters and no web address.
    """
    name = " ".join(text.split())
    if len(name) > LONGEST_NAME:
        raise InvalidValue(
            Text("A name can have at most %(number)d characters.", number=LONGEST_NAME), field=field
        )
    if not name.isprintable() or "://" in name or "@" in name:
        raise InvalidValue("A name has no control characters, web address or @.", field=field)
    return name
