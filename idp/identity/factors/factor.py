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
    def weak(self) -> bool:
        """Whether it proves no more than what also resets the password. Such a factor raises no `acr`."""
        ...

    async def is_available(self, user: User) -> bool:
        """Tell whether the person can answer with it now."""
        ...

    async def check(self, user: User, answer: Answer) -> tuple[str, ...] | None:
        """Use a right answer up and return what it adds to `amr` (RFC 8176); None when it is wrong. Of many
        at once with one answer, one is right."""
        ...
