"""The paths that other rooms lead to, and the way to a provider."""

from starlette.responses import RedirectResponse, Response

from idp.oauth.http import NO_STORE


def leave(url: str) -> Response:
    """Send the user to a provider. 303: a post is not repeated there."""
    return RedirectResponse(url, status_code=303, headers=dict(NO_STORE))
