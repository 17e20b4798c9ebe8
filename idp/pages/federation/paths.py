"""The paths that providers, and the pages of others, lead to."""

from starlette.responses import RedirectResponse, Response

from idp.oauth.http import NO_STORE

CONNECTIONS = "/account/connections"
WELCOME = "/federation/welcome"


def callback_path(name: str) -> str:
    """Return the path of a provider's callback: one for each, so that none can pass for another."""
    return f"/federation/{name}/callback"


def signed_out_path(name: str) -> str:
    """Return where a provider leads back to after a sign-out."""
    return f"/federation/{name}/signed-out"


def leave(url: str) -> Response:
    """Send the person to a provider. 303: a post is not repeated there."""
    return RedirectResponse(url, status_code=303, headers=dict(NO_STORE))
