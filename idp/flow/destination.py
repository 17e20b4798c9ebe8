"""Where a transaction leads when nothing is left to ask.

A page that has to know, for its Content-Security-Policy or to name the place, asks here, so that a transaction
need not have a redirect URI. A flow that ends on a device, or with a client that pushed its request and
polls, is one more class and one more case in `/authorize/resume`.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from idp.oauth.authorization_request import AuthorizationRequest


@dataclass(frozen=True, slots=True)
class ToClient:
    """The client gets a code, or an error, at its redirect URI."""

    request: AuthorizationRequest

    @property
    def form_targets(self) -> tuple[str, ...]:
        """Where a form of the flow may lead in the end, for `form-action` (CSP).

        Chromium holds the whole chain of redirects after a form to it, and a client's callback often
        redirects on to another host of its own: https is open, plain http only to the callback.
        """
        return ("https:", self.request.redirect_uri)

    @property
    def host(self) -> str | None:
        """The host that the user is told of; None for an app's own scheme."""
        return urlsplit(self.request.redirect_uri).netloc or None


@dataclass(frozen=True, slots=True)
class ToPage:
    """The user goes on to a page of ours."""

    path: str
    form_targets: tuple[str, ...] = ()
    host: str | None = None


Destination = ToClient | ToPage
