"""The token endpoint (RFC 6749 §3.2), phase by phase.

The phases are the pipeline's, so a grant cannot forget one; a grant fills in only what is its own. Authlib's
classes validate in two of them, each entered through `idp.oauth.bridge`: client authentication (2), and the
checks of the grant (6).
"""

from typing import Any

from idp.oauth import bridge
from idp.oauth.claims import ClaimsRequest
from idp.oauth.clients import Client
from idp.oauth.context import Core, GrantContext, SenderConstraint
from idp.oauth.errors import (
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from idp.oauth.grants.base import Issuance, TokenGrant
from idp.oauth.grants.registry import GRANTS
from idp.oauth.http import NO_STORE, CoreRequest, CoreResponse, error_response
from idp.oauth.scopes import ABOUT_CLAIMS, OPENID, UnregisteredScopeError, claims_of, parse_scope
from idp.oauth.subject import Subject
from idp.storage.database import Database


class TokenPipeline:
    """Answers token requests."""

    def __init__(self, database: Database, core: Core) -> None:
        self._database = database
        self._core = core

    async def answer(self, request: CoreRequest) -> CoreResponse:
        """Answer a token request; a protocol error is an answer too. Raises `idp.errors.Throttled`."""
        try:
            grant = self._grant_of(request)  # 1. parse: once, none empty, none repeated
            client = await self._core.client_auth.client_of(request)  # 2. authenticate the client
            self._admit(client, grant)  # 3. admit: how often it asks, and for this grant
            constraint = self._sender_constraint(request, client)  # 4. what the tokens are bound to
            scopes = self._scopes(request, client, grant)  # 5. scopes, and resources when there are some
            issuance = await self._settle(request, client, grant, scopes)  # 6. check, 7. spend
            body = self._mint(client, issuance, constraint)  # 8. mint, after the code or token is spent
        except OAuth2Error as error:
            return error_response(error)
        return CoreResponse(200, body, NO_STORE)  # 9. answer, which no cache may keep (§5.1)

    @staticmethod
    def _grant_of(request: CoreRequest) -> type[TokenGrant]:
        grant_type = request.payload.grant_type
        if grant_type is None:
            raise InvalidRequestError("The parameter grant_type is missing")
        for grant in GRANTS:
            if grant_type == grant.GRANT_TYPE:
                return grant
        raise UnsupportedGrantTypeError

    def _admit(self, client: Client, grant: type[TokenGrant]) -> None:
        self._core.admit(client)
        if not client.check_grant_type(grant.GRANT_TYPE):
            raise UnauthorizedClientError("The client may not use this grant type")
        if client.is_public and not grant.FOR_PUBLIC_CLIENTS:
            raise UnauthorizedClientError("A public client may not use this grant type")

    @staticmethod
    def _sender_constraint(request: CoreRequest, client: Client) -> SenderConstraint | None:  # noqa: ARG004
        """DPoP (RFC 9449) and mutual TLS (RFC 8705) belong here. There is neither yet: tokens are bearer's."""
        return None

    def _scopes(self, request: CoreRequest, client: Client, grant: type[TokenGrant]) -> tuple[str, ...]:
        """Every grant checks them against what the client may have (authentik CVE-2024-52287)."""
        if not grant.TAKES_SCOPE:
            return ()
        try:
            scopes = self._core.scope_policy.choose(parse_scope(request.payload.scope), client.scopes)
        except UnregisteredScopeError as error:
            raise InvalidScopeError("A requested scope is not allowed for this client") from error
        except ValueError as error:
            raise InvalidScopeError from error
        return grant.narrow(scopes, client)

    async def _settle(
        self, request: CoreRequest, client: Client, grant: type[TokenGrant], scopes: tuple[str, ...]
    ) -> Issuance:
        """Check and spend in one unit of work. It commits on a protocol error too: the error may report that
        a family of tokens was revoked, and a rollback would undo just that."""
        async with self._database.unit_of_work() as uow:
            context = GrantContext(self._core, uow, self._core.clock.now(), client, scopes)
            presented = grant(request, self._core.server, context)
            try:
                await bridge.enter(presented.validate_token_request)
                return await presented.spend()
            except OAuth2Error as error:
                refusal = error
        raise refusal

    def _mint(
        self, client: Client, issuance: Issuance, constraint: SenderConstraint | None
    ) -> dict[str, Any]:
        """Make the tokens and the body that carries them (RFC 6749 §5.1, OIDC Core §3.1.3.3)."""
        mint, scopes, grant, subject = self._core.mint, issuance.scopes, issuance.grant, issuance.subject
        scope = " ".join(scopes)
        confirmation = constraint.confirmation if constraint else None
        body: dict[str, Any] = {
            "token_type": constraint.token_type if constraint else "Bearer",
            "expires_in": mint.settings.access_token_ttl,
        }
        if scope:  # §3.3: never an empty one
            body["scope"] = scope
        if issuance.refresh_token is not None:
            body["refresh_token"] = issuance.refresh_token
        if grant is None or subject is None:
            # The client's own token: its subject is the client (RFC 9068 §2.2).
            token = mint.access_token(
                client, subject=client.client_id, scope=scope, confirmation=confirmation
            )
            return {"access_token": token, **body}
        body["access_token"] = mint.access_token(
            client,
            subject=subject.id,
            scope=scope,
            grant_id=grant.id,
            authentication=grant.authentication,
            session_id=grant.session_id,
            about=_about(client, subject, scopes),
            confirmation=confirmation,
        )
        if OPENID in scopes:
            body["id_token"] = mint.id_token(
                client,
                subject,
                grant.authentication,
                session_id=grant.session_id,
                access_token=body["access_token"],
                # By the scopes of now: what was taken from the client since is not refreshed.
                claims_request=ClaimsRequest.from_document(grant.claims).within({OPENID, *client.scopes}),
                scopes=scopes,
                nonce=issuance.nonce,
            )
        return body


def _about(client: Client, subject: Subject, scopes: tuple[str, ...]) -> dict[str, object]:
    """Return what an access token says about its user: what each scope of its own asks for, and the claims
    that the operator lets this client's tokens carry, where a granted scope includes them."""
    names = {*ABOUT_CLAIMS, *client.metadata.access_token_claims} & claims_of(scopes)
    return {name: value for name, value in subject.claims.items() if name in names}
