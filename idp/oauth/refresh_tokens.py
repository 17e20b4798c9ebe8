"""A refresh token that a client presents, in the form that Authlib's classes ask about."""

from dataclasses import dataclass

from authlib.oauth2.rfc6749 import TokenMixin

from idp.oauth.clients import Client
from idp.storage.repositories.refresh_tokens import FoundRefreshToken


@dataclass(frozen=True, slots=True)
class PresentedRefreshToken(TokenMixin):
    """A refresh token that is known, in whatever state it is `now`."""

    found: FoundRefreshToken
    now: float

    def scopes_for(self, client: Client) -> tuple[str, ...]:
        """Return what was granted and the client may still have (authentik CVE-2024-52287)."""
        return tuple(scope for scope in self.found.grant.scope.split() if scope in client.scopes)

    # What Authlib asks (its TokenMixin) ----------------------------------------------------------

    def check_client(self, client: Client) -> bool:
        """Tell whether it was issued to the client."""
        return self.found.grant.client_id == client.client_id

    def get_scope(self) -> str:
        """Return what was granted."""
        return self.found.grant.scope

    def is_expired(self) -> bool:
        """Tell whether its time is over."""
        return self.found.token.expires_at <= self.now

    def is_revoked(self) -> bool:
        """Tell whether its grant has ended, or its person may not use it now."""
        return not self.found.stands
