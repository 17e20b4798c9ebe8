"""What a second factor is, and everything that the rest of the provider has to know about a kind of factor.

The pages, the JSON API, the password grant and the account policies read the class attributes below; none of
them names a kind. The defaults are those of a factor that a person answers by typing a code.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from idp.clock import Clock
from idp.config import Settings
from idp.crypto import MasterKey
from idp.identity.mail import Mailer
from idp.identity.mail_throttle import MailThrottle
from idp.identity.tickets import Tickets
from idp.storage.database import Database, UnitOfWork
from idp.storage.ephemeral import EphemeralStore
from idp.storage.models import FactorCredential, User
from idp.storage.single_use import SingleUse
from idp.text import Text


@dataclass(frozen=True, slots=True)
class FactorParts:
    """The parts of the provider that factors are made of. Each factor takes from them what it needs."""

    database: Database
    store: EphemeralStore
    single_use: SingleUse
    master_key: MasterKey
    tickets: Tickets
    mail_throttle: MailThrottle
    mailer: Mailer
    settings: Settings
    clock: Clock


@dataclass(frozen=True, slots=True)
class ChallengeAnswer:
    """A person's answer to a challenge: a typed `code`, or the `assertion` of an authenticator (WebAuthn JSON)."""

    code: str = ""
    assertion: str = ""
    ceremony: str = ""
    """The id of the challenge that the assertion answers."""


class Factor(ABC):
    """A proof of identity beside the password."""

    kind: ClassVar[str]
    """Its name in forms, the API and the audit trail."""
    weak: ClassVar[bool] = False
    """Whether it proves no more than what also resets the password. A weak factor raises no `acr`, answers no
    request without a page, and makes no browser trusted."""
    answer_by: ClassVar[Literal["code", "assertion"]] = "code"
    """The member of `ChallengeAnswer` that holds the answer."""

    choose: ClassVar[Text]
    """The link to it on the challenge page: "Use your authenticator app"."""
    challenge: ClassVar[Text]
    """What the person is to do on the challenge page."""
    wrong: ClassVar[Text]
    """The answer to a wrong answer."""
    challenge_template: ClassVar[str] = "mfa.html"
    """The challenge page. A template of the factor's own extends `mfa.html`."""
    code_input: ClassVar[Literal["numeric", "text"]] = "numeric"
    """The keyboard that a phone shows for the code."""

    @classmethod
    @abstractmethod
    def of(cls, parts: FactorParts) -> Self:
        """Make the factor."""

    @abstractmethod
    async def is_available(self, user: User) -> bool:
        """Tell whether the person can answer with it now."""

    @abstractmethod
    async def check(self, user: User, answer: ChallengeAnswer) -> tuple[str, ...] | None:
        """Use a right answer up and return what it adds to `amr` (RFC 8176); None when it is wrong. Of several
        equal answers at once, one is right."""

    async def challenge_context(self, user: User) -> Mapping[str, Any]:
        """Return what `challenge_template` needs beside the factor."""
        del user
        return {}

    async def challenge_without_page(self, user: User, ceremony: str) -> Mapping[str, Any] | None:
        """Return what a client needs to have the person answer without a page, bound to `ceremony`; None if a
        code is all that it takes."""
        del user, ceremony
        return None

    async def send(self, user: User) -> bool:
        """Send the person what they answer with, and return True; False for a factor that sends nothing.
        Raise `Throttled`."""
        del user
        return False


class EnrollableFactor(Factor):
    """A factor that people set up, of which an account may have several."""

    credential: ClassVar[type[FactorCredential]]
    """The rows that hold what people have set up."""
    page: ClassVar[str]
    """The last part of the URL at which it is set up on the account's security page."""
    needs_device: ClassVar[bool] = False
    """Whether it takes a device or browser that not everybody has. Where a factor is required, one that needs
    none is shown first."""

    label: ClassVar[Text]
    """What the thing is: "Authenticator app". Also the name of one that the person gave no name."""
    add: ClassVar[Text]
    """The link to its set-up on the security page."""
    set_up: ClassVar[Text]
    """The title of the page that sets it up."""
    set_up_lead: ClassVar[Text]
    """What it is, for a person who is about to set it up."""
    instead: ClassVar[Text]
    """The link to it on the page that sets up another kind."""
    enrolment_template: ClassVar[str] = "factor_enrol.html"
    """The page that sets it up. A template of the factor's own extends `factor_enrol.html`."""

    @abstractmethod
    async def enrolment_context(self, user: User, draft: str | None = None) -> Mapping[str, Any]:
        """Begin an enrolment and return what `enrolment_template` needs beside the factor. `draft` is the
        hidden field of a form that comes back. Raise `InvalidValue` when it is no draft of this person's."""

    @abstractmethod
    async def finish_enrolment(self, user: User, form: Mapping[str, str], unnamed: str) -> tuple[str, ...]:
        """Store what the form confirms, under the `name` in it, and return the `amr` that it has proven; raise
        `InvalidValue`. `unnamed` is the name for one to which the person gave none."""

    @classmethod
    async def signs_in_alone(cls, uow: UnitOfWork, user_id: str) -> frozenset[str]:
        """Return the ids of the person's credentials with which they can sign in without anything else."""
        del uow, user_id
        return frozenset()
