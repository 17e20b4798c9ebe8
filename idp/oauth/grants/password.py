"""The resource owner password credentials grant (RFC 6749 §4.3), for old apps that have it by name."""

from authlib.oauth2.rfc6749.grants import (
    ResourceOwnerPasswordCredentialsGrant as AuthlibPasswordGrant,
)

from idp.oauth.bridge import wait
from idp.oauth.errors import InvalidGrantError, InvalidRequestError
from idp.oauth.grants.base import TokenGrant, TokenResponse
from idp.oauth.scopes import OFFLINE_ACCESS, OPENID
from idp.oauth.subject import Authenticated
from idp.storage.models import Grant, new_id


class PasswordGrant(TokenGrant, AuthlibPasswordGrant):
    """Exchanges a person's password for tokens, under the throttle of the sign-in page."""

    def validate_token_request(self) -> None:
        """Authenticate the client, check the scope, and only then the password."""
        client = self.authenticate_token_endpoint_client()
        default = tuple(s for s in client.scopes if s not in {OPENID, OFFLINE_ACCESS})
        self._scopes = client.usable_scopes(self.requested_scopes(client.scopes) or default)
        form = self.request.form
        authenticated = self._second_factor() if "mfa_token" in form else self._password()
        self._authenticated = authenticated
        self._scopes = tuple(scope for scope in self._scopes if scope not in authenticated.withheld)

    def _password(self) -> Authenticated:
        username, password = (self.request.form.get(name) for name in ("username", "password"))
        if username is None or password is None:
            raise InvalidRequestError("The parameters username and password are required")
        authenticated = wait(
            self.server.subjects.authenticate(
                username,
                password,
                address=self.request.address,
                client_id=self.client.client_id,
                requires_second_factor=self.client.requires_second_factor,
            )
        )
        if authenticated is None:
            raise InvalidGrantError("The username or password is wrong")
        return authenticated

    def _second_factor(self) -> Authenticated:
        """The second call, after `mfa_required`: the token that came with it, and the factor."""
        form = self.request.form
        answer = {name: form.get(f"mfa_{name}", "") for name in ("kind", "code", "assertion")}
        answer["kind"] = answer["kind"] or "totp"
        authenticated = wait(
            self.server.subjects.prove_factor(
                form["mfa_token"], answer, address=self.request.address, client_id=self.client.client_id
            )
        )
        if authenticated is None:
            raise InvalidGrantError("The second factor is wrong, or the password has to be given again")
        return authenticated

    def create_token_response(self) -> TokenResponse:
        """Make a grant, and issue its first tokens."""
        server, client, proven = self.server, self.client, self._authenticated
        refreshable = client.check_grant_type("refresh_token")
        lifetime = server.settings.refresh_token_ttl if refreshable else server.settings.access_token_ttl
        grant = Grant(
            id=new_id(),
            user_id=proven.subject.id,
            client_id=client.client_id,
            session_id=None,
            scope=" ".join(self._scopes),
            auth_time=proven.authentication.auth_time,
            acr=proven.authentication.acr,
            amr=list(proven.authentication.amr),
            claims={},
            created_at=server.now,
            code_redeemed_at=server.now,
            expires_at=server.now + lifetime,
            revoked_at=None,
        )
        wait(server.uow.grants.add(grant))
        refresh_token = None
        if refreshable:
            refresh_token, row = self.new_refresh_token(grant)
            wait(server.uow.refresh_tokens.add(row))
        return self.tokens_for(grant, proven.subject, self._scopes, refresh_token=refresh_token)
