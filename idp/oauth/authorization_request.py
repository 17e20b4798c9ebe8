"""An authorization request that is valid, where its answer goes, and how it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from idp.oauth.claims import ClaimsRequest
from idp.oauth.errors import OAuth2Error

RESPONSE_TYPES = ("code",)
RESPONSE_MODES = ("query", "fragment", "form_post")
CODE_CHALLENGE_METHODS = ("S256",)
PROMPTS = ("none", "login", "consent", "select_account")
DISPLAYS = ("page", "popup", "touch", "wap")
ID_TOKEN_ALGORITHMS = ("RS256", "ES256", "EdDSA")


@dataclass(frozen=True, slots=True)
class ResponseTarget:
    """Where and how a client gets the answer to an authorization request."""

    redirect_uri: str
    response_mode: str = "query"
    state: str | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A valid authorization request."""

    client_id: str
    redirect_uri: str
    redirect_uri_given: bool = True
    """Whether the request had it; if so, so must the token request (RFC 6749 §4.1.3)."""
    response_mode: str = "query"
    state: str | None = None
    scopes: tuple[str, ...] = ()
    nonce: str | None = None
    code_challenge: str | None = None
    prompts: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str | None = None
    subjects: tuple[str, ...] = ()
    """The users of whom one must be signed in, from `id_token_hint` or the `claims` parameter; none means any."""
    acr_values: tuple[str, ...] = ()
    claims: ClaimsRequest = field(default_factory=ClaimsRequest)
    ui_locales: str | None = None
    idp_hint: str | None = None
    """Ours: the provider that the app wants the person to sign in with."""
    display: str = "page"

    @property
    def target(self) -> "ResponseTarget":
        """Where and how the client gets its answer."""
        return ResponseTarget(self.redirect_uri, self.response_mode, self.state)

    def expects(self, subject: str) -> bool:
        """Tell whether this user may sign in for the request."""
        return not self.subjects or subject in self.subjects


class AuthorizationError(Exception):
    """An authorization request is refused. With a `target` it is told at the redirect URI, else the sender: the
    user at /authorize, the client where it pushes its requests."""

    def __init__(
        self,
        error: OAuth2Error,
        *,
        client_id: str | None = None,
        target: ResponseTarget | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error.error)
        self.error = error
        self.client_id = client_id
        """The client, if there is one of that name."""
        self.target = target
        self.facts = facts or {}
        """What a developer needs to see the mistake; for the log and the development pages only."""
