"""What a client authentication method is."""

from collections.abc import Callable
from typing import Protocol

from idp.oauth.clients import Client
from idp.oauth.http import CoreRequest

QueryClient = Callable[[str], Client | None]
"""Finds a client by its identifier. It is called in the greenlet of `idp.oauth.bridge`."""


class ClientAuthMethod(Protocol):
    """One way to authenticate, in the shape that Authlib's registry calls."""

    name: str
    """As in `token_endpoint_auth_method` (RFC 7591 §2)."""
    waits: bool
    """Whether it asks a store or the network, and so runs in the greenlet."""

    def client_id(self, request: CoreRequest) -> str | None:
        """Return the client that the request claims to be from, or None when it does not use this method."""
        ...

    def __call__(self, query_client: QueryClient, request: CoreRequest) -> Client | None:
        """Return the client if the claim is proven. Otherwise return None, or raise `InvalidClientError`
        with a reason that the client may know."""
        ...
