"""The error page: a sentence for the person, an id for the log, and in development the reason."""

from collections.abc import Mapping

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from idp.errors import FlowError, IdpError
from idp.pages.render import Renderer
from idp.text import Text

log = structlog.get_logger("idp.pages")


class ErrorPages:
    """Shows errors that no client can be told of."""

    def __init__(self, renderer: Renderer, *, dev: bool) -> None:
        self._renderer = renderer
        self._dev = dev

    def show(
        self,
        request: Request,
        sentence: str,
        *,
        status: int = 400,
        title: str = Text("This did not work"),
        facts: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer with an error page. `facts` go to the log, and in development onto the page."""
        error_id = error_id_of(request.scope)
        log.warning("error page", sentence=sentence, facts=dict(facts or {}), error_id=error_id)
        detail = list((facts or {}).items()) if self._dev else []
        return self._renderer.page(
            "error.html", status=status, title=title, sentence=sentence, error_id=error_id, detail=detail
        )

    def for_error(self, request: Request, error: IdpError) -> Response:
        """Answer with the sentence of an error of ours."""
        title = Text("Start again") if isinstance(error, FlowError) else Text("This did not work")
        facts = {"reason": error.detail} if error.detail else {}
        return self.show(request, error.sentence, status=error.status, title=title, facts=facts)

    def unexpected(self, scope: Scope, status: int, sentence: str, error_id: str) -> Response:
        """Answer for the last net, which has logged the error already."""
        del scope
        return self._renderer.page(
            "error.html",
            status=status,
            title=Text("This did not work"),
            sentence=sentence,
            error_id=error_id,
            detail=[],
        )


def error_id_of(scope: Scope) -> str:
    """Return the request's id, which the log has too."""
    return str(scope.get("state", {}).get("request_id", "-"))
