"""The client authentication methods, in Authlib's registry."""

from collections.abc import Collection

from authlib.oauth2.rfc6749 import ClientAuthentication as AuthlibClientAuthentication

from idp.clock import Clock
from idp.oauth import bridge
from idp.oauth.client_auth.key_sets import RemoteKeySets
from idp.oauth.client_auth.method import ClientAuthMethod
from idp.oauth.client_auth.private_key_jwt import AssertionAudience, PrivateKeyJwt
from idp.oauth.client_auth.public import PublicClient
from idp.oauth.client_auth.secret import ClientSecretBasic, ClientSecretPost
from idp.oauth.client_metadata import PUBLIC
from idp.oauth.clients import Client, ClientRegistry
from idp.oauth.errors import AuthlibInvalidClientError, InvalidClientError, InvalidRequestError
from idp.oauth.http import CoreRequest
from idp.outgoing import Outgoing
from idp.storage.single_use import SingleUse

PARAMETERS = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})
"""What a request may authenticate its client with, beside the Authorization header."""


def client_auth_methods(
    audience: AssertionAudience,
    single_use: SingleUse,
    clock: Clock,
    outgoing: Outgoing,
    clock_skew: int = 30,
) -> tuple[ClientAuthMethod, ...]:
    """Return every method, those that carry a proof first. `clock_skew`: seconds that clients' clocks may differ."""
    return (
        ClientSecretBasic(),
        ClientSecretPost(),
        PrivateKeyJwt(audience, single_use, clock, RemoteKeySets(outgoing, clock), clock_skew),
        PublicClient(),
    )


class ClientAuthentication(AuthlibClientAuthentication):
    """Finds out which client sent a request (RFC 6749 §2.3).

    Authlib runs the method and checks that the client may use it. Ours is what Authlib leaves open: a request
    uses one method (it would try them in turn), and every refusal is a 401 that says as little of an unknown
    client as of a wrong secret.
    """

    def __init__(self, clients: ClientRegistry, methods: tuple[ClientAuthMethod, ...]) -> None:
        super().__init__(self._query_client)
        self._clients = clients
        self._ordered = methods
        for method in methods:
            self.register(method.name, method)

    @property
    def names(self) -> tuple[str, ...]:
        """The methods, for discovery."""
        return tuple(method.name for method in self._ordered)

    @property
    def confidential_names(self) -> tuple[str, ...]:
        """The methods that prove something."""
        return tuple(name for name in self.names if name != PUBLIC)

    async def client_of(self, request: CoreRequest, *, allow_public: bool = True) -> Client:
        """Return the client that sent the request, which then knows it, or raise `InvalidClientError`."""
        methods = self.names if allow_public else self.confidential_names
        method = self._method_of(request)
        request.client_at_hand = self._clients.at_hand(request.claimed_client_id or "")
        if not method.waits and request.client_at_hand is not None:
            # Without the greenlet, which costs more than the comparison.
            return self._proven(request, method, methods, "token")
        return await bridge.enter(self._proven, request, method, methods, "token")

    def authenticate(self, request: CoreRequest, methods: Collection[str], endpoint: str) -> Client:
        """Do the same with `methods`, as Authlib's endpoints ask for it: in the greenlet."""
        return self._proven(request, self._method_of(request), methods, endpoint)

    def _method_of(self, request: CoreRequest) -> ClientAuthMethod:
        """Return the one method that the request uses, and note it there for the log."""
        presented = [
            (method, client_id)
            for method in self._ordered
            if (client_id := method.client_id(request)) is not None
        ]
        if not presented:
            raise InvalidClientError("The request says nothing about its client")
        proofs = [pair for pair in presented if pair[0].name != PUBLIC]
        method, request.claimed_client_id = (proofs or presented)[0]
        request.presented_method = " and ".join(pair[0].name for pair in proofs) or PUBLIC
        if len(proofs) > 1:  # RFC 6749 §2.3
            raise InvalidRequestError("More than one client authentication method is used")
        named = {client_id for _, client_id in presented} | {request.form.get("client_id", "")}
        if len(named - {""}) > 1:
            raise InvalidRequestError("The parameter client_id is not the authenticated client")
        return method

    def _proven(
        self, request: CoreRequest, method: ClientAuthMethod, methods: Collection[str], endpoint: str
    ) -> Client:
        if method.name not in methods:
            raise InvalidClientError("A public client cannot use this endpoint")
        try:
            client: Client = super().authenticate(request, [method.name], endpoint)
        except AuthlibInvalidClientError as error:
            request.client = None  # some of Authlib's methods set it before the proof
            if isinstance(error, InvalidClientError):
                raise
            raise InvalidClientError("Client authentication failed") from error
        request.client = client
        return client

    def _query_client(self, client_id: str) -> Client | None:
        return self._clients.at_hand(client_id) or bridge.wait(self._clients.get(client_id))
