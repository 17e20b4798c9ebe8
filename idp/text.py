"""Sentences for people, which are English until they are shown to somebody who reads another language."""

from collections.abc import Mapping


class Text(str):
    """An English sentence with parameters that can still be translated (`idp.i18n` does).

    It is a `str`, so it reads as English wherever nobody translates it, in logs and on the command line:
    `Text("Use at least %(number)d characters.", number=8)`. Parameters that are `Text` themselves are
    translated too. The sentence must be written out in the call, for Babel to find it.
    """

    __slots__ = ("message", "parameters")
    message: str
    parameters: Mapping[str, object]

    def __new__(cls, message: str, /, **parameters: object) -> "Text":
        """Without parameters a percent sign is just that."""
        text = super().__new__(cls, message % parameters if parameters else message)
        text.message = message
        text.parameters = parameters
        return text
