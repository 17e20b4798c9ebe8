"""Protocol errors: Authlib's classes, and the few that it lacks or answers with another status.

A description given to one of these must be a fixed ASCII sentence. Echoing what the request said would
let the request choose our words, and Authlib raises on the characters that RFC 6749 §5.2 forbids.
"""

from collections.abc import Mapping
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import (
    AccessDeniedError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.errors import InvalidClientError as AuthlibInvalidClientError
from authlib.oauth2.rfc6750 import InsufficientScopeError, InvalidTokenError
from authlib.oidc.core.errors import (
    AccountSelectionRequiredError,
    ConsentRequiredError,
    InteractionRequiredError,
    LoginRequiredError,
    RegistrationNotSupportedError,
    RequestNotSupportedError,
    RequestURINotSupportedError,
)

__all__ = [
    "AccessDeniedError",
    "AccountSelectionRequiredError",
    "AuthlibInvalidClientError",
    "ConsentRequiredError",
    "InsufficientScopeError",
    "InsufficientUserAuthenticationError",
    "InteractionRequiredError",
    "InvalidClientError",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidScopeError",
    "InvalidTokenError",
    "LoginRequiredError",
    "MissingTokenError",
    "OAuth2Error",
    "RegistrationNotSupportedError",
    "RequestNotSupportedError",
    "RequestURINotSupportedError",
    "StepRequiredError",
    "UnauthorizedClientError",
    "UnmetAuthenticationRequirementsError",
    "UnsupportedGrantTypeError",
    "UnsupportedResponseTypeError",
]


class InvalidClientError(AuthlibInvalidClientError):
    """Client authentication failed. Always 401 (RFC 6749 §5.2), with the Basic challenge."""

    status_code = 401

    def get_headers(self) -> list[tuple[str, str]]:
        """Return the headers with a challenge that names a realm (RFC 7617 §2), which Authlib's lacks."""
        return [
            *OAuth2Error.get_headers(self),
            ("WWW-Authenticate", 'Basic realm="clients", charset="UTF-8"'),
        ]


class StepRequiredError(InvalidGrantError):
    """The password is right, but a step of the sign-in is due that the grant cannot take.

    `step` says which to callers inside; `members` what is needed to go on with it.
    """

    def __init__(self, step: str, description: str, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(description)
        self.step = step
        self.members = dict(members or {})
        if self.step == "mfa_required":
            self.error = "mfa_required"  # by a name of its own: the client can go on

    def get_body(self) -> list[tuple[str, Any]]:
        """Return the members of the error response, with what is needed to go on."""
        return [*super().get_body(), *self.members.items()]


class UnsupportedGrantTypeError(OAuth2Error):
    """The grant type is not one of ours (RFC 6749 §5.2)."""

    error = "unsupported_grant_type"
    description = "The grant type is not supported; the discovery document lists those that are"


class UnsupportedResponseTypeError(OAuth2Error):
    """The response type is not one of ours (RFC 6749 §4.1.2.1)."""

    error = "unsupported_response_type"
    description = "The response type is not supported; use response_type=code"


class UnmetAuthenticationRequirementsError(OAuth2Error):
    """The sign-in cannot be as strong as was required (OpenID Connect Core Unmet Authentication
    Requirements 1.0 §2)."""

    error = "unmet_authentication_requirements"
    description = "The requested authentication context cannot be reached"


class MissingTokenError(OAuth2Error):
    """There is no access token, so the challenge has no error code (RFC 6750 §3.1)."""

    error = "invalid_token"
    description = "An access token is needed"
    status_code = 401


class InsufficientUserAuthenticationError(OAuth2Error):
    """The user has to be authenticated again, more strongly or more recently (RFC 9470 §3)."""

    error = "insufficient_user_authentication"
    status_code = 401

    def __init__(self, description: str, *, acr_values: str | None, max_age: int | None) -> None:
        super().__init__(description)
        self.wanted: dict[str, str | int] = {}
        """What to ask for at the authorization endpoint."""
        if acr_values is not None:
            self.wanted["acr_values"] = acr_values
        if max_age is not None:
            self.wanted["max_age"] = max_age
