"""RP-initiated logout (OIDC RP-Initiated Logout 1.0): reading the request."""

from collections.abc import Mapping
from dataclasses import dataclass

from idp.keys.keyring import Keyring
from idp.keys.signing import InvalidToken
from idp.oauth.authorization_request import ID_TOKEN_ALGORITHMS
from idp.oauth.clients import Client, ClientRegistry
from idp.oauth.errors import InvalidRequestError
from idp.oauth.http import with_parameters

PARAMETERS = frozenset(
    {"id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}
)
"""The parameters of a logout request (§2)."""


@dataclass(frozen=True, slots=True)
class EndSessionRequest:
    """A valid logout request."""

    client: Client | None
    redirect_to: str | None
    """Where to send the person afterwards, with `state`; None shows our own page."""
    hinted_subject: str | None
    hinted_session: str | None
    """`sub` and `sid` of the `id_token_hint`; None when there is none."""


class EndSessionRequests:
    """Reads logout requests."""

    def __init__(self, issuer: str, clients: ClientRegistry, keyring: Keyring) -> None:
        self._issuer = issuer
        self._clients = clients
        self._keyring = keyring

    async def read(self, parameters: Mapping[str, str]) -> EndSessionRequest:
        """Check a request; raise `InvalidRequestError`, after which the user is redirected nowhere (§4)."""
        hint = self._hint(parameters.get("id_token_hint"))
        client_id = parameters.get("client_id")
        if hint is not None:
            audience = hint.get("aud")
            if client_id is None and isinstance(audience, str):
                client_id = audience
            if client_id != audience:  # §2: both must name one client
                raise InvalidRequestError("The client_id is not the audience of the id_token_hint")
        client = await self._clients.get(client_id) if client_id else None
        if client_id and client is None:
            raise InvalidRequestError("There is no client with this client_id")
        return EndSessionRequest(
            client=client,
            redirect_to=self._redirect(parameters, client),
            hinted_subject=_text(hint, "sub"),
            hinted_session=_text(hint, "sid"),
        )

    def _hint(self, token: str | None) -> Mapping[str, object] | None:
        """§2: it may have expired, but we must have issued it."""
        if token is None:
            return None
        try:
            claims = self._keyring.verify(token, typ=None, algorithms=ID_TOKEN_ALGORITHMS)
        except InvalidToken as error:
            raise InvalidRequestError("The id_token_hint is not an ID token of this issuer") from error
        if claims.get("iss") != self._issuer:
            raise InvalidRequestError("The id_token_hint is not an ID token of this issuer")
        return claims

    @staticmethod
    def _redirect(parameters: Mapping[str, str], client: Client | None) -> str | None:
        uri = parameters.get("post_logout_redirect_uri")
        if uri is None:
            return None
        if client is None:
            raise InvalidRequestError("The post_logout_redirect_uri needs an id_token_hint or a client_id")
        if uri not in client.post_logout_redirect_uris:  # §3: exact
            raise InvalidRequestError("The post_logout_redirect_uri is not registered for this client")
        state = parameters.get("state")
        return with_parameters(uri, [("state", state)]) if state else uri


def _text(claims: Mapping[str, object] | None, name: str) -> str | None:
    value = claims.get(name) if claims else None
    return value if isinstance(value, str) else None
