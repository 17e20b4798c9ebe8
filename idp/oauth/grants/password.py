"""The resource owner password credentials grant (RFC 6749 §4.3), for old apps that are registered with it."""

from authlib.oauth2.rfc6749.grants import (
    ResourceOwnerPasswordCredentialsGrant as AuthlibPasswordGrant,
)

from idp.events.catalogue import SignedInWithoutBrowser
from idp.oauth.bridge import wait
from idp.oauth.clients import Client
from idp.oauth.errors import InvalidGrantError
from idp.oauth.grants.base import Issuance, TokenGrant
from idp.oauth.grants.row import new_grant
from idp.oauth.scopes import OFFLINE_ACCESS, OPENID
from idp.oauth.subject import Authenticated, FactorAnswer


class PasswordGrant(TokenGrant, AuthlibPasswordGrant):
    """Exchanges a person's password for tokens, under the throttle of the sign-in page."""

    PARAMETERS = frozenset({"username", "password", "mfa_token", "mfa_kind", "mfa_code", "mfa_assertion"})

    @classmethod
    def narrow(cls, scopes: tuple[str, ...], client: Client) -> tuple[str, ...]:
        """Return what is asked for, or all but an ID token and standing access."""
        default = tuple(scope for scope in client.scopes if scope not in {OPENID, OFFLINE_ACCESS})
        return client.usable_scopes(scopes or default)

    def validate_token_request(self) -> None:
        """Let Authlib ask for the password, or go on after `mfa_required` with the token that came with it."""
        if "mfa_token" in self.request.form:
            self.request.user = self._second_factor()
        else:
            AuthlibPasswordGrant.validate_token_request(self)

    def authenticate_user(self, username: str, password: str) -> Authenticated:
        """Check the password."""
        client = self.context.client
        authenticated = wait(
            self.context.core.subjects.authenticate(
                username,
                password,
                address=self.request.address,
                client=client,
            )
        )
        if authenticated is None:  # RFC 6749 §5.2; Authlib would call it an invalid request
            raise InvalidGrantError("The username or password is wrong")
        return authenticated

    def _second_factor(self) -> Authenticated:
        form = self.request.form
        answer = FactorAnswer(
            form.get("mfa_kind", ""), form.get("mfa_code", ""), form.get("mfa_assertion", "")
        )
        authenticated = wait(
            self.context.core.subjects.prove_factor(
                form["mfa_token"], answer, address=self.request.address, client=self.context.client
            )
        )
        if authenticated is None:
            raise InvalidGrantError("The second factor is wrong, or the password has to be given again")
        return authenticated

    async def spend(self) -> Issuance:
        """Make a grant, and begin its lineage of refresh tokens."""
        context = self.context
        proven: Authenticated = self.request.user
        scopes = tuple(scope for scope in context.scopes if scope not in proven.withheld)
        grant = new_grant(
            proven.subject.id,
            context.client.client_id,
            scopes,
            proven.authentication,
            now=context.now,
            lifetime=self.grant_lifetime,
            has_code=False,
            address=self.request.address[:64],
            user_agent=self.request.headers.get("user-agent", ""),
        )
        if not await context.uow.grants.add(grant):
            raise InvalidGrantError("What was proven has ended in the meantime")
        signed_in = SignedInWithoutBrowser(
            user_id=proven.subject.id,
            client_id=context.client.client_id,
            address=self.request.address,
            grant_id=grant.id,
            amr=proven.authentication.amr,
            acr=proven.authentication.acr,
        )
        await context.record(signed_in)
        return Issuance(scopes, grant, proven.subject, refresh_token=await self.first_refresh_token(grant))
