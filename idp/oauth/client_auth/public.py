"""A public client only says which client it is (RFC 6749 §2.1)."""

from idp.oauth.client_auth.method import QueryClient
from idp.oauth.client_auth.secret import basic_credentials
from idp.oauth.clients import Client
from idp.oauth.http import CoreRequest


class PublicClient:
    """`none`."""

    name = "none"
    waits = False

    def client_id(self, request: CoreRequest) -> str | None:
        """Return the `client_id` parameter, or the user name of Basic credentials without a password, which
        some libraries send for a public client."""
        credentials = basic_credentials(request)
        if credentials is not None and not credentials[1]:
            return credentials[0]
        return request.form.get("client_id")

    def __call__(self, query_client: QueryClient, request: CoreRequest) -> Client | None:
        """Return the client. Authlib checks that it is a public one: a confidential client cannot get by
        without its proof."""
        return request.client_at_hand or query_client(self.client_id(request) or "")
