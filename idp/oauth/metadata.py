"""The metadata documents (OIDC Discovery 1.0 §3, RFC 8414 §2), derived from what is registered."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from idp.config import Settings
from idp.oauth import authorization
from idp.oauth.client_auth.private_key_jwt import ALGORITHMS as ASSERTION_ALGORITHMS
from idp.oauth.grants.base import TokenGrant
from idp.oauth.scopes import DEFAULT_SCOPES, STANDARD_CLAIMS

PATHS: Mapping[str, str] = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "introspection_endpoint": "/introspect",
    "revocation_endpoint": "/revoke",
    "end_session_endpoint": "/end_session",
    "jwks_uri": "/jwks",
}


def server_metadata(
    settings: Settings,
    grants: Sequence[type[TokenGrant]],
    auth_methods: Iterable[str],
    acr_values: Sequence[str],
    languages: Sequence[str],
) -> dict[str, Any]:
    """Return the document; both well-known locations answer with the same one."""
    methods = list(auth_methods)
    confidential = [method for method in methods if method != "none"]
    document: dict[str, Any] = {"issuer": settings.issuer}
    document.update({name: settings.url(path) for name, path in PATHS.items()})
    document.update(
        scopes_supported=list(DEFAULT_SCOPES),
        response_types_supported=list(authorization.RESPONSE_TYPES),
        response_modes_supported=list(authorization.RESPONSE_MODES),
        grant_types_supported=[grant.GRANT_TYPE for grant in grants],
        acr_values_supported=list(acr_values),
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=list(settings.keys.algorithms),
        code_challenge_methods_supported=list(authorization.CODE_CHALLENGE_METHODS),
        token_endpoint_auth_methods_supported=methods,
        token_endpoint_auth_signing_alg_values_supported=list(ASSERTION_ALGORITHMS),
        revocation_endpoint_auth_methods_supported=methods,
        revocation_endpoint_auth_signing_alg_values_supported=list(ASSERTION_ALGORITHMS),
        introspection_endpoint_auth_methods_supported=confidential,
        introspection_endpoint_auth_signing_alg_values_supported=list(ASSERTION_ALGORITHMS),
        claim_types_supported=["normal"],
        claims_supported=[
            *STANDARD_CLAIMS,
            *("iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"),
        ],
        prompt_values_supported=list(authorization.PROMPTS),
        display_values_supported=list(authorization.DISPLAYS),
        ui_locales_supported=list(languages),
        claims_parameter_supported=True,
        request_parameter_supported=False,
        request_uri_parameter_supported=False,
        authorization_response_iss_parameter_supported=True,
    )
    return document
