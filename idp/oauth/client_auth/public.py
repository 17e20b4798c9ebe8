"""A public client only says who it is (RFC 6749 §2.1)."""

from idp.oauth.clients import Client
from idp.oauth.http import CoreRequest


class PublicClient:
    """`none`."""

    name = "none"

    def client_id(self, request: CoreRequest) -> str | None:
        """Return the `client_id` parameter."""
        return request.form.get("client_id")

    async def verify(self, request: CoreRequest, client: Client) -> bool:  # noqa: ARG002  nothing to compare
        """Tell whether the client is public: a confidential one cannot get by without its proof."""
        return client.is_public
