"""What the API takes and answers. A field that is not here is refused: nothing is set by accident."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field

from idp.api.webauthn import Assertion
from idp.identity.accounts import DEFAULT_TIER
from idp.identity.factors.registry import default_kind, kinds_without_page

Email = Annotated[str, Field(max_length=320, description="An email address.")]
Secret = Annotated[str, Field(min_length=1, max_length=1024)]
Token = Annotated[str, Field(min_length=1, max_length=4096)]
Code = Annotated[str, Field(min_length=6, max_length=20, description="The six digits of the mail.")]
Text = Annotated[str | None, Field(max_length=200, description="null or empty removes it.")]
Instant = Annotated[int, Field(description="Seconds since 1970.")]


class Taken(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def also(name: str, *others: str) -> AliasChoices:
    """Let a field be sent under other names, which apps of other account services use."""
    return AliasChoices(name, *others)


def _default_tier(tier: str | None) -> str | None:
    if tier not in {None, DEFAULT_TIER}:
        raise ValueError("is set by administrators only")
    return tier


def _known_kind(kind: str) -> str:
    if kind not in kinds_without_page():
        raise ValueError(f"one of {', '.join(kinds_without_page())}")
    return kind


class ClientChoice(Taken):
    """Which client the tokens are for."""

    client_id: str | None = Field(
        None, max_length=200, description="A first-party client with the password grant; idp-api if left out."
    )
    client_secret: str | None = Field(None, max_length=1024, description="Its secret, if it has one.")
    scope: str | None = Field(None, max_length=2000, description="Scopes of the client, with spaces between.")


class Register(ClientChoice):
    """A new account."""

    email: Email
    password: Secret
    name: str = Field("", max_length=200, validation_alias=also("name", "full_name"))
    given_name: str = Field("", max_length=200, validation_alias=also("given_name", "first_name"))
    family_name: str = Field("", max_length=200, validation_alias=also("family_name", "last_name"))
    phone_number: str = Field("", max_length=200, validation_alias=also("phone_number", "phone"))
    tier: Annotated[str | None, AfterValidator(_default_tier)] = Field(
        None, max_length=40, description=f"Only {DEFAULT_TIER!r}: administrators set the others."
    )
    locale: str | None = Field(
        None,
        max_length=35,
        pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$",
        description="A language tag.",
    )
    invitation: str | None = Field(
        None, max_length=200, description="From the link of the invitation, where one is needed."
    )


class Login(ClientChoice):
    """The user who signs in."""

    email: Email = Field(validation_alias=also("email", "username"))
    password: Secret


class ProveFactor(ClientChoice):
    """The second factor after `mfa_required`: a `code`, or for a passkey an `assertion`."""

    mfa_token: Token
    kind: Annotated[str, AfterValidator(_known_kind)] = Field(
        default_factory=default_kind,
        description="One of the `factors` that were listed.",
        json_schema_extra=lambda schema: schema.update(enum=[*kinds_without_page()], default=default_kind()),
    )
    code: str = Field("", max_length=64, description="What the person typed.")
    assertion: Assertion | None = Field(
        None, description="What the authenticator made of the options in `webauthn` of the first answer."
    )


class Refresh(ClientChoice):
    """A refresh token to exchange."""

    refresh_token: Token


class Logout(Taken):
    """What to end; without it, the grant of the access token."""

    refresh_token: Token | None = None


class EmailOnly(Taken):
    """An address that a mail is asked for."""

    email: Email


class VerifyByCode(Taken):
    """The code of the mail."""

    email: Email
    code: Code


class VerifyByToken(Taken):
    """The token in the link of the mail."""

    token: Token


class ResetPassword(Taken):
    """The token in the link of the mail, and the new password."""

    token: Token
    password: Secret = Field(validation_alias=also("password", "new_password"))


class ChangePassword(Taken):
    """A new password."""

    current_password: str | None = Field(
        None,
        max_length=1024,
        description="Required when the account has a password.",
        validation_alias=also("current_password", "old_password"),
    )
    new_password: Secret = Field(validation_alias=also("new_password", "password"))
    end_others: bool = Field(default=True, description="Whether other sessions and apps are signed out.")


class ChangeEmail(Taken):
    """A new address, which gets a mail with a link and a code."""

    email: Email
    current_password: str | None = Field(
        None, max_length=1024, description="Required when the account has a password."
    )


class ConfirmEmail(Taken):
    """The code of the mail to the new address."""

    code: Code


class DeleteAccount(Taken):
    """What proves that it is the person and not a stolen token."""

    current_password: str | None = Field(
        None, max_length=1024, description="Required when the account has a password."
    )


class PostalAddress(Taken):
    """OpenID Connect Core §5.1.1."""

    street_address: Text = None
    locality: Text = None
    region: Text = None
    postal_code: Text = None
    country: Text = None


class Profile(Taken):
    """The claims that a person may set (OpenID Connect Core §5.1). What is left out stays as it is."""

    name: Text = Field(None, validation_alias=also("name", "full_name"))
    given_name: Text = Field(None, validation_alias=also("given_name", "first_name"))
    family_name: Text = Field(None, validation_alias=also("family_name", "last_name"))
    middle_name: Text = None
    nickname: Text = None
    preferred_username: Text = Field(None, validation_alias=also("preferred_username", "username"))
    profile: Text = None
    picture: Text = None
    website: Text = None
    gender: Text = None
    birthdate: Text = None
    zoneinfo: Text = None
    locale: Text = None
    phone_number: Text = Field(None, validation_alias=also("phone_number", "phone"))
    address: PostalAddress | None = None


# Answers -------------------------------------------------------------------------------------------------


class Tokens(BaseModel):
    """RFC 6749 §5.1."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds.")
    refresh_token: str | None = None
    id_token: str | None = None
    scope: str = ""


class RegisteredUnverified(BaseModel):
    """A mail is on its way, whether the address was known or not."""

    status: Literal["verification_required"] = "verification_required"
    email: str


class RegisteredSignedIn(Tokens):
    """The account is made and signed in."""

    status: Literal["registered"] = "registered"
    email: str


class Status(BaseModel):
    """It is done."""

    status: Literal["accepted", "verified", "reset", "changed"]


class Verified(BaseModel):
    """The address is verified."""

    status: Literal["verified"] = "verified"
    password_needed: bool | None = Field(
        None,
        description="true when the address had been registered more than once: none of those passwords is good, "
        "and /auth/forgot-password leads to a new one.",
    )


class Account(BaseModel):
    """A person's account, as they see it."""

    id: str
    email: str
    email_verified: bool
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    middle_name: str | None = None
    nickname: str | None = None
    preferred_username: str | None = None
    profile: str | None = None
    picture: str | None = None
    website: str | None = None
    gender: str | None = None
    birthdate: str | None = None
    zoneinfo: str | None = None
    locale: str | None = None
    phone_number: str | None = None
    phone_number_verified: bool | None = None
    address: dict[str, str] | None = None
    tier: str = Field(description="Set by administrators only.")
    roles: list[str] = Field(description="Set by administrators only.")
    has_password: bool
    is_active: bool = Field(description="Whether the account may be used.")
    is_verified: bool = Field(description="As email_verified.")
    is_superuser: bool = Field(description="Whether the account has the role admin.")
    last_login: Instant | None = None
    created_at: Instant
    updated_at: Instant


class SessionView(BaseModel):
    """A browser at which the person is signed in."""

    id: str
    current: bool = Field(description="Whether the access token comes from this session.")
    created_at: Instant
    last_seen_at: Instant
    expires_at: Instant
    user_agent: str
    address: str


class SessionPage(BaseModel):
    """Sessions, the latest first."""

    items: list[SessionView]
    next_cursor: str | None


class SignInView(BaseModel):
    """A sign-in in an app, without a browser: by this API or the password grant."""

    id: str
    current: bool = Field(description="Whether the access token comes from this sign-in.")
    client_id: str
    created_at: Instant
    last_used_at: Instant = Field(description="When the app was given tokens last.")
    expires_at: Instant
    user_agent: str
    address: str


class SignInPage(BaseModel):
    """Sign-ins in apps, the latest first."""

    items: list[SignInView]
    next_cursor: str | None


class AppView(BaseModel):
    """An app that has access."""

    client_id: str
    name: str
    scopes: list[str]
    since: Instant


class AppPage(BaseModel):
    """Apps, by name."""

    items: list[AppView]
    next_cursor: str | None


class PersonalData(BaseModel):
    """Everything that is kept about a person, but for secrets."""

    exported_at: Instant
    account: dict[str, Any]
    sessions: list[dict[str, Any]]
    apps: list[dict[str, Any]]
    connections: list[dict[str, Any]]
    events: list[dict[str, Any]]


class Deleted(BaseModel):
    """The account is switched off, and goes for good later."""

    status: Literal["deleted"] = "deleted"
    delete_at: Instant


class FieldFault(BaseModel):
    """What is wrong with a field."""

    field: str
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(description="A URI that names the kind of problem, and says what it is about.")
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(description="The kind of problem in a word: the end of `type`.")
    error_id: str = Field(description="The id of the request, which the operator's log has too.")
    errors: list[FieldFault] | None = None
