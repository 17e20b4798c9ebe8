"""Clients as the core sees them, and the registry that keeps the busy ones at hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin

from idp.clock import Clock
from idp.crypto import digest, equal
from idp.oauth.redirect_uris import is_registered, origin_of
from idp.oauth.scopes import OFFLINE_ACCESS
from idp.oauth.uris import is_visible_ascii
from idp.storage.database import Database
from idp.storage.models import ClientRecord

PUBLIC = "none"
LONGEST_CLIENT_ID = 200
"""Characters."""
SECRET_METHODS = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A registered client. A value: it is read once and shared by every request."""

    client_id: str
    name: str
    secret_digest: str | None
    auth_method: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    grant_types: frozenset[str]
    scopes: tuple[str, ...]
    audiences: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: ClientRecord) -> "Client":
        """Read a row."""
        return cls(
            client_id=record.client_id,
            name=record.client_name,
            secret_digest=record.client_secret_digest,
            auth_method=record.token_endpoint_auth_method,
            redirect_uris=tuple(record.redirect_uris),
            post_logout_redirect_uris=tuple(record.post_logout_redirect_uris),
            grant_types=frozenset(record.grant_types),
            scopes=tuple(record.scopes),
            audiences=tuple(record.audiences),
            metadata=record.metadata_,
        )

    @property
    def is_public(self) -> bool:
        """Whether it cannot keep a secret (RFC 6749 §2.1)."""
        return self.auth_method == PUBLIC

    @property
    def is_first_party(self) -> bool:
        """Whether it is the operator's own, so that consent goes without saying."""
        return bool(self.metadata.get("first_party"))

    @property
    def requires_pkce(self) -> bool:
        """Whether PKCE is required: always for public clients, else unless exempted."""
        return self.is_public or bool(self.metadata.get("require_pkce", True))

    @property
    def ends_grants_on_logout(self) -> bool:
        """Whether sign-out ends its grants that lack offline_access."""
        return bool(self.metadata.get("end_grants_on_logout", True))

    @property
    def requires_second_factor(self) -> bool:
        """Whether people must prove two factors for it."""
        return bool(self.metadata.get("require_second_factor"))

    @property
    def id_token_alg(self) -> str:
        """`id_token_signed_response_alg` (OIDC Registration §2)."""
        return str(self.metadata.get("id_token_signed_response_alg", "RS256"))

    def usable_scopes(self, scopes: Iterable[str]) -> tuple[str, ...]:
        """Return the scopes without offline_access if it gets no refresh tokens (OIDC Core §11)."""
        refreshes = self.check_grant_type("refresh_token")
        return tuple(scope for scope in scopes if refreshes or scope != OFFLINE_ACCESS)

    # What Authlib asks (its ClientMixin) ---------------------------------------------------------

    def get_client_id(self) -> str:
        """Return the client identifier."""
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Return the only redirect URI, or None when there are several (RFC 6749 §3.1.2.3)."""
        return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None

    def get_allowed_scope(self, scope: str) -> str:
        """Return the part of `scope` that is registered for it."""
        return " ".join(token for token in (scope or "").split() if token in self.scopes)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Tell whether the URI is registered."""
        return is_registered(redirect_uri, self.redirect_uris, any_loopback_port=self.is_public)

    def check_client_secret(self, client_secret: str) -> bool:
        """Tell whether the secret is right."""
        return self.secret_digest is not None and equal(self.secret_digest, digest(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  Authlib's signature
        """Tell whether it may authenticate so. Basic and post are two spellings of one proof, and
        libraries differ in which they prefer, so a client with a secret may use either."""
        return method == self.auth_method or (method in SECRET_METHODS and self.auth_method in SECRET_METHODS)

    def check_response_type(self, response_type: str) -> bool:
        """Tell whether it may use this response type."""
        return response_type == "code" and "authorization_code" in self.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether it may use this grant."""
        return grant_type in self.grant_types


LOOK_AGAIN = 0.5
"""Seconds after which an unknown origin is looked for anew: its app may have been registered a moment ago."""


class ClientRegistry:
    """Finds clients. What was read is believed for `ttl` seconds, by each worker for itself."""

    def __init__(self, database: Database, clock: Clock, ttl: float = 5.0) -> None:
        self._database = database
        self._clock = clock
        self._ttl = ttl
        self._clients: dict[str, tuple[float, Client]] = {}
        self._origins: set[str] = set()
        self._origins_read_at = 0.0

    def at_hand(self, client_id: str) -> Client | None:
        """Return the client if it was read a moment ago; never waits."""
        found = self._clients.get(client_id)
        return found[1] if found and found[0] > self._clock.now() else None

    async def get(self, client_id: str) -> Client | None:
        """Return the client, or None when it is unknown or disabled."""
        client = self.at_hand(client_id)
        if client is not None:
            return client
        if not is_visible_ascii(client_id) or len(client_id) > LONGEST_CLIENT_ID:
            return None  # no client has it, and a database may refuse to be asked (NUL, lone surrogates)
        async with self._database.reading() as uow:
            record = await uow.clients.get(client_id)
        self._clients.pop(client_id, None)
        if record is None or record.disabled_at is not None:
            return None
        client = Client.from_record(record)
        self._clients[client_id] = (self._clock.now() + self._ttl, client)
        self._origins |= _origins_of(client.redirect_uris, client.metadata)
        return client

    async def is_registered_origin(self, origin: str) -> bool:
        """Tell whether a web origin belongs to some client: its redirect URIs' or `allowed_origins`."""
        age = self._clock.now() - self._origins_read_at
        if age >= self._ttl or (origin not in self._origins and age >= LOOK_AGAIN):
            async with self._database.reading() as uow:
                rows = await uow.clients.all_redirect_and_origin_metadata()
            self._origins = set().union(*(_origins_of(*row) for row in rows))
            self._origins_read_at = self._clock.now()
        return origin in self._origins


def _origins_of(redirect_uris: Iterable[str], metadata: Mapping[str, Any]) -> set[str]:
    found = (*map(origin_of, redirect_uris), *metadata.get("allowed_origins", ()))
    return {origin for origin in found if origin}
