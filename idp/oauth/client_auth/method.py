"""What a client authentication method is."""

from typing import Protocol

from idp.oauth.clients import Client
from idp.oauth.http import CoreRequest


class ClientAuthMethod(Protocol):
    """One way to authenticate."""

    name: str
    """As in `token_endpoint_auth_method` (RFC 7591 §2)."""

    def client_id(self, request: CoreRequest) -> str | None:
        """Return whom the request claims to be from, or None when it does not use this method."""
        ...

    async def verify(self, request: CoreRequest, client: Client) -> bool:
        """Tell whether the claim is proven."""
        ...
