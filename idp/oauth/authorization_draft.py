"""An authorization request while it is being read: what was sent, and what it has come to mean."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Self

from idp.oauth.claims import ClaimsRequest
from idp.oauth.clients import Client


@dataclass(frozen=True, slots=True)
class Sent:
    """The parameters that this server reads, as text. An empty one counts as absent (RFC 6749 §3.1)."""

    client_id: str | None = None
    redirect_uri: str | None = None
    response_type: str | None = None
    response_mode: str | None = None
    state: str | None = None
    scope: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    prompt: str | None = None
    max_age: str | None = None
    login_hint: str | None = None
    id_token_hint: str | None = None
    acr_values: str | None = None
    claims: str | None = None
    ui_locales: str | None = None
    idp_hint: str | None = None
    display: str | None = None
    request: str | None = None
    request_uri: str | None = None
    registration: str | None = None
    repeated: frozenset[str] = frozenset()
    """The names of those that were sent more than once."""

    @classmethod
    def read(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Read the parameters of a query or form. One that this server does not know is ignored, however often
        it is there (RFC 6749 §3.1; RFC 8707 §2 lets a client repeat `resource`)."""
        known = [(name, value) for name, value in pairs if name in PARAMETERS]
        repeated = frozenset(name for name, times in Counter(name for name, _ in known).items() if times > 1)
        return cls(**{name: value for name, value in reversed(known) if value}, repeated=repeated)


PARAMETERS = frozenset(each.name for each in fields(Sent)) - {"repeated"}


@dataclass(slots=True)
class Draft:
    """What the checks so far have read. A field has its default until its check has run."""

    sent: Sent
    client: Client = field(init=False)
    redirect_uri: str = ""
    redirect_uri_given: bool = True
    redirect_proven: bool = False
    response_mode: str = "query"
    scopes: tuple[str, ...] = ()
    code_challenge: str | None = None
    prompts: tuple[str, ...] = ()
    max_age: int | None = None
    claims: ClaimsRequest = field(default_factory=ClaimsRequest)
    subjects: tuple[str, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    """What a developer needs to see the mistake; for the log and the development pages only."""
