"""The error page: a sentence for the user, an id to find it in the log, and in development the reason."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Scope

from idp.errors import ClientRequestError, FlowError, IdpError
from idp.pages.render import Renderer
from idp.pages.views import ErrorView
from idp.text import Text
from idp.web.links import Links


class ErrorPages:
    """Renders what went wrong. Pages raise; nothing but the application's last net comes here."""

    def __init__(self, renderer: Renderer, links: Links, *, dev: bool) -> None:
        self._renderer = renderer
        self._links = links
        self._dev = dev

    def render(self, status: int, sentence: str, error_id: str, error: Exception | None = None) -> Response:
        """Return the error page. In development it shows the facts of `error` that the log has."""
        detail = list(_facts_of(error).items()) if self._dev else []
        view = ErrorView(_title_of(error), sentence, error_id, self._onward(error), detail)
        return self._renderer.page(view, status=status)

    def _onward(self, error: Exception | None) -> tuple[str, Text] | None:
        """Return where the user can go from here, and how the way there is called."""
        if not isinstance(error, FlowError):
            return None
        if error.resume is not None:
            return self._links.path("/authorize/resume", tx=error.resume), Text("Continue")
        return self._links.path("/account"), Text("To your account")


def error_id_of(scope: Scope) -> str:
    """Return the request's id, which the log has too."""
    return str(scope.get("state", {}).get("request_id", "-"))


def _title_of(error: Exception | None) -> Text:
    match error:
        case FlowError():
            return Text("Start again")
        case ClientRequestError():
            return Text("This app is not set up correctly")
        case _:
            return Text("This did not work")


def _facts_of(error: Exception | None) -> Mapping[str, str]:
    match error:
        case ClientRequestError():
            return error.facts
        case IdpError() if error.detail:
            return {"reason": error.detail}
        case _:
            return {}
