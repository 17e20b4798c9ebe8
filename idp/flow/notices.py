"""What a page says about what was just tried, kept in a transaction until the page is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from idp.errors import IdpError
from idp.text import Text

Kind = Literal["success", "notice", "error"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that is put into the user's language only when it is shown."""

    kind: Kind
    message: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> Text:
        """The sentence, to be translated."""
        return Text(self.message, **self.parameters)


def notice(error: IdpError | str, kind: Kind = "error") -> Notice:
    """Return a sentence, or that of an error, as a transaction keeps it."""
    sentence = error.sentence if isinstance(error, IdpError) else error
    if isinstance(sentence, Text):
        return Notice(
            kind, sentence.message, {name: str(value) for name, value in sentence.parameters.items()}
        )
    return Notice(kind, sentence)
