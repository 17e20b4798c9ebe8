"""The provider's own errors.

Two families exist (and no third): protocol errors, which are Authlib's `OAuth2Error` and live in the
core, and `IdpError` everywhere else. An `IdpError` carries a sentence that anybody may read and,
apart from it, a detail that only the log, the audit trail and the development pages may show.

    IdpError
    ├── ConfigurationError   the operator has to change something; raised at start and by the CLI
    ├── InvalidValue         a value given to a command or a form is refused, with the reason
    ├── NotFound             what was named does not exist
    ├── Conflict             it exists already
    ├── FlowError            a sign-in step out of order, from another browser, or too late
    ├── ClientRequestError   an app's request that cannot be answered to the app, so the user is told
    └── Unavailable          a part is down or full: 503 with Retry-After
        └── Throttled        too many tries: 429 with Retry-After
"""

from collections.abc import Mapping
from math import ceil

from idp.text import Text


class IdpError(Exception):
    """Base of what goes wrong outside the protocol core.

    `sentence` is public and complete: it says what is wrong and, where it can, what to do. It is English,
    and pages translate it; one with numbers or names in it is a `Text`. `detail` is private.
    """

    status = 400

    def __init__(self, sentence: str, *, detail: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence if isinstance(sentence, Text) else Text(sentence)
        self.detail = detail

    @property
    def for_operator(self) -> str:
        """The sentence for the command line and the log, which may name the cause and what to do about it."""
        return self.sentence


class ConfigurationError(IdpError):
    """The installation cannot run as it is configured."""

    status = 500


class InvalidValue(IdpError):
    """A value is refused. `field` names the option or form field it came from."""

    def __init__(self, sentence: str, *, field: str | None = None, detail: str | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.field = field


class NotFound(IdpError):
    """What was named does not exist."""

    status = 404


class Conflict(IdpError):
    """What was to be made exists already."""

    status = 409


class FlowError(IdpError):
    """A step of the sign-in flow was posted out of order, twice, too late or from another browser.

    `resume` names the sign-in that is under way in this browser all the same, for a page to lead back to it.
    """

    resume: str | None = None


class ClientRequestError(IdpError):
    """An app sent the user here with a request that cannot be answered to the app (RFC 6749 §4.1.2.1).

    `facts` are for the app's developer: what was sent, what is registered. Only the development pages show them.
    The endpoint that raises this error has logged it (`idp.endpoints.protocol_errors`).
    """

    def __init__(self, sentence: str, *, status: int = 400, facts: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.facts = dict(facts or {})


class Unavailable(IdpError):
    """A part of the provider is away or full. `retry_after` is in seconds.

    `for_operator` names the cause and what to do about it, where they are known; nobody else learns it.
    """

    status = 503

    def __init__(
        self,
        sentence: str,
        *,
        retry_after: float = 1.0,
        detail: str | None = None,
        for_operator: str | None = None,
    ) -> None:
        super().__init__(sentence, detail=detail)
        self.retry_after = retry_after
        self._for_operator = for_operator

    @property
    def for_operator(self) -> str:
        """As it was given, else the sentence for everybody."""
        return self._for_operator or self.sentence

    @property
    def retry_after_header(self) -> str:
        """The value of Retry-After: whole seconds, rounded up, since a moment less would be too soon."""
        return str(max(1, ceil(self.retry_after)))


class Throttled(Unavailable):
    """Too many tries from this address or for this account. `retry_after` is in seconds."""

    status = 429
