"""The page that posts an authorization response to a client (OAuth 2.0 Form Post Response Mode §2)."""

from collections.abc import Sequence

from starlette.responses import Response

from idp.oauth.clients import Client
from idp.pages.clients import client_view
from idp.pages.render import Renderer


class FormPostPage:
    """Renders the form, which a script submits."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def render(self, client: Client | None, action: str, fields: Sequence[tuple[str, str]]) -> Response:
        """Return the page. `client` is the one that the fields are for, if it is known for sure."""
        return self._renderer.page(
            "form_post.html",
            client=client_view(client),
            form_action=("https:", action),
            action=action,
            fields=fields,
        )
