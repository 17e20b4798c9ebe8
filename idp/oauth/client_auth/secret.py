"""The client's secret in the Authorization header or in the form (RFC 6749 §2.3.1)."""

import base64
from urllib.parse import unquote_plus

from idp.oauth.client_auth.method import QueryClient
from idp.oauth.clients import Client
from idp.oauth.errors import InvalidClientError
from idp.oauth.http import CoreRequest


class ClientSecretBasic:
    """`client_secret_basic`. Authlib's function for it decodes the credentials otherwise than §2.3.1 says and
    fails on bytes that are not UTF-8."""

    name = "client_secret_basic"
    waits = False

    def client_id(self, request: CoreRequest) -> str | None:
        """Return the user name of Basic credentials that have a password."""
        credentials = basic_credentials(request)
        return credentials[0] if credentials and credentials[1] else None

    def __call__(self, query_client: QueryClient, request: CoreRequest) -> Client | None:
        """Compare the password with the client's secret."""
        name, secret = basic_credentials(request) or ("", "")
        return _with_secret(request.client_at_hand or query_client(name), secret)


class ClientSecretPost:
    """`client_secret_post`."""

    name = "client_secret_post"
    waits = False

    def client_id(self, request: CoreRequest) -> str | None:
        """Return `client_id` when there is a `client_secret`; a secret without an identifier counts as this
        method too."""
        return request.form.get("client_id", "") if "client_secret" in request.form else None

    def __call__(self, query_client: QueryClient, request: CoreRequest) -> Client | None:
        """Compare `client_secret` with the client's secret."""
        client = request.client_at_hand or query_client(request.form.get("client_id", ""))
        return _with_secret(client, request.form["client_secret"])


def _with_secret(client: Client | None, secret: str) -> Client | None:
    return client if client is not None and client.check_client_secret(secret) else None


def basic_credentials(request: CoreRequest) -> tuple[str, str] | None:
    """Return the user name and password of the Authorization header (RFC 7617 §2), None without any. They are
    decoded once for each request."""
    if not request.basic_is_read:
        request.basic_credentials = _read_basic(request)
        request.basic_is_read = True
    return request.basic_credentials


def _read_basic(request: CoreRequest) -> tuple[str, str] | None:
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
