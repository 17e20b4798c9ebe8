"""The client authentication methods, and the one pipeline that runs them."""

from idp.clock import Clock
from idp.oauth.client_auth.key_sets import RemoteKeySets
from idp.oauth.client_auth.method import ClientAuthMethod
from idp.oauth.client_auth.private_key_jwt import PrivateKeyJwt
from idp.oauth.client_auth.public import PublicClient
from idp.oauth.client_auth.secret import ClientSecretBasic, ClientSecretPost
from idp.oauth.clients import Client, ClientRegistry
from idp.oauth.errors import InvalidClientError, InvalidRequestError
from idp.oauth.http import CoreRequest
from idp.outgoing import Outgoing
from idp.storage.ephemeral import EphemeralStore


def client_auth_methods(
    audiences: tuple[str, ...], store: EphemeralStore, clock: Clock, outgoing: Outgoing
) -> tuple[ClientAuthMethod, ...]:
    """Return every method, those that carry a proof first."""
    return (
        ClientSecretBasic(),
        ClientSecretPost(),
        PrivateKeyJwt(audiences, store, clock, RemoteKeySets(outgoing, clock)),
        PublicClient(),
    )


class ClientAuthentication:
    """Finds out which client sent a request (RFC 6749 §2.3)."""

    def __init__(self, clients: ClientRegistry, methods: tuple[ClientAuthMethod, ...]) -> None:
        self._clients = clients
        self._methods = methods

    @property
    def names(self) -> tuple[str, ...]:
        """The methods, for discovery."""
        return tuple(method.name for method in self._methods)

    async def authenticate(self, request: CoreRequest, *, allow_public: bool = True) -> Client:
        """Return the client, or raise `InvalidClientError`. The same answer for an unknown client and a
        wrong secret."""
        method, client_id = self._presented(request)
        client = self._clients.at_hand(client_id) or await self._clients.get(client_id)
        if (
            client is None
            or not client.check_endpoint_auth_method(method.name, "token")
            or not await method.verify(request, client)
        ):
            raise InvalidClientError("Client authentication failed")
        if client.is_public and not allow_public:
            raise InvalidClientError("A public client cannot use this endpoint")
        request.client = client
        request.auth_method = method.name
        return client

    def _presented(self, request: CoreRequest) -> tuple[ClientAuthMethod, str]:
        presented = [
            (method, client_id)
            for method in self._methods
            if (client_id := method.client_id(request)) is not None
        ]
        proofs = [pair for pair in presented if not isinstance(pair[0], PublicClient)]
        if len(proofs) > 1:  # RFC 6749 §2.3
            raise InvalidRequestError("More than one client authentication method is used")
        if not presented:
            raise InvalidClientError("The request says nothing about its client")
        method, client_id = (proofs or presented)[0]
        if request.form.get("client_id", client_id) != client_id:
            raise InvalidRequestError("The parameter client_id is not the authenticated client")
        return method, client_id
