"""Client metadata: one table of attributes, under the names of RFC 7591 §2 and OIDC Registration §2.

`ClientMetadata` is the table: each field is an attribute with its type, its default, its check, the party that
may set it, and the words in which the command line and `docs/client-metadata.md` present it. Storage, the
`Client` of the core, the options of `idp client`, the reference and every registration derive from it. To add an
attribute is one field here. What depends on several attributes at once is checked in `registration.py`.

Nothing heavy is imported here: `idp client --help` reads this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final, Literal

from idp.errors import InvalidValue
from idp.oauth import client_checks as checks
from idp.oauth.scopes import DEFAULT_SCOPES

PUBLIC: Final = "none"
SECRET_METHODS: Final = ("client_secret_basic", "client_secret_post")
KEY_METHOD: Final = "private_key_jwt"
AUTH_METHODS: Final = (*SECRET_METHODS, KEY_METHOD, PUBLIC)

DEFAULT_GRANTS: Final = ("authorization_code", "refresh_token")

Kind = Literal["text", "texts", "scope", "flag", "document"]
"""How a value is written: one text, several, a space-separated list, yes or no, a JSON object."""
RFC7591: Final = "RFC 7591 §2"
REGISTRATION: Final = "OIDC Registration §2"
LOGOUT: Final = "OIDC RP-Initiated Logout §3.1"
OURS: Final = "ours"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of client metadata, as every reader of the table needs it."""

    field: str
    """Its field of `ClientMetadata`."""
    name: str
    """Its name in a metadata document."""
    kind: Kind
    help: str
    option: str
    """Its option on the command line: `--jwks-uri`, or `--first-party/--third-party`."""
    defined_in: str
    set_by: Literal["client", "operator"]
    """`client`: a client that registers itself may choose it. `operator`: only the operator may."""
    column: bool
    """Whether `ClientRecord` has a column of this name; any other attribute is in its `metadata`."""
    check: Callable[[Any, str], None] | None
    """Checks one value and its name; raises `InvalidValue`."""
    default: Any


def attribute(
    default: Any = MISSING,
    *,
    kind: Kind,
    option: str,
    help: str,  # noqa: A002  the command line's word
    defined_in: str = RFC7591,
    set_by: Literal["client", "operator"] = "client",
    name: str | None = None,
    column: bool = False,
    check: Callable[[Any, str], None] | None = None,
) -> Any:
    """Declare an attribute of `ClientMetadata`."""
    described = {
        "name": name,
        "kind": kind,
        "help": help,
        "option": option,
        "defined_in": defined_in,
        "set_by": set_by,
        "column": column,
        "check": check,
    }
    return field(default=default, metadata=described)


ISSUER_ALONE: Final = "issuer"
"""The strict rule of `assertion_audience`."""


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """The metadata that a client is registered with."""

    client_name: str = attribute(
        kind="text", option="--name", help="The name that users see.", column=True, check=checks.check_name
    )
    redirect_uris: tuple[str, ...] = attribute(
        (),
        kind="texts",
        option="--redirect-uri",
        help="A URI to which users are sent back. A request must give it letter by letter.",
        column=True,
        check=checks.check_uri,
    )
    post_logout_redirect_uris: tuple[str, ...] = attribute(
        (),
        kind="texts",
        option="--post-logout-redirect-uri",
        help="A URI to which users may be sent after sign-out.",
        defined_in=LOGOUT,
        column=True,
        check=checks.check_uri,
    )
    token_endpoint_auth_method: str | None = attribute(
        None,
        kind="text",
        option="--auth-method",
        help="How the client authenticates: client_secret_basic, client_secret_post, private_key_jwt or none. "
        "A client with a secret may use both ways of sending it.",
        column=True,
    )
    grant_types: tuple[str, ...] = attribute(
        DEFAULT_GRANTS,
        kind="texts",
        option="--grant",
        help="A grant that the client may use: authorization_code, refresh_token, client_credentials or "
        "password.",
        column=True,
    )
    scopes: tuple[str, ...] = attribute(
        DEFAULT_SCOPES,
        kind="scope",
        name="scope",
        option="--scope",
        help="A scope that the client may ask for.",
        column=True,
        check=checks.check_scope,
    )
    audiences: tuple[str, ...] = attribute(
        (),
        kind="texts",
        option="--audience",
        help="The aud of the client's access tokens. If unset, it is the issuer.",
        defined_in=OURS,
        set_by="operator",
        column=True,
        check=checks.check_audience,
    )
    first_party: bool = attribute(
        default=False,
        kind="flag",
        option="--first-party/--third-party",
        help="Whether the app is the operator's own. Its users are not asked for consent.",
        defined_in=OURS,
        set_by="operator",
    )
    allowed_origins: tuple[str, ...] = attribute(
        (),
        kind="texts",
        option="--origin",
        help="A web origin whose scripts may call the provider (CORS), in addition to those of the redirect "
        "URIs.",
        defined_in=OURS,
        set_by="operator",
        check=checks.check_origin,
    )
    jwks: Mapping[str, Any] | None = attribute(
        None,
        kind="document",
        option="--jwks",
        help="A file with the client's public keys (JWKS).",
        check=checks.check_jwks,
    )
    jwks_uri: str | None = attribute(
        None,
        kind="text",
        option="--jwks-uri",
        help="The URL of the client's public keys (JWKS).",
        check=checks.check_link,
    )
    assertion_audience: str | None = attribute(
        None,
        kind="text",
        option="--assertion-audience",
        help="The aud that the client's assertions (private_key_jwt) must have. `endpoint`: the issuer, the "
        "token endpoint or the endpoint that is called. `issuer`: the issuer only. If unset, "
        "IDP_CLIENTS__ASSERTION_AUDIENCE decides.",
        defined_in=OURS,
        set_by="operator",
        check=checks.check_assertion_audience,
    )
    require_pkce: bool | None = attribute(
        None,
        kind="flag",
        option="--require-pkce/--no-require-pkce",
        help="Whether PKCE is required. If unset, a client with a secret needs PKCE or an OpenID nonce. A "
        "public client always needs PKCE.",
        defined_in=OURS,
        set_by="operator",
    )
    id_token_signed_response_alg: str = attribute(
        "RS256",
        kind="text",
        option="--id-token-alg",
        help="The algorithm that signs the client's ID tokens: RS256, ES256 or EdDSA.",
        defined_in=REGISTRATION,
    )
    id_token_claims: bool = attribute(
        default=False,
        kind="flag",
        option="--id-token-claims/--no-id-token-claims",
        help="Whether the claims of the granted scopes (name, email, ...) are also in the ID token, for apps "
        "that do not ask userinfo.",
        defined_in=OURS,
        set_by="operator",
    )
    access_token_claims: tuple[str, ...] = attribute(
        (),
        kind="texts",
        option="--access-token-claim",
        help="A claim that the client's access tokens carry if a granted scope includes it: email, name, ... "
        "Resource servers then see it. They see roles, groups and tier in any case.",
        defined_in=OURS,
        set_by="operator",
        check=checks.check_claim,
    )
    end_grants_on_logout: bool = attribute(
        default=True,
        kind="flag",
        option="--end-grants-on-logout/--keep-grants-on-logout",
        help="Whether sign-out ends the client's grants that lack offline_access.",
        defined_in=OURS,
        set_by="operator",
    )
    require_second_factor: bool = attribute(
        default=False,
        kind="flag",
        option="--require-second-factor/--no-require-second-factor",
        help="Whether users must prove two factors to sign in to the client.",
        defined_in=OURS,
        set_by="operator",
    )
    providers: tuple[str, ...] = attribute(
        (),
        kind="texts",
        option="--provider",
        help="A provider that users of the client may sign in with, in the order of the sign-in page. If "
        "unset, all are offered; `none` alone offers none.",
        defined_in=OURS,
        set_by="operator",
    )
    logo_uri: str | None = attribute(
        None,
        kind="text",
        option="--logo-uri",
        help="The URL of the client's logo, which the hosted pages show.",
        check=checks.check_link,
    )
    client_uri: str | None = attribute(
        None,
        kind="text",
        option="--client-uri",
        help="The URL of the client's home page, to which the hosted pages link.",
        check=checks.check_link,
    )
    policy_uri: str | None = attribute(
        None,
        kind="text",
        option="--policy-uri",
        help="The URL of the client's privacy policy.",
        check=checks.check_link,
    )
    tos_uri: str | None = attribute(
        None,
        kind="text",
        option="--tos-uri",
        help="The URL of the client's terms of service.",
        check=checks.check_link,
    )
    other: Mapping[str, Any] = field(default_factory=dict)
    """Stored metadata of another version of this program, kept as it is."""

    @property
    def auth_method(self) -> str:
        """The client authentication method. If unset, it follows from whether the client has keys."""
        if self.token_endpoint_auth_method is not None:
            return self.token_endpoint_auth_method
        return SECRET_METHODS[0] if self.jwks is None and self.jwks_uri is None else KEY_METHOD

    def to_document(self) -> dict[str, Any]:
        """Return the metadata document (RFC 7591 §2): an attribute that is not set is left out."""
        document: dict[str, Any] = {}
        for known in ATTRIBUTES:
            value = getattr(self, known.field)
            if known.kind == "scope":
                document[known.name] = " ".join(value)
            elif known.kind == "texts":
                document[known.name] = list(value)
            elif value is not None:
                document[known.name] = value
        return document | {"token_endpoint_auth_method": self.auth_method}


ATTRIBUTES: Final[tuple[Attribute, ...]] = tuple(
    Attribute(
        field=declared.name,
        default=declared.default,
        **{**declared.metadata, "name": declared.metadata["name"] or declared.name},
    )
    for declared in fields(ClientMetadata)
    if declared.metadata
)
"""The attributes, in the order of the table."""


def metadata_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """Read a metadata document (RFC 7591 §2) into fields of `ClientMetadata`; raise `InvalidValue`.

    Only names and types are checked here; `registration.py` checks the values.
    """
    attributes = {attribute.name: attribute for attribute in ATTRIBUTES}
    found: dict[str, Any] = {}
    for name, value in document.items():
        attribute = attributes.get(name)
        if attribute is None:
            raise InvalidValue(f"{name[:60]!a} is not client metadata; see: idp client metadata", field=name)
        if not _FITS[attribute.kind](value):
            raise InvalidValue(f"{name} must be {_WORDS[attribute.kind]}.", field=name)
        found[attribute.field] = _READ.get(attribute.kind, lambda given: given)(value)
    return found


_FITS: Final[Mapping[str, Callable[[object], bool]]] = {
    "text": lambda value: isinstance(value, str),
    "scope": lambda value: isinstance(value, str),
    "texts": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "flag": lambda value: isinstance(value, bool),
    "document": lambda value: isinstance(value, dict),
}
_READ: Final[Mapping[str, Callable[[Any], Any]]] = {"scope": lambda text: tuple(text.split()), "texts": tuple}
_WORDS: Final[Mapping[str, str]] = {
    "text": "a text",
    "scope": "a text with spaces between the scopes",
    "texts": "a list of texts",
    "flag": "true or false",
    "document": "an object",
}

MANY: Final = frozenset({"texts", "scope"})
"""Kinds whose value is a tuple."""
