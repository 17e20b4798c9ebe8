"""Registering a client: the checks that every way of registering one goes through.

The attributes are those of `client_metadata.py`. Each value is checked alone first, then what depends on
several attributes or on the installation; a refusal says what is wrong, for the operator who types a value as for
a program that sends it. Authlib's claims classes carry what the specifications define: the types, the supported
values and the keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from authlib.common.urls import is_valid_url
from authlib.oauth2 import rfc7591
from authlib.oidc import registration as oidc_registration
from joserfc.errors import ClaimError, JoseError

from idp.config import Settings
from idp.crypto import digest, random_token
from idp.errors import InvalidValue
from idp.oauth.client_checks import check_client_id
from idp.oauth.client_metadata import (
    ATTRIBUTES,
    AUTH_METHODS,
    KEY_METHOD,
    MANY,
    PUBLIC,
    SECRET_METHODS,
    Attribute,
    ClientMetadata,
)
from idp.oauth.client_records import write_metadata
from idp.oauth.grants.registry import GRANT_TYPES
from idp.oauth.uris import STRICT, RedirectUriPolicy, check_redirect_uri, is_visible_ascii
from idp.storage.models import ClientRecord, new_id

MOST_VALUES = 100
SHORTEST_SECRET, LONGEST_SECRET = 24, 200
"""Characters of a client secret that an operator chooses."""


@dataclass(frozen=True, slots=True)
class RegistrationPolicy:
    """What this installation lets clients be."""

    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    """What ID tokens can be signed with here."""
    always_pkce: bool = False
    """Whether no client can be exempted from PKCE."""
    redirect_uris: RedirectUriPolicy = STRICT

    @classmethod
    def of(cls, settings: Settings) -> "RegistrationPolicy":
        """Return the policy that the settings describe."""
        return cls(
            algorithms=tuple(settings.keys.algorithms),
            always_pkce=settings.clients.require_pkce,
            redirect_uris=RedirectUriPolicy(
                tuple(host.lower() for host in settings.clients.http_redirect_hosts),
                settings.clients.any_custom_scheme,
            ),
        )

    def supported(self) -> Mapping[str, tuple[str, ...]]:
        """Return the values that are supported, under the names of the server's metadata (RFC 8414 §2)."""
        return {
            "grant_types_supported": GRANT_TYPES,
            "token_endpoint_auth_methods_supported": AUTH_METHODS,
            "id_token_signing_alg_values_supported": self.algorithms,
        }


ANY = RegistrationPolicy()


def build_client(
    metadata: ClientMetadata,
    now: float,
    *,
    client_id: str | None = None,
    client_secret: str | None = None,
    policy: RegistrationPolicy = ANY,
) -> tuple[ClientRecord, str | None]:
    """Return a new client and its secret, which is stored nowhere; raise `InvalidValue` for wrong metadata.

    Without a `client_id` it gets a random one, and without a `client_secret` a random one if it needs one.
    """
    if client_id is not None:
        check_client_id(client_id)
    check_metadata(metadata, policy)
    if client_secret is not None:
        check_client_secret(client_secret, metadata.auth_method)
    secret = (client_secret or random_token()) if metadata.auth_method in SECRET_METHODS else None
    record = ClientRecord(
        client_id=client_id or new_id(),
        client_secret_digest=None if secret is None else digest(secret),
        created_at=now,
        disabled_at=None,
    )
    write_metadata(record, metadata, now)
    return record, secret


def change_client(
    record: ClientRecord, metadata: ClientMetadata, now: float, *, policy: RegistrationPolicy = ANY
) -> str | None:
    """Give `record` this metadata, or raise `InvalidValue`. Return its secret if it needs a first one."""
    check_metadata(metadata, policy)
    secret = None
    if metadata.auth_method not in SECRET_METHODS:
        record.client_secret_digest = None
    elif record.client_secret_digest is None:
        secret = random_token()
        record.client_secret_digest = digest(secret)
    write_metadata(record, metadata, now)
    return secret


def rotate_secret(record: ClientRecord, now: float, client_secret: str | None = None) -> str:
    """Give a client a new secret and return it; the old one stops working at once. None makes a random one."""
    if record.token_endpoint_auth_method not in SECRET_METHODS:
        raise InvalidValue(
            f"The client {record.client_id} authenticates with {record.token_endpoint_auth_method} "
            "and has no secret.",
            field="client_id",
        )
    if client_secret is not None:
        check_client_secret(client_secret, record.token_endpoint_auth_method)
    secret = client_secret or random_token()
    record.client_secret_digest = digest(secret)
    record.updated_at = now
    return secret


def check_client_secret(secret: str, auth_method: str) -> None:
    """Raise `InvalidValue` unless an operator may choose this secret for a client that authenticates so."""
    if auth_method not in SECRET_METHODS:
        raise InvalidValue(
            f"A client that authenticates with {auth_method} has no secret.", field="client_secret"
        )
    # It is kept as one SHA-256, which protects only what cannot be guessed.
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET or not is_visible_ascii(secret):
        raise InvalidValue(
            f"A client secret has {SHORTEST_SECRET} to {LONGEST_SECRET} characters, visible ASCII without spaces. "
            "Make one with: openssl rand -base64 32",
            field="client_secret",
        )


# The checks ----------------------------------------------------------------------------------------------


def check_metadata(metadata: ClientMetadata, policy: RegistrationPolicy = ANY) -> None:
    """Raise `InvalidValue` with the reason unless a client may be registered with this metadata."""
    for attribute in ATTRIBUTES:
        _check_attribute(attribute, getattr(metadata, attribute.field))
    for check in CHECKS:
        check(metadata, policy)


def _check_attribute(attribute: Attribute, value: Any) -> None:
    if value is None:
        return
    values = value if attribute.kind in MANY else (value,)
    if len(values) > MOST_VALUES:
        raise InvalidValue(f"{attribute.name} has more than {MOST_VALUES} values.", field=attribute.name)
    if attribute.check is not None:
        for single in values:
            attribute.check(single, attribute.name)


def _check_secret_keeping(metadata: ClientMetadata, policy: RegistrationPolicy) -> None:
    if policy.always_pkce and metadata.require_pkce is False:
        raise InvalidValue(
            "This installation requires PKCE of every client (IDP_CLIENTS__REQUIRE_PKCE).",
            field="require_pkce",
        )
    if metadata.auth_method != PUBLIC:
        return
    if "client_credentials" in metadata.grant_types:  # RFC 6749 §4.4
        raise InvalidValue(
            "The grant client_credentials needs a client that authenticates.", field="grant_types"
        )
    if metadata.require_pkce is False:  # RFC 9700 §2.1.1
        raise InvalidValue("A public client always needs PKCE.", field="require_pkce")


def _check_grants(metadata: ClientMetadata, _policy: RegistrationPolicy) -> None:
    grants = set(metadata.grant_types)
    if not grants:
        raise InvalidValue("The client has no grant; name at least one.", field="grant_types")
    if "authorization_code" in grants and not metadata.redirect_uris:
        raise InvalidValue(
            "The grant authorization_code needs a redirect URI: where people come back to.",
            field="redirect_uris",
        )
    if "refresh_token" in grants and not {"authorization_code", "password"} & grants:
        raise InvalidValue(
            "The grant refresh_token needs one that issues refresh tokens: authorization_code or password.",
            field="grant_types",
        )


def _check_keys(metadata: ClientMetadata, _policy: RegistrationPolicy) -> None:
    if metadata.jwks is not None and metadata.jwks_uri is not None:  # RFC 7591 §2
        raise InvalidValue("Give either jwks or jwks_uri, not both.", field="jwks")
    if metadata.auth_method == KEY_METHOD and metadata.jwks is None and metadata.jwks_uri is None:
        raise InvalidValue(f"{KEY_METHOD} needs the client's public keys: jwks or jwks_uri.", field="jwks")


def _check_redirect_uris(metadata: ClientMetadata, policy: RegistrationPolicy) -> None:
    native = metadata.auth_method == PUBLIC
    for field in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(metadata, field):
            check_redirect_uri(uri, field, native=native, policy=policy.redirect_uris)


class _MetadataClaims(rfc7591.ClientMetadataClaims):
    """Authlib's RFC 7591 claims, which know no redirect URI without a host (RFC 8252 §7.1)."""

    def _validate_uri(self, key: str, uri: str | None = None) -> None:
        if uri is not None and key == "redirect_uris" and not is_valid_url(uri, fragments_allowed=False):
            return  # check_redirect_uri has decided: a scheme of its own, without a host
        super()._validate_uri(key, uri)


_CLAIMS = (_MetadataClaims, oidc_registration.ClientMetadataClaims)


def _check_specifications(metadata: ClientMetadata, policy: RegistrationPolicy) -> None:
    """Authlib's checks of RFC 7591 and OIDC Registration, over the document."""
    document, supported = metadata.to_document(), policy.supported()
    for claims in _CLAIMS:
        try:
            claims(document, {}, claims.get_claims_options(supported)).validate()
        except ClaimError as error:
            raise _refusal(error.claim, document, supported) from error
        except (JoseError, ValueError, TypeError, KeyError) as error:  # malformed keys raise all of these
            raise _refusal("jwks", document, supported) from error


_SUPPORTED_BY = {
    "grant_types": "grant_types_supported",
    "token_endpoint_auth_method": "token_endpoint_auth_methods_supported",
    "id_token_signed_response_alg": "id_token_signing_alg_values_supported",
}


def _refusal(
    claim: str, document: Mapping[str, Any], supported: Mapping[str, tuple[str, ...]]
) -> InvalidValue:
    if claim == "jwks":
        return InvalidValue("jwks has a key that cannot be read.", field=claim)
    if claim not in _SUPPORTED_BY:
        return InvalidValue(f"The value of {claim} is not valid.", field=claim)
    choices = supported[_SUPPORTED_BY[claim]]
    sent = document[claim] if isinstance(document[claim], list) else [document[claim]]
    wrong = next((value for value in sent if value not in choices), sent[0])
    advice = " IDP_KEYS__ALGORITHMS would have to name it too." if claim.endswith("_alg") else ""
    return InvalidValue(
        f"{claim} cannot be {str(wrong)[:80]!a} here; the choices are {', '.join(choices)}.{advice}",
        field=claim,
    )


CHECKS: tuple[Callable[[ClientMetadata, RegistrationPolicy], None], ...] = (
    _check_secret_keeping,  # before the grants and URIs: what they may be depends on it
    _check_grants,
    _check_keys,
    _check_redirect_uris,
    _check_specifications,
)
