"""The metadata documents (OIDC Discovery 1.0 §3, RFC 8414 §2), derived from what is registered."""

from collections.abc import Iterable, Sequence

from authlib.oauth2.rfc9101 import AuthorizationServerMetadata as rfc9101_metadata  # noqa: N813
from authlib.oauth2.rfc9207.discovery import AuthorizationServerMetadata as rfc9207_metadata  # noqa: N813
from authlib.oidc.discovery import OpenIDProviderMetadata
from authlib.oidc.rpinitiated import OpenIDProviderMetadata as logout_metadata  # noqa: N813

from idp.config import Settings
from idp.oauth import authorization_request
from idp.oauth.client_auth.private_key_jwt import ALGORITHMS as ASSERTION_ALGORITHMS
from idp.oauth.grants.base import TokenGrant
from idp.oauth.paths import ANNOUNCED
from idp.oauth.scopes import DEFAULT_SCOPES, STANDARD_CLAIMS


class ProviderMetadata(OpenIDProviderMetadata):
    """The document, as Authlib validates it: RFC 8414 and OpenID Connect Discovery, with RFC 9207, RFC 9101 and
    RP-initiated logout."""

    def check(self) -> None:
        """Raise ValueError when the document breaks a specification: a mistake of ours, found at start.

        Whether the issuer may do without TLS was settled when the settings were read; Authlib knows fewer names
        of this machine, so it sees every URL with https.
        """
        secured = {name: _with_tls(value) for name, value in self.items()}
        OpenIDProviderMetadata(secured).validate([rfc9207_metadata, rfc9101_metadata, logout_metadata])


def _with_tls(value: object) -> object:
    return f"https{value[4:]}" if isinstance(value, str) and value.startswith("http://") else value


def server_metadata(
    settings: Settings,
    grants: Sequence[type[TokenGrant]],
    auth_methods: Iterable[str],
    acr_values: Sequence[str],
    languages: Sequence[str],
) -> ProviderMetadata:
    """Return the document; both well-known locations answer with the same one."""
    methods = list(auth_methods)
    confidential = [method for method in methods if method != "none"]
    document = ProviderMetadata(issuer=settings.issuer)
    document.update({name: settings.url(path) for name, path in ANNOUNCED.items()})
    document.update(
        scopes_supported=list(DEFAULT_SCOPES),
        response_types_supported=list(authorization_request.RESPONSE_TYPES),
        response_modes_supported=list(authorization_request.RESPONSE_MODES),
        grant_types_supported=[grant.GRANT_TYPE for grant in grants],
        acr_values_supported=list(acr_values),
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=list(settings.keys.algorithms),
        code_challenge_methods_supported=list(authorization_request.CODE_CHALLENGE_METHODS),
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
        prompt_values_supported=list(authorization_request.PROMPTS),
        display_values_supported=list(authorization_request.DISPLAYS),
        ui_locales_supported=list(languages),
        claims_parameter_supported=True,
        request_parameter_supported=False,
        request_uri_parameter_supported=False,
        authorization_response_iss_parameter_supported=True,
    )
    document.check()
    return document
