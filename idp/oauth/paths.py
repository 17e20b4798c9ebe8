"""Where each endpoint is, below the issuer. Routes and the metadata document read this table."""

from collections.abc import Mapping
from typing import Final

AUTHORIZATION: Final = "/authorize"
RESUME: Final = "/authorize/resume"
TOKEN: Final = "/token"
USERINFO: Final = "/userinfo"
INTROSPECTION: Final = "/introspect"
REVOCATION: Final = "/revoke"
END_SESSION: Final = "/end_session"
JWKS: Final = "/jwks"
OPENID_CONFIGURATION: Final = "/.well-known/openid-configuration"
"""OIDC Discovery 1.0 §4."""
SERVER_METADATA: Final = "/.well-known/oauth-authorization-server"
"""RFC 8414 §3."""

ANNOUNCED: Mapping[str, str] = {
    "authorization_endpoint": AUTHORIZATION,
    "token_endpoint": TOKEN,
    "userinfo_endpoint": USERINFO,
    "introspection_endpoint": INTROSPECTION,
    "revocation_endpoint": REVOCATION,
    "end_session_endpoint": END_SESSION,
    "jwks_uri": JWKS,
}
"""The metadata names of those that clients use."""
