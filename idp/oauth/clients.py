"""Clients as the core sees them, and the registry that keeps the busy ones at hand."""

from collections.abc import Iterable
from dataclasses import dataclass

from authlib.oauth2.rfc6749 import ClientMixin

from idp.clock import Clock
from idp.crypto import digest, equal
from idp.oauth.client_metadata import PUBLIC, SECRET_METHODS, ClientMetadata
from idp.oauth.client_records import read_metadata
from idp.oauth.redirect_uris import is_registered, origin_of
from idp.oauth.scopes import ACCOUNT, OFFLINE_ACCESS
from idp.oauth.uris import is_visible_ascii
from idp.storage.database import Database
from idp.storage.models import ClientRecord

LONGEST_CLIENT_ID = 200
"""Characters."""


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A registered client: its metadata, and the answers that the flow and Authlib need of it.

    A value: it is read once and shared by every request.
    """

    client_id: str
    secret_digest: str | None
    metadata: ClientMetadata

    @classmethod
    def from_record(cls, record: ClientRecord) -> "Client":
        """Read a row."""
        return cls(record.client_id, record.client_secret_digest, read_metadata(record))

    @property
    def name(self) -> str:
        """The name that people see."""
        return self.metadata.client_name

    @property
    def auth_method(self) -> str:
        """How it authenticates (`token_endpoint_auth_method`)."""
        return self.metadata.auth_method

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """Its registered redirect URIs."""
        return self.metadata.redirect_uris

    @property
    def origins(self) -> set[str]:
        """The web origins of its pages: those of its redirect URIs, and `allowed_origins`."""
        return _origins_of(self.redirect_uris, self.metadata.allowed_origins)

    @property
    def post_logout_redirect_uris(self) -> tuple[str, ...]:
        """Where people may go after sign-out."""
        return self.metadata.post_logout_redirect_uris

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that it may ask for."""
        return self.metadata.scopes

    @property
    def audiences(self) -> tuple[str, ...]:
        """The `aud` of its access tokens; empty means the issuer."""
        return self.metadata.audiences

    @property
    def is_public(self) -> bool:
        """Whether it cannot keep a secret (RFC 6749 §2.1)."""
        return self.auth_method == PUBLIC

    def has_claimable_uri(self, redirect_uri: str) -> bool:
        """Tell whether any app on the user's device could be behind this redirect URI: the client proves nothing,
        and the scheme is neither https, which belongs to a host, nor http to this machine (RFC 8252 §8.6)."""
        return self.is_public and redirect_uri.partition(":")[0].lower() not in {"http", "https"}

    @property
    def is_first_party(self) -> bool:
        """Whether it is the operator's own, so that nobody is asked for consent."""
        return self.metadata.first_party

    def requires_pkce(self, *, nonce: bool) -> bool:
        """Tell whether a request must have a `code_challenge`; `nonce`: an OpenID request with a nonce.

        RFC 9700 §2.1.1: public clients always; a confidential one may use the nonce instead."""
        if self.is_public or self.metadata.require_pkce:
            return True
        return self.metadata.require_pkce is None and not nonce

    @property
    def ends_grants_on_logout(self) -> bool:
        """Whether sign-out ends its grants that lack offline_access."""
        return self.metadata.end_grants_on_logout

    @property
    def requires_second_factor(self) -> bool:
        """Whether people must prove two factors for it."""
        return self.metadata.require_second_factor

    @property
    def id_token_alg(self) -> str:
        """`id_token_signed_response_alg` (OIDC Registration §2)."""
        return self.metadata.id_token_signed_response_alg

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
        return response_type == "code" and "authorization_code" in self.metadata.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether it may use this grant."""
        return grant_type in self.metadata.grant_types


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
        self._api_origins: set[str] = set()
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
        self._origins |= client.origins
        if ACCOUNT in client.scopes:
            self._api_origins |= client.origins
        return client

    async def is_registered_origin(self, origin: str) -> bool:
        """Tell whether a web origin belongs to some client: its redirect URIs' or `allowed_origins`."""
        await self._read_origins(origin)
        return origin in self._origins

    async def is_api_origin(self, origin: str) -> bool:
        """Tell whether a web origin belongs to a client that may have the scope `account`. The API takes from it
        the tokens of that client only."""
        await self._read_origins(origin)
        return origin in self._api_origins

    async def _read_origins(self, origin: str) -> None:
        age = self._clock.now() - self._origins_read_at
        if age < self._ttl and (origin in self._origins or age < LOOK_AGAIN):
            return
        async with self._database.reading() as uow:
            rows = await uow.clients.all_redirect_and_origin_metadata()
        found = [
            (_origins_of(uris, metadata.get("allowed_origins", ())), ACCOUNT in scopes)
            for uris, scopes, metadata in rows
        ]
        # race: all read the same rows
        self._origins = set().union(*(origins for origins, _ in found))
        self._api_origins = set().union(*(origins for origins, has_account in found if has_account))
        self._origins_read_at = self._clock.now()


def _origins_of(redirect_uris: Iterable[str], allowed_origins: Iterable[str]) -> set[str]:
    found = (*map(origin_of, redirect_uris), *allowed_origins)
    return {origin for origin in found if origin}
