"""What a page may show of a client."""

from idp.oauth.clients import Client
from idp.pages.render import ClientView


def client_view(client: Client | None) -> ClientView | None:
    """Return the name and the links that the client registered; None when no client asked."""
    if client is None:
        return None
    metadata = client.metadata
    return ClientView(
        client.name,
        logo_uri=metadata.logo_uri,
        client_uri=metadata.client_uri,
        policy_uri=metadata.policy_uri,
        tos_uri=metadata.tos_uri,
    )
