"""Validating an authorization request (RFC 6749 §4.1.1, OIDC Core §3.1.2.1).

`AuthorizationRequests.checks` reads from top to bottom. A check named `read_…` turns text into a value of the
draft, the others only refuse. Until the redirect URI is proven an error may only be shown to the user; from there
on it goes to the client, in the response mode that it asked for (RFC 6749 §4.1.2.1).
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from idp.config import ClientSettings
from idp.keys.keyring import Keyring
from idp.keys.signing import InvalidToken
from idp.oauth.authorization_draft import Draft, Sent
from idp.oauth.authorization_request import (
    CODE_CHALLENGE_METHODS,
    DISPLAYS,
    ID_TOKEN_ALGORITHMS,
    PROMPTS,
    RESPONSE_MODES,
    RESPONSE_TYPES,
    AuthorizationError,
    AuthorizationRequest,
    ResponseTarget,
)
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

LONGEST_HINT = 40
"""Characters of the name of a provider."""
MOST_ACR_VALUES = 20
MAX_OPAQUE_LENGTH = 4000
"""Characters of a value that we only carry: state, nonce, hints."""

_PKCE_MISSING = "The parameter code_challenge is missing (PKCE is required)"
_PKCE_OR_NONCE_MISSING = (
    "The parameter code_challenge is missing (PKCE is required, or the scope openid with a nonce)"
)
_CODE_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")  # RFC 7636 §4.2: base64url of a SHA-256


RequestEndpoint = Literal["authorize", "pushed"]
"""The endpoints that take an authorization request: from the browser, or from the client itself (RFC 9126)."""
BOTH: frozenset[RequestEndpoint] = frozenset({"authorize", "pushed"})
FROM_BROWSER: frozenset[RequestEndpoint] = frozenset({"authorize"})


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the list: what is done, and at which endpoints."""

    run: Callable[[Draft], Awaitable[None] | None]
    at: frozenset[RequestEndpoint] = BOTH


class AuthorizationRequests:
    """Turns the parameters of a request into an `AuthorizationRequest`."""

    def __init__(self, clients: ClientRegistry, keyring: Keyring, settings: ClientSettings) -> None:
        self._clients = clients
        self._always_pkce = settings.require_pkce
        self._scope_policy = ScopePolicy(refuse=settings.unknown_scopes == "refuse")
        self._keyring = keyring
        self.checks: tuple[Check, ...] = (
            Check(self.read_client, FROM_BROWSER),  # a client that pushes is authenticated before
            Check(self.read_redirect_uri),  # until here an error is not for the client
            Check(self.read_response_mode),  # first of the rest: it says how they are delivered
            Check(self.no_parameter_is_repeated),
            Check(self.carried_values_are_not_huge),
            Check(self.request_objects_are_not_used),
            Check(self.response_type_is_code),
            Check(self.client_may_use_the_code_grant),
            Check(self.read_scopes),
            Check(self.read_code_challenge),  # after scopes: with openid a nonce may stand for it
            Check(self.read_prompts),
            Check(self.read_max_age),
            Check(self.read_claims),
            Check(self.read_id_token_hint),  # after claims: both may name the subject
        )

    async def validate(
        self,
        pairs: Iterable[tuple[str, str]],
        *,
        at: RequestEndpoint = "authorize",
        client: Client | None = None,
    ) -> tuple[AuthorizationRequest, Client]:
        """Check the request's parameters; raise `AuthorizationError` at the first that fails. `client` is the one
        that an endpoint has authenticated."""
        draft = Draft(Sent.read(pairs))
        if client is not None:
            draft.client = client
        try:
            for check in self.checks:
                if at in check.at:
                    waiting = check.run(draft)
                    if waiting is not None:
                        await waiting
        except OAuth2Error as error:
            raise _refusal(draft, error) from error
        return _finished(draft), draft.client

    async def read_client(self, draft: Draft) -> None:
        """An unknown client has no redirect URI that could be trusted."""
        if not draft.sent.repeated.isdisjoint({"client_id", "redirect_uri"}):
            raise InvalidRequestError("A request parameter is repeated")
        client_id = draft.sent.client_id
        if client_id is None:
            raise InvalidRequestError("The parameter client_id is missing")
        draft.facts["client_id sent"] = client_id
        client = await self._clients.get(client_id)
        if client is None:
            raise InvalidRequestError("There is no client with this client_id")
        draft.client = client

    @staticmethod
    def read_redirect_uri(draft: Draft) -> None:
        """Compared exactly (RFC 9700 §2.1); left out only where one is registered and no openid is asked."""
        uri = draft.sent.redirect_uri
        draft.facts["redirect_uri sent"] = uri or "(none)"
        draft.facts["redirect_uris registered"] = ", ".join(draft.client.redirect_uris) or "(none)"
        if uri is None:
            uri = draft.client.get_default_redirect_uri()
            if uri is None or OPENID in (draft.sent.scope or "").split():  # OIDC Core §3.1.2.1
                raise InvalidRequestError("The parameter redirect_uri is missing")
            draft.redirect_uri_given = False
        elif not draft.client.check_redirect_uri(uri):
            raise InvalidRequestError("The redirect_uri is not registered for this client")
        draft.redirect_uri = uri
        draft.redirect_proven = True

    @staticmethod
    def read_response_mode(draft: Draft) -> None:
        """OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2."""
        mode = draft.sent.response_mode or "query"
        if mode not in RESPONSE_MODES:
            raise InvalidRequestError("The response_mode is not supported")
        if mode == "form_post" and urlsplit(draft.redirect_uri).scheme not in {"http", "https"}:
            raise InvalidRequestError("The response_mode form_post needs an http or https redirect_uri")
        draft.response_mode = mode

    @staticmethod
    def no_parameter_is_repeated(draft: Draft) -> None:
        """RFC 6749 §3.1."""
        if draft.sent.repeated:
            raise InvalidRequestError("A request parameter is repeated")

    @staticmethod
    def carried_values_are_not_huge(draft: Draft) -> None:
        """What is only carried is still stored."""
        sent = draft.sent
        carried = (sent.state, sent.nonce, sent.login_hint, sent.ui_locales)
        if any(value is not None and len(value) > MAX_OPAQUE_LENGTH for value in carried):
            raise InvalidRequestError("A parameter is too long")

    @staticmethod
    def request_objects_are_not_used(draft: Draft) -> None:
        """Refused with the errors of OIDC Core §3.1.2.6, as discovery says."""
        if draft.sent.request is not None:
            raise RequestNotSupportedError("Request objects are not supported")
        if draft.sent.request_uri is not None:
            raise RequestURINotSupportedError("The parameter request_uri is not supported")
        if draft.sent.registration is not None:
            raise RegistrationNotSupportedError("The parameter registration is not supported")

    @staticmethod
    def response_type_is_code(draft: Draft) -> None:
        """The other flows put tokens into URLs (RFC 9700 §2.1.2)."""
        if draft.sent.response_type is None:
            raise InvalidRequestError("The parameter response_type is missing")
        if draft.sent.response_type not in RESPONSE_TYPES:
            raise UnsupportedResponseTypeError

    @staticmethod
    def client_may_use_the_code_grant(draft: Draft) -> None:
        """RFC 6749 §4.1.2.1."""
        if not draft.client.check_response_type("code"):
            raise UnauthorizedClientError("The client may not use the authorization code grant")

    def read_scopes(self, draft: Draft) -> None:
        """Those that are not registered for the client are ignored, or refused where the settings say so."""
        allowed = draft.client.scopes
        try:
            scopes = self._scope_policy.choose(parse_scope(draft.sent.scope), allowed)
        except UnregisteredScopeError as error:
            draft.facts["scopes registered"] = " ".join(allowed)
            raise InvalidScopeError("A requested scope is not registered for this client") from error
        except ValueError as error:
            raise InvalidScopeError from error
        if not scopes:  # RFC 6749 §3.3: a default, which never includes standing access
            scopes = tuple(s for s in allowed if s not in {OPENID, OFFLINE_ACCESS})
        draft.scopes = draft.client.usable_scopes(scopes)

    def read_code_challenge(self, draft: Draft) -> None:
        """S256 only. A confidential client may leave it out where a nonce protects the code (RFC 9700 §2.1.1)."""
        challenge, method = draft.sent.code_challenge, draft.sent.code_challenge_method
        if challenge is None:
            if method is not None:  # half of PKCE is a mistake, whatever is required
                raise InvalidRequestError("The parameter code_challenge_method is without a code_challenge")
            nonce = OPENID in draft.scopes and draft.sent.nonce is not None
            if self._always_pkce or draft.client.requires_pkce(nonce=nonce):
                strict = self._always_pkce or draft.client.requires_pkce(nonce=True)
                raise InvalidRequestError(_PKCE_MISSING if strict else _PKCE_OR_NONCE_MISSING)
            return
        if method not in CODE_CHALLENGE_METHODS:  # absent would mean plain (RFC 7636 §4.3)
            raise InvalidRequestError("The code_challenge_method must be S256")
        if not _CODE_CHALLENGE.fullmatch(challenge):
            raise InvalidRequestError("The code_challenge is not the base64url of a SHA-256")
        draft.code_challenge = challenge

    @staticmethod
    def read_prompts(draft: Draft) -> None:
        """OIDC Core §3.1.2.1: `none` stands alone; values that we do not know are ignored."""
        sent = (draft.sent.prompt or "").split()
        if "none" in sent and len(sent) > 1:
            raise InvalidRequestError("The prompt none cannot be combined with others")
        draft.prompts = tuple(prompt for prompt in sent if prompt in PROMPTS)

    @staticmethod
    def read_max_age(draft: Draft) -> None:
        """Seconds, OIDC Core §3.1.2.1."""
        text = draft.sent.max_age
        if text is None:
            return
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            raise InvalidRequestError("The max_age must be a number of seconds")
        draft.max_age = int(text)

    @staticmethod
    def read_claims(draft: Draft) -> None:
        """OIDC Core §5.5. What the client is not registered for is left out, as what is not known is."""
        try:
            claims = ClaimsRequest.parse(draft.sent.claims)
        except ValueError as error:
            raise InvalidRequestError("The parameter claims is malformed") from error
        draft.claims = claims.within({OPENID, *draft.client.scopes})
        draft.subjects = claims.subjects

    def read_id_token_hint(self, draft: Draft) -> None:
        """It may have expired, but we must have issued it (OIDC Core §3.1.2.1)."""
        hint = draft.sent.id_token_hint
        if hint is None:
            return
        try:
            subject = self._keyring.verify(hint, typ=None, algorithms=ID_TOKEN_ALGORITHMS).get("sub")
        except InvalidToken as error:
            raise InvalidRequestError("The id_token_hint is not an ID token of this issuer") from error
        if not isinstance(subject, str) or (draft.subjects and subject not in draft.subjects):
            raise InvalidRequestError("The id_token_hint and the claims parameter name different subjects")
        draft.subjects = (subject,)


def _finished(draft: Draft) -> AuthorizationRequest:
    sent = draft.sent
    return AuthorizationRequest(
        client_id=draft.client.client_id,
        redirect_uri=draft.redirect_uri,
        redirect_uri_given=draft.redirect_uri_given,
        response_mode=draft.response_mode,
        state=sent.state,
        scopes=draft.scopes,
        nonce=sent.nonce,
        code_challenge=draft.code_challenge,
        prompts=draft.prompts,
        max_age=draft.max_age,
        login_hint=sent.login_hint,
        subjects=draft.subjects,
        acr_values=tuple((sent.acr_values or "").split()[:MOST_ACR_VALUES]),
        claims=draft.claims,
        ui_locales=sent.ui_locales,
        idp_hint=(sent.idp_hint or "")[:LONGEST_HINT] or None,
        display=sent.display if sent.display in DISPLAYS else "page",
    )


def _refusal(draft: Draft, error: OAuth2Error) -> AuthorizationError:
    target = ResponseTarget(draft.redirect_uri, draft.response_mode, draft.sent.state)
    client = getattr(draft, "client", None)
    return AuthorizationError(
        error,
        client_id=client.client_id if client else None,
        target=target if draft.redirect_proven else None,
        facts=draft.facts,
    )
