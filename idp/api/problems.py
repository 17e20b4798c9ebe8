"""Every error of the API in one shape: problem details (RFC 9457). Needs no FastAPI: the last net uses it too."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from idp.errors import ConfigurationError, IdpError, InvalidValue, Unavailable

MEDIA_TYPE = "application/problem+json"
LONGEST_ECHO = 200
"""Characters of what the request said that an answer repeats."""

PROBLEMS: Mapping[str, tuple[int, str]] = {
    "invalid_request": (400, "The request is malformed"),
    "authentication_required": (401, "An access token is required"),
    "invalid_token": (401, "The access token is not good"),
    "reauthentication_required": (401, "A recent sign-in is required"),
    "invalid_credentials": (401, "The email or password is wrong"),
    "invalid_grant": (401, "The refresh token is not good"),
    "invalid_client": (401, "The client is not authenticated"),
    "client_not_allowed": (403, "The client may not do this"),
    "insufficient_scope": (403, "The access token does not cover this"),
    "verification_required": (403, "The email address has to be verified first"),
    "mfa_required": (403, "A second factor is required"),
    "mfa_enrolment_required": (403, "A second factor has to be set up first"),
    "registration_closed": (403, "Nobody can register here"),
    "not_found": (404, "There is nothing here"),
    "method_not_allowed": (405, "This address cannot be used so"),
    "request_timeout": (408, "The request took too long to arrive"),
    "conflict": (409, "It exists already"),
    "too_large": (413, "The request is too large"),
    "uri_too_long": (414, "The address is too long"),
    "invalid_value": (422, "A value is refused"),
    "throttled": (429, "Too many requests"),
    "server_error": (500, "Something went wrong here"),
    "unavailable": (503, "A part of the service is away"),
}
"""Each code with its status and title. A code is the end of the problem's `type`, and its `code`."""

_CODE_OF_STATUS = {
    status: code
    for code, (status, _) in reversed(list(PROBLEMS.items()))  # of several the first
    if code != "authentication_required"
}

log = structlog.get_logger("idp.api")


class Refusal(IdpError):
    """A request is refused with a problem of the table above. `members` are added to the body."""

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(sentence, detail=detail)
        self.code = code
        self.status = PROBLEMS[code][0]
        self.headers = dict(headers or {})
        self.members = dict(members or {})


class Problems:
    """Writes problem details. `base` is the URL of the API."""

    def __init__(self, base: str) -> None:
        self._base = base

    def type_of(self, code: str) -> str:
        """Return the URI that names the problem; it answers with what it is about."""
        return f"{self._base}/problems/{code}"

    def answer(
        self,
        scope: Scope,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> Response:
        """Return the response. Whatever of it comes from the request must have been through `echoed`."""
        expected, title = PROBLEMS[code]
        body: dict[str, Any] = {
            **(members or {}),
            "type": self.type_of(code),
            "title": title,
            "status": status or expected,
            "detail": detail,
            "instance": echoed(scope["path"]),
            "code": code,
            "error_id": str(scope.get("state", {}).get("request_id", "-")),
        }
        if errors:
            body["errors"] = list(errors)
        return JSONResponse(body, status or expected, headers=dict(headers or {}), media_type=MEDIA_TYPE)

    def for_status(
        self, scope: Scope, status: int, detail: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return the response to an error of which only the status is known."""
        code = _CODE_OF_STATUS.get(status, "server_error" if status >= 500 else "invalid_request")
        return self.answer(scope, code, detail, status=status, headers=headers)

    def for_error(self, scope: Scope, error: IdpError) -> Response:
        """Return the response to an error of ours, and log what only the log may know."""
        log.warning("refused", reason=error.sentence, detail=error.detail)
        match error:
            case Refusal():
                return self.answer(
                    scope, error.code, error.sentence, headers=error.headers, members=error.members
                )
            case InvalidValue():
                errors = [{"field": error.field, "message": error.sentence}] if error.field else []
                return self.answer(scope, "invalid_value", error.sentence, errors=errors)
            case Unavailable():
                headers = {"Retry-After": error.retry_after_header}
                return self.for_status(scope, error.status, error.sentence, headers)
            case ConfigurationError():  # its sentence is for the operator
                return self.for_status(scope, 500, PROBLEMS["server_error"][1] + ".")
            case _:
                return self.for_status(scope, error.status, error.sentence)


def echoed(text: str) -> str:
    """Return a part of the request as an answer may repeat it: short, and what UTF-8 can say."""
    return text[:LONGEST_ECHO].encode("utf-8", "replace").decode()
