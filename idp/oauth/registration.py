"""What a client may be: the check that every way of registering one goes through.

A wrong value is refused with the reason, for a person who types it (the command line) as for a program
that sends it. Metadata has the names of RFC 7591 §2.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from idp.crypto import digest, random_token
from idp.errors import InvalidValue
from idp.keys.material import ALGORITHMS
from idp.oauth.client_auth.private_key_jwt import PrivateKeyJwt
from idp.oauth.clients import PUBLIC, SECRET_METHODS
from idp.oauth.grants.registry import GRANT_TYPES
from idp.oauth.scopes import DEFAULT_SCOPES, is_scope_token
from idp.oauth.uris import LONGEST_URI, check_redirect_uri, check_web_uri, is_visible_ascii, shown
from idp.storage.models import ClientRecord, new_id

DEFAULT_GRANTS = ("authorization_code", "refresh_token")
KEY_METHOD = PrivateKeyJwt.name
AUTH_METHODS = (*SECRET_METHODS, KEY_METHOD, PUBLIC)

LONGEST_NAME = 200
MOST_VALUES = 100

_JOINERS = "\u200c\u200d"
"""Zero-width, but part of how some languages are written."""
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_LISTS = frozenset({"allowed_origins", "providers"})
_COLUMNS = frozenset({"scopes", "grant_types", "audiences", "redirect_uris", "post_logout_redirect_uris"})


@dataclass(frozen=True, slots=True)
class NewClient:
    """What is asked for. None where the default is wanted."""

    client_name: str
    client_id: str | None = None
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    public: bool = False
    token_endpoint_auth_method: str | None = None
    grant_types: tuple[str, ...] = DEFAULT_GRANTS
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    audiences: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None
    first_party: bool = False
    require_pkce: bool = True
    end_grants_on_logout: bool = True
    require_second_factor: bool = False
    providers: tuple[str, ...] = ()
    """The providers that its sign-in page offers, in their order; none means all, `none` alone not one."""
    id_token_signed_response_alg: str = "RS256"
    logo_uri: str | None = None
    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    other: Mapping[str, Any] = field(default_factory=dict)
    """Metadata that this module knows nothing about, kept as it is."""

    @property
    def auth_method(self) -> str:
        """The client authentication method, chosen from the rest when none is named."""
        if self.token_endpoint_auth_method is not None:
            return self.token_endpoint_auth_method
        if self.public:
            return PUBLIC
        return SECRET_METHODS[0] if self.jwks is None and self.jwks_uri is None else KEY_METHOD


def build_client(new: NewClient, now: float) -> tuple[ClientRecord, str | None]:
    """Return the client and its secret, which is nowhere else, or raise `InvalidValue`."""
    check_client(new)
    secret = random_token() if new.auth_method in SECRET_METHODS else None
    record = ClientRecord(
        client_id=new.client_id or new_id(),
        client_secret_digest=None if secret is None else digest(secret),
        created_at=now,
        disabled_at=None,
    )
    _write(record, new, now)
    return record, secret


def change_client(record: ClientRecord, new: NewClient, now: float) -> str | None:
    """Make `record` what `new` says, or raise `InvalidValue`. Return the secret if it needs a first one."""
    check_client(new)
    secret = None
    if new.auth_method not in SECRET_METHODS:
        record.client_secret_digest = None
    elif record.client_secret_digest is None:
        secret = rotate_secret(record, now, method=new.auth_method)
    _write(record, new, now)
    return secret


def rotate_secret(record: ClientRecord, now: float, *, method: str | None = None) -> str:
    """Give a client a new secret and return it; the old one is good no longer."""
    if (method or record.token_endpoint_auth_method) not in SECRET_METHODS:
        raise InvalidValue(
            f"The client {record.client_id} authenticates with {record.token_endpoint_auth_method} "
            "and has no secret.",
            field="client_id",
        )
    secret = random_token()
    record.client_secret_digest = digest(secret)
    record.updated_at = now
    return secret


def metadata_of(record: ClientRecord) -> NewClient:
    """Return a registered client as what would have asked for it."""
    known = {name: record.metadata_[name] for name in _metadata_names() if name in record.metadata_}
    for name in _LISTS & known.keys():
        known[name] = tuple(known[name])
    return NewClient(
        client_name=record.client_name,
        client_id=record.client_id,
        public=record.token_endpoint_auth_method == PUBLIC,
        token_endpoint_auth_method=record.token_endpoint_auth_method,
        redirect_uris=tuple(record.redirect_uris),
        post_logout_redirect_uris=tuple(record.post_logout_redirect_uris),
        grant_types=tuple(record.grant_types),
        scopes=tuple(record.scopes),
        audiences=tuple(record.audiences),
        other={name: value for name, value in record.metadata_.items() if name not in known},
        **known,
    )


def check_client(new: NewClient) -> None:
    """Raise `InvalidValue` with the reason unless this can be a client."""
    for check in CHECKS:
        check(new)


def _write(record: ClientRecord, new: NewClient, now: float) -> None:
    record.client_name = new.client_name.strip()
    record.token_endpoint_auth_method = new.auth_method
    for name in _COLUMNS:
        setattr(record, name, _once(getattr(new, name)))
    values = {name: getattr(new, name) for name in _metadata_names()}
    for name in _LISTS:
        values[name] = _once(values[name])
    record.metadata_ = dict(new.other) | {
        name: value for name, value in values.items() if value is not None and value != []
    }
    record.updated_at = now


def _metadata_names() -> tuple[str, ...]:
    return (
        "allowed_origins",
        "jwks",
        "jwks_uri",
        "first_party",
        "require_pkce",
        "end_grants_on_logout",
        "require_second_factor",
        "providers",
        "id_token_signed_response_alg",
        "logo_uri",
        "client_uri",
        "policy_uri",
        "tos_uri",
    )


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


# The checks ----------------------------------------------------------------------------------------------


def _check_sizes(new: NewClient) -> None:
    for name in (*sorted(_COLUMNS), *sorted(_LISTS)):
        if len(getattr(new, name)) > MOST_VALUES:
            raise InvalidValue(f"{name} has more than {MOST_VALUES} values.", field=name)


def _check_name(new: NewClient) -> None:
    name = new.client_name
    if not name.strip():
        raise InvalidValue("The name is empty; people read it when they are asked to consent.", field="name")
    if len(name) > LONGEST_NAME:
        raise InvalidValue(f"The name is longer than {LONGEST_NAME} characters.", field="name")
    # Direction marks and invisible characters make one name look like another.
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c not in _JOINERS for c in name):
        raise InvalidValue("The name has control or invisible characters.", field="name")


def _check_client_id(new: NewClient) -> None:
    if new.client_id is None:
        return
    if not 1 <= len(new.client_id) <= LONGEST_NAME:
        raise InvalidValue(f"The client id must have 1 to {LONGEST_NAME} characters.", field="client_id")
    # RFC 6749 §A.1 allows more, but what Basic authentication has to escape (§2.3.1) many libraries do not.
    if not all("!" <= c <= "~" and c not in ':%+"\\' for c in new.client_id):
        raise InvalidValue(
            "The client id may have letters, digits and ASCII punctuation, but no space and none of "
            ': % + " \\, which client libraries send in different ways.',
            field="client_id",
        )


def _check_grants(new: NewClient) -> None:
    if not new.grant_types:
        raise InvalidValue("The client has no grant; name at least one.", field="grant")
    for grant in new.grant_types:
        if grant not in GRANT_TYPES:
            raise InvalidValue(
                f"{grant!r} is not a grant; there are {', '.join(GRANT_TYPES)}.", field="grant"
            )
    if "authorization_code" in new.grant_types and not new.redirect_uris:
        raise InvalidValue(
            "The grant authorization_code needs a redirect URI: where people come back to.",
            field="redirect_uri",
        )
    if "refresh_token" in new.grant_types and not {"authorization_code", "password"} & set(new.grant_types):
        raise InvalidValue(
            "The grant refresh_token needs one that issues refresh tokens: authorization_code or password.",
            field="grant",
        )


def _check_scopes(new: NewClient) -> None:
    for scope in new.scopes:
        if len(scope) > LONGEST_NAME or not is_scope_token(scope):
            raise InvalidValue(
                f"{scope[:80]!r} is not a scope: one word of visible ASCII without quotes or backslash "
                "(RFC 6749 §3.3).",
                field="scope",
            )


def _check_audiences(new: NewClient) -> None:
    for audience in new.audiences:
        if not 1 <= len(audience) <= LONGEST_URI or not is_visible_ascii(audience):
            raise InvalidValue(
                f"{audience[:80]!r} is not an audience: visible ASCII without spaces.", field="audience"
            )


def _check_authentication(new: NewClient) -> None:
    method = new.auth_method
    if method not in AUTH_METHODS:
        raise InvalidValue(
            f"{method!r} is not an authentication method; there are {', '.join(AUTH_METHODS)}.",
            field="auth_method",
        )
    if new.public and method != PUBLIC:
        raise InvalidValue(
            f"A public client cannot keep a secret, so it does not authenticate with {method}.",
            field="auth_method",
        )
    if method == PUBLIC and "client_credentials" in new.grant_types:  # RFC 6749 §4.4
        raise InvalidValue("The grant client_credentials needs a client that authenticates.", field="grant")
    if method == PUBLIC and not new.require_pkce:  # RFC 9700 §2.1.1
        raise InvalidValue("A public client always needs PKCE.", field="require_pkce")


def _check_keys(new: NewClient) -> None:
    if new.jwks is not None and new.jwks_uri is not None:  # RFC 7591 §2
        raise InvalidValue("Give either jwks or jwks_uri, not both.", field="jwks")
    if new.auth_method == KEY_METHOD and new.jwks is None and new.jwks_uri is None:
        raise InvalidValue(f"{KEY_METHOD} needs the client's public keys: jwks or jwks_uri.", field="jwks")
    if new.jwks_uri is not None:
        check_web_uri(new.jwks_uri, "jwks_uri")
    if new.jwks is not None:
        _check_jwks(new.jwks)


def _check_jwks(jwks: Mapping[str, Any]) -> None:
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise InvalidValue('jwks must be an object whose "keys" lists at least one key.', field="jwks")
    for key in keys:
        if key.get("kty") == "oct":
            raise InvalidValue("jwks has a symmetric key; only public keys belong there.", field="jwks")
        if _PRIVATE_MEMBERS & key.keys():
            raise InvalidValue(
                "jwks has a private key; it is known now to more than its owner, so make a new one "
                "and give its public part.",
                field="jwks",
            )
    try:
        KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise InvalidValue("jwks has a key that cannot be read.", field="jwks", detail=repr(error)) from error


def _check_redirect_uris(new: NewClient) -> None:
    native = new.auth_method == PUBLIC
    for uri in new.redirect_uris:
        check_redirect_uri(uri, "redirect_uri", native=native)
    for uri in new.post_logout_redirect_uris:
        check_redirect_uri(uri, "post_logout_redirect_uri", native=native)


def _check_links(new: NewClient) -> None:
    for name in ("logo_uri", "client_uri", "policy_uri", "tos_uri"):
        uri = getattr(new, name)
        if uri is not None:
            check_web_uri(uri, name)
    for origin in new.allowed_origins:
        parts = check_web_uri(origin, "origin")
        if origin != f"{parts.scheme}://{parts.netloc}" or origin != origin.lower():
            raise InvalidValue(
                f"{shown(origin)} is not an origin as browsers write it, such as https://app.example.com.",
                field="origin",
            )


def _check_algorithm(new: NewClient) -> None:
    if new.id_token_signed_response_alg not in ALGORITHMS:
        raise InvalidValue(
            f"ID tokens cannot be signed with {new.id_token_signed_response_alg!r}; "
            f"there are {', '.join(ALGORITHMS)}.",
            field="id_token_alg",
        )


CHECKS: tuple[Callable[[NewClient], None], ...] = (
    _check_sizes,
    _check_name,
    _check_client_id,
    _check_authentication,  # before the grants and URIs: what they may be depends on it
    _check_grants,
    _check_scopes,
    _check_audiences,
    _check_keys,
    _check_redirect_uris,
    _check_links,
    _check_algorithm,
)
