"""What every provider is to the rest of us, and how it can fail."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from idp.config import UpstreamSettings
from idp.errors import IdpError
from idp.federation.identity import UpstreamIdentity, UpstreamTokens
from idp.text import Text

SCOPE_PREFIX = "upstream:"
"""With a provider's name, the scope under which a client gets people's tokens there."""
CANCELLATIONS = frozenset(
    {"access_denied", "user_cancelled_authorize", "user_cancelled_login", "consent_required"}
)
"""Errors that mean that the person changed their mind."""


class UpstreamError(IdpError):
    """A sign-in elsewhere came to nothing. The sentence is for the person, the detail for the log."""

    outcome = "refused"
    """A word for the metrics."""


class Cancelled(UpstreamError):
    """The person changed their mind at the provider."""

    outcome = "cancelled"

    def __init__(self, label: str, detail: str) -> None:
        super().__init__(
            Text(
                "You cancelled the sign-in with %(provider)s. Choose another way, or try again.",
                provider=label,
            ),
            detail=detail,
        )
        self.label = label


class UpstreamRefused(UpstreamError):
    """What the provider said cannot be accepted, or it refused us."""

    status = 403

    def __init__(self, label: str, detail: str, sentence: str | None = None) -> None:
        super().__init__(
            sentence
            or Text(
                "The sign-in with %(provider)s did not work. Try again, or choose another way.",
                provider=label,
            ),
            detail=detail,
        )


class UpstreamDown(UpstreamError):
    """The provider does not answer, or not in a way that makes sense."""

    status = 503
    outcome = "down"

    def __init__(self, label: str, detail: str) -> None:
        super().__init__(
            Text(
                "%(provider)s cannot be reached at the moment. Choose another way to sign in, or try later.",
                provider=label,
            ),
            detail=detail,
        )


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What we ask a provider for."""

    redirect_uri: str = ""
    """Filled in with `state` where the sign-in begins."""
    state: str = ""
    reauthenticate: bool = False
    """Whether the user has to prove again who they are (OIDC Core §3.1.2.1, prompt=login)."""
    max_age: int | None = None
    select_account: bool = False
    login_hint: str | None = None
    ui_locales: str | None = None


@dataclass(frozen=True, slots=True)
class PendingAuthorization:
    """What has to be known again when the user comes back; kept here, never sent."""

    redirect_uri: str
    code_verifier: str
    nonce: str
    began_at: float
    reauthenticate: bool = False
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationRedirect:
    """Where to send the person."""

    url: str
    memory: PendingAuthorization


@dataclass(frozen=True, slots=True)
class Report:
    """What `idp provider test` found."""

    facts: Mapping[str, str]
    faults: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Preset:
    """What is known of a type of provider, so that nobody has to configure it."""

    label: str
    """What people read on the button; "" takes the provider's name. A label in the settings goes before both."""
    protocol: str = "openid"
    """How to speak to it: a line of `registry.PROTOCOLS`."""
    issuer: str | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    prompt: str | None = None
    """What to ask for when nothing else is asked for."""
    response_mode: str | None = None
    auth_method: str | None = None
    asks_again: bool = True
    """Whether prompt=login means something there."""
    issuer_form: str = "https://id.example.com"


class Upstream(Protocol):
    """A provider that people may sign in with."""

    name: str
    """Under which it is configured; part of its callback."""
    issuer: str
    label: str
    """What people read on its button."""
    settings: UpstreamSettings

    async def begin(self, ask: UpstreamRequest) -> AuthorizationRedirect:
        """Say where to send the person; raise `UpstreamError`."""
        ...

    async def finish(self, answer: Mapping[str, str], memory: PendingAuthorization) -> UpstreamIdentity:
        """Check what came back and return who it is; raise `UpstreamError`."""
        ...

    async def refresh(self, tokens: UpstreamTokens) -> UpstreamTokens:
        """Return tokens that are good now; raise `UpstreamError`."""
        ...

    async def sign_out_url(self, back_to: str) -> str | None:
        """Say where the provider ends its own session, if it can (OIDC RP-Initiated Logout)."""
        ...

    async def check(self) -> Report:
        """Look whether it can work; raise nothing."""
        ...


def label_of(name: str, settings: UpstreamSettings, preset: str) -> str:
    """Return what people read on the button."""
    return settings.label or preset or name.replace("_", " ").replace("-", " ").title()


def challenge(verifier: str) -> str:
    """Return the S256 code challenge (RFC 7636 §4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def parameters(pairs: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a request, without those that are None."""
    return {name: str(value) for name, value in pairs.items() if value is not None}


def with_query(url: str, query: Mapping[str, str]) -> str:
    """Return the URL with more parameters (RFC 6749 §3.1: it may have some)."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
