"""What a page says about what was just tried, kept in a transaction until the page is shown."""

from collections.abc import Mapping
from typing import Any

from idp.errors import IdpError
from idp.text import Text


def notice(error: IdpError | str, kind: str = "error") -> dict[str, Any]:
    """Return a sentence as a transaction keeps it, so that it can still be translated."""
    sentence = error.sentence if isinstance(error, IdpError) else error
    if isinstance(sentence, Text):
        parameters = {name: str(value) for name, value in sentence.parameters.items()}
        return {"kind": kind, "message": sentence.message, "parameters": parameters}
    return {"kind": kind, "message": sentence, "parameters": {}}


def sentence_of(kept: Mapping[str, Any]) -> Text:
    """Return the sentence of a notice."""
    return Text(kept["message"], **kept["parameters"])
