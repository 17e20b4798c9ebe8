"""Addresses of ours, as a browser must ask for them."""

from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from idp.oauth.http import NO_STORE


class Links:
    """Knows the path that the issuer has."""

    def __init__(self, base_path: str) -> None:
        """Take the path of the issuer: "" or "/" at the root of a host."""
        self._base_path = base_path.rstrip("/")

    def path(self, path: str, **query: str) -> str:
        """Return a path of ours as a browser asks for it; raise `ValueError` for what is none."""
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError(f"{path!r} is not a path of this server")
        url = self._base_path + path
        return f"{url}?{urlencode(query)}" if query else url

    def redirect(self, path: str, **query: str) -> Response:
        """Send the browser to a path of ours. 303: a post is not repeated (RFC 9700 §4.12)."""
        return RedirectResponse(self.path(path, **query), status_code=303)


def leave(url: str) -> Response:
    """Send the browser to a URL of another site. 303: a post is not repeated there (RFC 9700 §4.12)."""
    return RedirectResponse(url, status_code=303, headers=NO_STORE)
