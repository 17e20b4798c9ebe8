"""The pages that lead from here to a client."""

from collections.abc import Sequence

from starlette.responses import Response

from idp.oauth.clients import Client
from idp.pages.clients import client_view
from idp.pages.render import Renderer
from idp.pages.views import FormPostView, HandOverView


class ToClientPages:
    """Renders them; endpoints decide which. `client` is the one that they lead to, if it is known for sure."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def form_post(self, client: Client | None, action: str, fields: Sequence[tuple[str, str]]) -> Response:
        """Return the form that posts an authorization response, which a script submits (OAuth 2.0 Form Post
        Response Mode §2)."""
        return self._renderer.page(
            FormPostView(action, fields),
            client=client_view(client),
            opener=True,
            form_action=("https:", action),
        )

    def hand_over(self, client: Client | None, target: str) -> Response:
        """Return the page that goes on to the client by itself."""
        return self._renderer.page(HandOverView(target), client=client_view(client), opener=True)
