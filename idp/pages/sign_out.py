"""The pages of /end_session: the question, and the end."""

from starlette.responses import Response

from idp.identity.sessions import CurrentSession
from idp.oauth.clients import Client
from idp.pages.clients import client_view
from idp.pages.render import Renderer


class SignOutPages:
    """Renders them; the endpoint decides which."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def ask(
        self,
        client: Client | None,
        session: CurrentSession,
        csrf: str,
        pending: str,
        targets: tuple[str, ...],
    ) -> Response:
        """Ask whether the user wants to sign out. `targets` are where the answer may lead in the end."""
        return self._renderer.page(
            "end_session.html",
            client=client_view(client),
            csrf=csrf,
            form_action=targets,
            account=session,
            request=pending,
        )

    def done(self, client: Client | None) -> Response:
        """Say that the user is signed out."""
        return self._renderer.page("signed_out.html", client=client_view(client), return_url=None)
