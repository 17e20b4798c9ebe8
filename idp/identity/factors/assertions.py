"""The answer to an assertion that is not taken: one sentence, whatever the reason."""

from idp.errors import InvalidValue


def not_accepted(detail: str) -> InvalidValue:
    """Return the error; `detail` goes to the log."""
    return InvalidValue("This passkey was not accepted. Try again.", field="assertion", detail=detail)
