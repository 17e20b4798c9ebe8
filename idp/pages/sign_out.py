"""The pages of /end_session: the question, and the end."""

from starlette.responses import Response

from idp.flow.sign_out import SignOutQuestion
from idp.oauth.clients import Client
from idp.pages.clients import client_view
from idp.pages.render import Message, Renderer
from idp.pages.views import SignedOutView, SignOutView


class SignOutPages:
    """Renders them; the endpoint decides which."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def ask(self, question: SignOutQuestion) -> Response:
        """Ask whether the user wants to sign out."""
        return self._renderer.page(
            SignOutView(question.session, question.pending),
            status=400 if question.wrong else 200,
            client=client_view(question.client),
            csrf=question.csrf,
            form_action=question.targets,
            message=Message("notice", question.wrong) if question.wrong else None,
        )

    def done(self, client: Client | None, wrong: str | None = None) -> Response:
        """Say that the user is signed out."""
        return self._renderer.page(
            SignedOutView(),
            status=400 if wrong else 200,
            client=client_view(client),
            message=Message("notice", wrong) if wrong else None,
        )
