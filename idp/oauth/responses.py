"""Delivering an authorization response to the client, success or error, in its response mode."""

from collections.abc import Iterable

from idp.oauth.authorization_request import ResponseTarget
from idp.oauth.errors import OAuth2Error
from idp.oauth.http import NO_STORE, CoreResponse, with_parameters


def authorization_response(
    issuer: str,
    target: ResponseTarget,
    parameters: Iterable[tuple[str, str]],
    *,
    error: OAuth2Error | None = None,
) -> CoreResponse:
    """Answer with `parameters` at the target, plus `state` and `iss` (RFC 9207 §2).

    The redirect is 303, so that a POST that led here is never repeated at the client (RFC 9700 §4.12).
    """
    fields = [*parameters]
    if target.state is not None:
        fields.append(("state", target.state))
    fields.append(("iss", issuer))
    uri, mode = target.redirect_uri, target.response_mode
    if mode == "form_post":
        return CoreResponse(200, None, NO_STORE, location=uri, form=fields, error=error)
    location = with_parameters(uri, fields, fragment=mode == "fragment")
    return CoreResponse(303, None, NO_STORE, location=location, error=error)


def error_at_client(issuer: str, target: ResponseTarget, error: OAuth2Error) -> CoreResponse:
    """Tell the client of an error (RFC 6749 §4.1.2.1)."""
    return authorization_response(issuer, target, error.get_body(), error=error)
