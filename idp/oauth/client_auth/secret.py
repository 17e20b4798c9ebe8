"""The client's secret in the Authorization header or in the form (RFC 6749 §2.3.1)."""

import base64
from urllib.parse import unquote_plus

from idp.oauth.clients import Client
from idp.oauth.errors import InvalidClientError
from idp.oauth.http import CoreRequest


class ClientSecretBasic:
    """`client_secret_basic`."""

    name = "client_secret_basic"

    def client_id(self, request: CoreRequest) -> str | None:
        """Return the user name of the Basic credentials."""
        credentials = _basic_credentials(request)
        return credentials[0] if credentials else None

    async def verify(self, request: CoreRequest, client: Client) -> bool:
        """Compare the password with the client's secret."""
        credentials = _basic_credentials(request)
        return credentials is not None and client.check_client_secret(credentials[1])


class ClientSecretPost:
    """`client_secret_post`."""

    name = "client_secret_post"

    def client_id(self, request: CoreRequest) -> str | None:
        """Return `client_id` when there is a `client_secret`, which counts as this method without one too."""
        return request.form.get("client_id", "") if "client_secret" in request.form else None

    async def verify(self, request: CoreRequest, client: Client) -> bool:
        """Compare `client_secret` with the client's secret."""
        return client.check_client_secret(request.form["client_secret"])


def _basic_credentials(request: CoreRequest) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, separator, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError as error:  # no ASCII, no base64, or no UTF-8 in it
        raise InvalidClientError("The Basic credentials are malformed") from error
    if not separator or not name:
        raise InvalidClientError("The Basic credentials are malformed")
    return unquote_plus(name), unquote_plus(secret)  # form-encoded, RFC 6749 §2.3.1
