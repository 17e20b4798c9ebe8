"""The grants that run. Discovery, client registration and the token endpoint read this table."""

from idp.oauth.client_auth.registry import PARAMETERS as CLIENT_AUTH_PARAMETERS
from idp.oauth.grants.authorization_code import AuthorizationCodeGrant
from idp.oauth.grants.base import TokenGrant
from idp.oauth.grants.client_credentials import ClientCredentialsGrant
from idp.oauth.grants.password import PasswordGrant
from idp.oauth.grants.refresh_token import RefreshTokenGrant

GRANTS: tuple[type[TokenGrant], ...] = (
    AuthorizationCodeGrant,
    RefreshTokenGrant,
    ClientCredentialsGrant,
    PasswordGrant,
)

GRANT_TYPES = tuple(grant.GRANT_TYPE for grant in GRANTS)

PARAMETERS = CLIENT_AUTH_PARAMETERS.union({"grant_type", "scope"}, *(grant.PARAMETERS for grant in GRANTS))
"""Every parameter that the token endpoint reads."""
