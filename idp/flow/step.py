"""What a step of the flow is."""

from dataclasses import dataclass
from typing import Protocol

from idp.flow.situation import Situation
from idp.oauth.errors import OAuth2Error


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a step is pending, in plain words, and the error for a client that wanted no questions."""

    text: str
    error: type[OAuth2Error]
    anew: bool = False
    """Whether a sign-in at another provider counts only if the user is authenticated there again."""


class Step(Protocol):
    """Something that may be asked of a user.

    A step looks at the situation and says whether it is pending, and why. It touches nothing: no store, no clock,
    no HTTP."""

    name: str
    path: str
    """The page that asks."""

    def pending(self, situation: Situation) -> Reason | None:
        """Say why the user must be asked, or None."""
        ...

    def is_optional(self, situation: Situation) -> bool:
        """Whether the flow may go on without it where no question may be asked (`prompt=none`)."""
        del situation
        return False
