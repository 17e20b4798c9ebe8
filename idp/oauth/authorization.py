"""Validating an authorization request (RFC 6749 §4.1.1, OIDC Core §3.1.2.1).

`CHECKS` reads from top to bottom. Until the redirect URI is proven an error may only be shown on a
page; from there on it goes to the client, in the response mode that it asked for (RFC 6749 §4.1.2.1).
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from idp.config import ClientSettings
from idp.keys.keyring import Keyring
from idp.keys.signing import InvalidToken
from idp.oauth.claims import ClaimsRequest
from idp.oauth.clients import Client, ClientRegistry
from idp.oauth.errors import (
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    RegistrationNotSupportedError,
    RequestNotSupportedError,
    RequestURINotSupportedError,
    UnauthorizedClientError,
    UnsupportedResponseTypeError,
)
from idp.oauth.scopes import (
    OFFLINE_ACCESS,
    OPENID,
    ScopePolicy,
    UnregisteredScopeError,
    parse_scope,
)

RESPONSE_TYPES = ("code",)
RESPONSE_MODES = ("query", "fragment", "form_post")
CODE_CHALLENGE_METHODS = ("S256",)
PROMPTS = ("none", "login", "consent", "select_account")
DISPLAYS = ("page", "popup", "touch", "wap")
ID_TOKEN_ALGORITHMS = ("RS256", "ES256", "EdDSA")

LONGEST_HINT = 40
"""Characters of the name of a provider."""
MAX_OPAQUE_LENGTH = 4000
"""Characters of a value that we only carry: state, nonce, hints."""

_PKCE_MISSING = "The parameter code_challenge is missing (PKCE is required)"
_PKCE_OR_NONCE_MISSING = (
    "The parameter code_challenge is missing (PKCE is required, or the scope openid with a nonce)"
)
_CODE_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")  # RFC 7636 §4.2: base64url of a SHA-256


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
    """Of whom one must be signed in, from `id_token_hint` or the `claims` parameter; none means anybody."""
    acr_values: tuple[str, ...] = ()
    claims: ClaimsRequest = field(default_factory=ClaimsRequest)
    ui_locales: str | None = None
    idp_hint: str | None = None
    """Ours: the provider that the app wants the person to sign in with."""
    display: str = "page"

    def expects(self, subject: str) -> bool:
        """Tell whether this person may be the one who signs in."""
        return not self.subjects or subject in self.subjects


class AuthorizationError(Exception):
    """An authorization request is refused. With a `redirect_uri` the client is told, else the person."""

    def __init__(
        self,
        error: OAuth2Error,
        *,
        redirect_uri: str | None = None,
        response_mode: str = "query",
        state: str | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error.error)
        self.error = error
        self.redirect_uri = redirect_uri
        self.response_mode = response_mode
        self.state = state
        self.facts = facts or {}
        """What a developer needs to see the mistake; for the log and the development pages only."""


@dataclass(slots=True)
class Draft:
    """A request while it is being checked: the parameters, and what the checks so far have found."""

    pairs: tuple[tuple[str, str], ...]
    parameters: dict[str, str]
    client: Client = field(init=False)
    found: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    redirect_proven: bool = False


class AuthorizationRequests:
    """Turns the parameters of /authorize into an `AuthorizationRequest`."""

    def __init__(self, clients: ClientRegistry, keyring: Keyring, settings: ClientSettings) -> None:
        self._clients = clients
        self._always_pkce = settings.require_pkce
        self._scope_policy = ScopePolicy(refuse=settings.unknown_scopes == "refuse")
        self._keyring = keyring
        self.checks: tuple[Callable[[Draft], Awaitable[None] | None], ...] = (
            self.client_is_known,
            self.redirect_uri_is_registered,  # until here an error is shown on a page
            self.response_mode_is_known,  # first of the rest: it says how they are delivered
            self.no_parameter_is_repeated,
            self.request_objects_are_not_used,
            self.response_type_is_code,
            self.client_may_use_the_code_grant,
            self.scopes_are_allowed,
            self.code_challenge_is_sound,
            self.prompt_makes_sense,
            self.max_age_is_a_number,
            self.claims_parameter_is_well_formed,
            self.id_token_hint_is_ours,  # after claims: both may name the subject
            self.carried_values_are_not_huge,
        )

    async def validate(self, pairs: tuple[tuple[str, str], ...]) -> tuple[AuthorizationRequest, Client]:
        """Check the request's parameters; raise `AuthorizationError` at the first that fails."""
        draft = Draft(pairs, {name: value for name, value in reversed(pairs) if value})
        try:
            for check in self.checks:
                waiting = check(draft)
                if waiting is not None:
                    await waiting
        except OAuth2Error as error:
            raise AuthorizationError(
                error,
                redirect_uri=draft.found.get("redirect_uri") if draft.redirect_proven else None,
                response_mode=draft.found.get("response_mode", "query"),
                state=draft.parameters.get("state"),
                facts=draft.facts,
            ) from error
        return AuthorizationRequest(**draft.found), draft.client

    async def client_is_known(self, draft: Draft) -> None:
        """An unknown client has no redirect URI that could be trusted."""
        _refuse_repeated(draft, ("client_id", "redirect_uri"))
        client_id = draft.parameters.get("client_id")
        if client_id is None:
            raise InvalidRequestError("The parameter client_id is missing")
        draft.facts["client_id sent"] = client_id
        client = await self._clients.get(client_id)
        if client is None:
            raise InvalidRequestError("There is no client with this client_id")
        draft.client = client
        draft.found["client_id"] = client.client_id

    def redirect_uri_is_registered(self, draft: Draft) -> None:
        """Compared exactly (RFC 9700 §2.1); left out only where one is registered and no openid is asked."""
        uri = draft.parameters.get("redirect_uri")
        draft.facts["redirect_uri sent"] = uri or "(none)"
        draft.facts["redirect_uris registered"] = ", ".join(draft.client.redirect_uris) or "(none)"
        if uri is None:
            uri = draft.client.get_default_redirect_uri()
            if uri is None or OPENID in draft.parameters.get("scope", "").split():  # OIDC Core §3.1.2.1
                raise InvalidRequestError("The parameter redirect_uri is missing")
            draft.found["redirect_uri_given"] = False
        elif not draft.client.check_redirect_uri(uri):
            raise InvalidRequestError("The redirect_uri is not registered for this client")
        draft.found["redirect_uri"] = uri
        draft.redirect_proven = True

    @staticmethod
    def response_mode_is_known(draft: Draft) -> None:
        """OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2."""
        mode = draft.parameters.get("response_mode", "query")
        if mode not in RESPONSE_MODES:
            raise InvalidRequestError("The response_mode is not supported")
        if mode == "form_post" and urlsplit(draft.found["redirect_uri"]).scheme not in {"http", "https"}:
            raise InvalidRequestError("The response_mode form_post needs an http or https redirect_uri")
        draft.found["response_mode"] = mode

    @staticmethod
    def no_parameter_is_repeated(draft: Draft) -> None:
        """RFC 6749 §3.1."""
        _refuse_repeated(draft, None)
        draft.found["state"] = draft.parameters.get("state")

    @staticmethod
    def request_objects_are_not_used(draft: Draft) -> None:
        """Refused with the errors of OIDC Core §3.1.2.6, as discovery says."""
        if "request" in draft.parameters:
            raise RequestNotSupportedError("Request objects are not supported")
        if "request_uri" in draft.parameters:
            raise RequestURINotSupportedError("The parameter request_uri is not supported")
        if "registration" in draft.parameters:
            raise RegistrationNotSupportedError("The parameter registration is not supported")

    @staticmethod
    def response_type_is_code(draft: Draft) -> None:
        """The other flows put tokens into URLs (RFC 9700 §2.1.2)."""
        response_type = draft.parameters.get("response_type")
        if response_type is None:
            raise InvalidRequestError("The parameter response_type is missing")
        if response_type not in RESPONSE_TYPES:
            raise UnsupportedResponseTypeError

    @staticmethod
    def client_may_use_the_code_grant(draft: Draft) -> None:
        """RFC 6749 §4.1.2.1."""
        if not draft.client.check_response_type("code"):
            raise UnauthorizedClientError("The client may not use the authorization code grant")

    def scopes_are_allowed(self, draft: Draft) -> None:
        """Those that are not registered for the client are ignored, or refused where the settings say so."""
        try:
            scopes = parse_scope(draft.parameters.get("scope"))
        except ValueError as error:
            raise InvalidScopeError from error
        allowed = draft.client.scopes
        try:
            scopes = self._scope_policy.choose(scopes, allowed)
        except UnregisteredScopeError as error:
            draft.facts["scopes registered"] = " ".join(allowed)
            raise InvalidScopeError("A requested scope is not registered for this client") from error
        if not scopes:  # RFC 6749 §3.3: a default, which never includes standing access
            scopes = tuple(s for s in allowed if s not in {OPENID, OFFLINE_ACCESS})
        draft.found["scopes"] = draft.client.usable_scopes(scopes)
        draft.found["nonce"] = draft.parameters.get("nonce")

    def code_challenge_is_sound(self, draft: Draft) -> None:
        """S256 only. A confidential client may leave it out where a nonce protects the code (RFC 9700 §2.1.1)."""
        challenge = draft.parameters.get("code_challenge")
        method = draft.parameters.get("code_challenge_method")
        if challenge is None:
            if method is not None:  # half of PKCE is a mistake, whatever is required
                raise InvalidRequestError("The parameter code_challenge_method is without a code_challenge")
            nonce = OPENID in draft.found["scopes"] and draft.found["nonce"] is not None
            if self._always_pkce or draft.client.requires_pkce(nonce=nonce):
                strict = self._always_pkce or draft.client.requires_pkce(nonce=True)
                raise InvalidRequestError(_PKCE_MISSING if strict else _PKCE_OR_NONCE_MISSING)
            return
        if method not in CODE_CHALLENGE_METHODS:  # absent would mean plain (RFC 7636 §4.3)
            raise InvalidRequestError("The code_challenge_method must be S256")
        if not _CODE_CHALLENGE.fullmatch(challenge):
            raise InvalidRequestError("The code_challenge is not the base64url of a SHA-256")
        draft.found["code_challenge"] = challenge

    @staticmethod
    def prompt_makes_sense(draft: Draft) -> None:
        """OIDC Core §3.1.2.1: `none` stands alone; values that we do not know are ignored."""
        prompts = tuple(p for p in draft.parameters.get("prompt", "").split() if p in PROMPTS)
        if "none" in prompts and len(draft.parameters["prompt"].split()) > 1:
            raise InvalidRequestError("The prompt none cannot be combined with others")
        draft.found["prompts"] = prompts

    @staticmethod
    def max_age_is_a_number(draft: Draft) -> None:
        """Seconds, OIDC Core §3.1.2.1."""
        text = draft.parameters.get("max_age")
        if text is None:
            return
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            raise InvalidRequestError("The max_age must be a number of seconds")
        draft.found["max_age"] = int(text)

    @staticmethod
    def claims_parameter_is_well_formed(draft: Draft) -> None:
        """OIDC Core §5.5. What the client is not registered for is left out, as what is not known is."""
        try:
            claims = ClaimsRequest.parse(draft.parameters.get("claims"))
        except ValueError as error:
            raise InvalidRequestError("The parameter claims is malformed") from error
        draft.found["claims"] = claims.within({OPENID, *draft.client.scopes})
        draft.found["subjects"] = claims.subjects
        draft.found["acr_values"] = tuple(draft.parameters.get("acr_values", "").split()[:20])

    def id_token_hint_is_ours(self, draft: Draft) -> None:
        """It may have expired, but we must have issued it (OIDC Core §3.1.2.1)."""
        hint = draft.parameters.get("id_token_hint")
        if hint is None:
            return
        try:
            subject = self._keyring.verify(hint, typ=None, algorithms=ID_TOKEN_ALGORITHMS).get("sub")
        except InvalidToken as error:
            raise InvalidRequestError("The id_token_hint is not an ID token of this issuer") from error
        asked = draft.found["subjects"]
        if not isinstance(subject, str) or (asked and subject not in asked):
            raise InvalidRequestError("The id_token_hint and the claims parameter name different subjects")
        draft.found["subjects"] = (subject,)

    @staticmethod
    def carried_values_are_not_huge(draft: Draft) -> None:
        """What is only carried is still stored."""
        for name in ("state", "nonce", "login_hint", "ui_locales"):
            if len(draft.parameters.get(name, "")) > MAX_OPAQUE_LENGTH:
                raise InvalidRequestError("A parameter is too long")
        draft.found["login_hint"] = draft.parameters.get("login_hint")
        draft.found["ui_locales"] = draft.parameters.get("ui_locales")
        draft.found["idp_hint"] = draft.parameters.get("idp_hint", "")[:LONGEST_HINT] or None
        display = draft.parameters.get("display", "page")
        draft.found["display"] = display if display in DISPLAYS else "page"


def _refuse_repeated(draft: Draft, names: tuple[str, ...] | None) -> None:
    sent = [name for name, _ in draft.pairs if names is None or name in names]
    if len(sent) != len(set(sent)):
        raise InvalidRequestError("A request parameter is repeated")
