"""A form that comes back: what is wrong with it, and at which field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from idp.errors import IdpError, InvalidValue, Unavailable


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a form was not taken."""

    status: int
    form_error: str | None = None
    """What is wrong with the form as a whole."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with single fields."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, error: IdpError, fields: Sequence[str] = ()) -> "Refusal":
        """Return the refusal of a form that shows these fields."""
        headers = {}
        if isinstance(error, Unavailable):
            headers["Retry-After"] = error.retry_after_header
        if isinstance(error, InvalidValue) and error.field in fields:
            return cls(error.status, errors={error.field or "": error.sentence}, headers=headers)
        return cls(error.status, error.sentence, headers=headers)


def outcome(refusal: Refusal | None) -> dict[str, Any]:
    """Return what a form's template needs of a refusal, or of there being none."""
    refusal = refusal or Refusal(200)
    return {
        "status": refusal.status,
        "form_error": refusal.form_error,
        "errors": refusal.errors,
        "headers": refusal.headers,
    }
