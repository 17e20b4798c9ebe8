"""What every grant of ours shares on top of Authlib's."""

from collections.abc import Iterable, Mapping
from typing import Any

from idp.crypto import digest, random_token
from idp.oauth.claims import ClaimsRequest
from idp.oauth.clients import Client
from idp.oauth.context import GrantContext
from idp.oauth.errors import InvalidScopeError, UnauthorizedClientError
from idp.oauth.http import NO_STORE, CoreRequest
from idp.oauth.scopes import OPENID, TIER, parse_scope
from idp.oauth.subject import Subject
from idp.storage.models import Grant, RefreshToken

TokenResponse = tuple[int, dict[str, Any], Iterable[tuple[str, str]]]
"""What Authlib expects of a grant: status, body, headers."""


class TokenGrant:
    """Mixed into Authlib's grants before their own base.

    Authlib runs `validate_token_request` and then `create_token_response`; both run in the greenlet.
    """

    GRANT_TYPE: str
    FOR_PEOPLE = True
    """Whether a person stands behind the tokens."""

    def __init__(self, request: CoreRequest, server: GrantContext) -> None:
        super().__init__(request, server)  # type: ignore[call-arg]  # Authlib's grant comes next in line
        self.request = request
        self.server = server

    @property
    def client(self) -> Client:
        """The client, once it is authenticated."""
        client: Client = self.request.client
        return client

    def authenticate_token_endpoint_client(self) -> Client:
        """Authenticate the client and make sure that it may use this grant, in that order."""
        client = self.server.authenticate(self.request)
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError("The client may not use this grant type")
        return client

    def requested_scopes(self, allowed: Iterable[str]) -> tuple[str, ...]:
        """Return the scopes that the request asks for; () when it names none.

        Every grant checks them against what is `allowed` (authentik CVE-2024-52287)."""
        try:
            scopes = parse_scope(self.request.form.get("scope"))
        except ValueError as error:
            raise InvalidScopeError from error
        if not set(scopes) <= set(allowed):
            raise InvalidScopeError("A requested scope is not allowed for this client")
        return scopes

    def new_refresh_token(self, grant: Grant, parent_digest: str | None = None) -> tuple[str, RefreshToken]:
        """Return a new refresh token and its row, not yet stored."""
        now = self.server.now
        value = random_token()
        expires_at = min(
            now + self.server.settings.refresh_token_ttl,
            grant.created_at + self.server.settings.grant_ttl,
        )
        row = RefreshToken(
            digest=digest(value),
            grant_id=grant.id,
            parent_digest=parent_digest,
            created_at=now,
            expires_at=expires_at,
            used_at=None,
        )
        return value, row

    def tokens_for(
        self,
        grant: Grant,
        subject: Subject,
        scopes: Iterable[str],
        *,
        refresh_token: str | None = None,
        nonce: str | None = None,
    ) -> TokenResponse:
        """Answer with the tokens of a person's grant (RFC 6749 §5.1, OIDC Core §3.1.3.3)."""
        scopes = tuple(scopes)
        mint, client = self.server.mint, self.client
        authentication = grant.authentication
        access_token = mint.access_token(
            client,
            subject=subject.id,
            scope=" ".join(scopes),
            grant_id=grant.id,
            authentication=authentication,
            session_id=grant.session_id,
            about={TIER: subject.claims.get(TIER)} if TIER in scopes else None,
        )
        body = self.bearer(access_token, scopes)
        if refresh_token is not None:
            body["refresh_token"] = refresh_token
        if OPENID in scopes:
            body["id_token"] = mint.id_token(
                client,
                subject,
                authentication,
                session_id=grant.session_id,
                access_token=access_token,
                claims_request=ClaimsRequest.from_document(grant.claims),
                nonce=nonce,
            )
        return self.answer(body)

    def bearer(self, access_token: str, scopes: Iterable[str]) -> dict[str, Any]:
        """Return the part of the body that every grant has. Without any scope there is no `scope`, which
        may not be empty (RFC 6749 §3.3)."""
        body: dict[str, Any] = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.server.settings.access_token_ttl,
        }
        scope = " ".join(scopes)
        return body | {"scope": scope} if scope else body

    def answer(self, body: Mapping[str, Any]) -> TokenResponse:
        """Answer with `body`, not to be stored by anyone on the way (RFC 6749 §5.1)."""
        return 200, dict(body), NO_STORE.items()
