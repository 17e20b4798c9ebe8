"""What a second factor is."""

from dataclasses import dataclass
from typing import Protocol

from idp.storage.models import User


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person gave: a typed `code`, or the `assertion` of an authenticator (WebAuthn JSON)."""

    code: str = ""
    assertion: str = ""
    ceremony: str = ""
    """The id of the challenge that the assertion answers."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Something that a person has enrolled, as the account page shows it."""

    id: str
    kind: str
    name: str
    created_at: float
    last_used_at: float | None
    detail: str = ""


class Factor(Protocol):
    """A way to prove oneself beside the password."""

    @property
    def kind(self) -> str:
        """Its name in forms, the API and the audit trail."""
        ...

    @property
    def amr(self) -> tuple[str, ...]:
        """What it adds to `amr` (RFC 8176)."""
        ...

    async def is_available(self, user: User) -> bool:
        """Tell whether the person can answer with it now."""
        ...

    async def check(self, user: User, answer: Answer) -> bool:
        """Tell whether the answer is right, and use it up: of many at once with one answer, one is."""
        ...
