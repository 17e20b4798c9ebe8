"""The error page: a sentence for the user, an id to find it in the log, and in development the reason."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Scope

from idp.errors import ClientRequestError, FlowError, IdpError
from idp.pages.render import Renderer
from idp.text import Text


class ErrorPages:
    """Renders what went wrong. Pages raise; nothing but the application's last net comes here."""

    def __init__(self, renderer: Renderer, *, dev: bool) -> None:
        self._renderer = renderer
        self._dev = dev

    def render(self, status: int, sentence: str, error_id: str, error: Exception | None = None) -> Response:
        """Return the error page. In development it shows the facts of `error` that the log has."""
        return self._renderer.page(
            "error.html",
            status=status,
            title=_title_of(error),
            sentence=sentence,
            error_id=error_id,
            detail=list(_facts_of(error).items()) if self._dev else [],
        )


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
