"""The cookies of a browser: its name (`browser`), the session of the user who is signed in (`session`), and
the mark of a browser that the user trusts to skip the second factor (`device`).

With an https issuer they are `__Host-` cookies (RFC 6265bis §4.1.3.2): no other host, and no page of
ours that was fetched without TLS, can set them. SameSite=Lax keeps them out of cross-site posts.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from idp.config import Settings

BROWSER_TTL = 180 * 86_400
"""Seconds for which a browser keeps its name."""
USUAL_PORTS = frozenset({None, 80, 443, 8000})
"""Ports of an issuer that its cookies do not name: the schemes' own, and that of the default issuer."""


def _suffix(settings: Settings) -> str:
    """Return what tells the cookies of two providers on one host apart: a browser sends a cookie to every port of
    its host (RFC 6265 §8.5)."""
    port = urlsplit(settings.issuer).port
    return "" if port in USUAL_PORTS else f"_{port}"


class Cookies:
    """Reads and sets the cookies."""

    def __init__(self, settings: Settings) -> None:
        self._secure = settings.secure
        self._session_ttl = settings.sessions.absolute_ttl
        prefix, suffix = "__Host-" if settings.secure else "", _suffix(settings)
        self.browser_name = f"{prefix}idp_browser{suffix}"
        self.session_name = f"{prefix}idp_session{suffix}"
        self.device_name = f"{prefix}idp_device{suffix}"
        self._device_ttl = settings.second_factor.trusted_device_ttl

    def browser(self, request: Request) -> str | None:
        """Return the browser's name, a secret that binds forms and transactions to it."""
        return request.cookies.get(self.browser_name) or None

    def session(self, request: Request) -> str | None:
        """Return the session token."""
        return request.cookies.get(self.session_name) or None

    def device(self, request: Request) -> str | None:
        """Return the mark of a trusted browser."""
        return request.cookies.get(self.device_name) or None

    def set_device(self, response: Response, token: str) -> None:
        """Mark the browser as trusted; the mark outlives the session."""
        self._set(response, self.device_name, token, self._device_ttl)

    def keep_browser(self, request: Request, response: Response, browser: str) -> None:
        """Set the browser's name on the response if the request did not have it."""
        if self.browser(request) != browser:
            self._set(response, self.browser_name, browser, BROWSER_TTL)

    def set_session(self, response: Response, token: str) -> None:
        """Set the session token."""
        self._set(response, self.session_name, token, self._session_ttl)

    def clear_session(self, response: Response) -> None:
        """Delete the session token."""
        self._set(response, self.session_name, "", 0)

    def _set(self, response: Response, name: str, value: str, max_age: int) -> None:
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
