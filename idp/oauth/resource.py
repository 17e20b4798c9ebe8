"""The guard of protected resources: which access token a request carries, and whether it is good for this.

Userinfo, the JSON API and whatever else an access token opens ask here. The scheme is read (RFC 6750), then
signature and audience (RFC 9068 §4), status and scope. Whether the user was authenticated well enough for a
sensitive change is the flow's decision (`idp.flow.dispatch`); its answer is an error of the same kind (RFC 9470).
`refusal_headers` writes the one header that all of them are answered with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from authlib.oauth2.rfc6749 import TokenValidator
from authlib.oauth2.rfc6750 import BearerTokenValidator

from idp.challenges import challenge
from idp.oauth.clients import Client, ClientRegistry
from idp.oauth.errors import (
    InsufficientScopeError,
    InsufficientUserAuthenticationError,
    InvalidRequestError,
    InvalidTokenError,
    MissingTokenError,
    OAuth2Error,
)
from idp.oauth.tokens import AccessToken, TokenMint
from idp.storage.hot_path import HotPath
from idp.storage.models import Grant, User

SCHEMES: tuple[TokenValidator, ...] = (BearerTokenValidator(),)
"""How a token may be presented, by the scheme of the Authorization header. DPoP (RFC 9449 §7) is one more:
`TOKEN_TYPE` is its scheme, and `validate_token` checks the proof with the token's `cnf`."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource, and what it asks of an access token."""

    realm: str
    scope: str
    takes_any_audience: bool = False
    """Whether a token for other resource servers opens it too; else the issuer is to be an audience."""


@dataclass(frozen=True, slots=True)
class Access:
    """A user's access token that is good for a resource, and what it stands on."""

    token: AccessToken
    client: Client
    user: User
    grant: Grant

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the token still allows: a scope that was taken from the client is worth nothing."""
        return tuple(scope for scope in self.token.scopes if scope in self.client.scopes)


class ResourceGuard:
    """Lets a request pass if its access token is good. Asked at each request: what is revoked ends at once."""

    def __init__(self, mint: TokenMint, clients: ClientRegistry, hot_path: HotPath) -> None:
        self._mint = mint
        self._clients = clients
        self._hot_path = hot_path

    async def check(
        self, resource: Resource, headers: Mapping[str, str], form: Iterable[tuple[str, str]] = ()
    ) -> Access:
        """Return what the request's token stands on.

        Raises `MissingTokenError`, `InvalidRequestError`, and Authlib's `InvalidTokenError` and
        `InsufficientScopeError` (RFC 6750 §3.1).
        """
        validator, text = presented_token(headers, form)
        token = self._mint.read_access_token(text)
        if token is None:
            raise InvalidTokenError("The access token was altered, or has expired")
        if not resource.takes_any_audience and self._mint.issuer not in token.audiences:  # RFC 9068 §4
            raise InvalidTokenError("The access token is for another resource server")
        status = await self._hot_path.token_status(token.grant_id, token.jti)
        ended = status.jti_revoked or (token.grant_id is not None and not status.grant_active)
        validator.validate_token(replace(token, revoked=ended), [resource.scope], None)
        if status.user is None or status.grant is None:  # a client's own token
            raise InsufficientScopeError("A user's access token is needed")
        client = await self._clients.get(token.client_id)
        if client is None:
            raise InvalidTokenError("The client of the access token is not in use")
        access = Access(token, client, status.user, status.grant)
        if resource.scope not in access.scopes:
            raise InsufficientScopeError
        return access


def refusal_headers(resource: Resource, error: OAuth2Error) -> dict[str, str]:
    """Return the `WWW-Authenticate` header that answers with `error` (RFC 6750 §3, RFC 9470 §3)."""
    if isinstance(error, MissingTokenError):
        return {"WWW-Authenticate": challenge("Bearer", realm=resource.realm)}
    parameters: dict[str, str | int] = {"error": error.error}
    if isinstance(error, InsufficientScopeError):
        parameters["scope"] = resource.scope
    if isinstance(error, InsufficientUserAuthenticationError):
        parameters.update(error.wanted)
    description = error.description or None
    said = challenge("Bearer", realm=resource.realm, **parameters, error_description=description)
    return {"WWW-Authenticate": said}


def presented_token(
    headers: Mapping[str, str], form: Iterable[tuple[str, str]] = ()
) -> tuple[TokenValidator, str]:
    """Return the one access token in the header or the form (RFC 6750 §2), and what validates it; raise
    `MissingTokenError` or `InvalidRequestError`."""
    scheme, _, text = headers.get("authorization", "").partition(" ")
    found = [(known, text.strip()) for known in SCHEMES if scheme.lower() == known.TOKEN_TYPE]
    found += [(SCHEMES[0], value) for name, value in form if name == "access_token"]
    if not found:
        raise MissingTokenError
    if len(found) > 1:
        raise InvalidRequestError("The access token is sent more than once")
    validator, token = found[0]
    if not token:
        raise InvalidRequestError("The access token is empty")
    return validator, token
