"""Delivering an authorization response to the client, success or error, in its response mode."""

from collections.abc import Iterable

from idp.oauth.errors import OAuth2Error
from idp.oauth.http import NO_STORE, CoreResponse, with_parameters


def authorization_response(
    issuer: str,
    redirect_uri: str,
    response_mode: str,
    state: str | None,
    parameters: Iterable[tuple[str, str]],
    *,
    error: OAuth2Error | None = None,
) -> CoreResponse:
    """Answer with `parameters` at `redirect_uri`, plus `state` and `iss` (RFC 9207 §2).

    The redirect is 303, so that a POST that led here is never repeated at the client (RFC 9700 §4.12).
    """
    fields = [*parameters]
    if state is not None:
        fields.append(("state", state))
    fields.append(("iss", issuer))
    if response_mode == "form_post":
        return CoreResponse(200, None, NO_STORE, location=redirect_uri, form=fields, error=error)
    location = with_parameters(redirect_uri, fields, fragment=response_mode == "fragment")
    return CoreResponse(303, None, NO_STORE, location=location, error=error)


def error_at_client(
    issuer: str, redirect_uri: str, response_mode: str, state: str | None, error: OAuth2Error
) -> CoreResponse:
    """Tell the client of an error (RFC 6749 §4.1.2.1)."""
    return authorization_response(issuer, redirect_uri, response_mode, state, error.get_body(), error=error)
