"""The configuration: one frozen, nested `Settings`, read once at start and passed down.

Sources, strongest first: keyword arguments (tests, `idp dev`), the environment, `idp.toml`.
Every environment variable is `IDP_` and the field's name, nested fields joined with `__`
(`IDP_TOKENS__ACCESS_TOKEN_TTL`); the same name with `_FILE` reads the value from a file, as container
secrets want it. An unknown name is refused, because a misspelt security setting that is silently
ignored is worse than a server that does not start. `idp config` prints this module as a reference.
"""

import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from idp.errors import ConfigurationError

ENVIRONMENT_PREFIX = "IDP_"
FILE_SUFFIX = "_FILE"
PROJECT_ROOT = Path(__file__).resolve().parent.parent
MINUTE, HOUR, DAY = 60, 3600, 86_400


def _split(value: object) -> object:
    """Let a list be written as JSON or as comma-separated text."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    return json.loads(value) if isinstance(value, str) else value


def _check_issuer(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an absolute https URL such as https://id.example.com")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must have no query, fragment or user name (OIDC Discovery 1.0 §3)")
    if value.endswith("/"):
        raise ValueError("must not end with a slash: it is compared letter by letter")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            "uses http on a host that is not loopback; tokens and cookies would travel in the clear: use https"
        )
    return value


def _check_network(value: str) -> str:
    ipaddress.ip_network(value, strict=False)
    return value


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], BeforeValidator(_split)]


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Brand(Section):
    """What people see on the hosted pages."""

    name: str = Field("idp", description="The name shown on pages and in mails.")
    logo_url: str | None = Field(None, description="An https image shown above the forms; none shows a mark.")
    color: str = Field("#2f5bea", pattern="^#[0-9a-fA-F]{6}$", description="The accent colour, #rrggbb.")


class Tokens(Section):
    """Lifetimes, in seconds."""

    code_ttl: int = Field(60, ge=5, le=600, description="Authorization code (RFC 6749 §4.1.2: at most 600).")
    access_token_ttl: int = Field(15 * MINUTE, ge=30, le=DAY, description="Access token.")
    id_token_ttl: int = Field(HOUR, ge=30, le=DAY, description="ID token.")
    refresh_token_ttl: int = Field(
        30 * DAY, ge=60, description="Refresh token, counted from its last rotation."
    )
    grant_ttl: int = Field(180 * DAY, ge=60, description="A grant with its whole line of refresh tokens.")
    refresh_grace: int = Field(
        10,
        ge=0,
        le=120,
        description="How long a rotated refresh token, presented again by its client, gets a sibling "
        "instead of raising the alarm; 0 switches the window off.",
    )


class Sessions(Section):
    """Browser sessions, in seconds."""

    idle_ttl: int = Field(7 * DAY, ge=60, description="A session unused for so long has ended.")
    absolute_ttl: int = Field(
        30 * DAY, ge=60, description="A session ends so long after sign-in, used or not."
    )
    transaction_ttl: int = Field(
        30 * MINUTE, ge=60, le=DAY, description="Time to finish a sign-in under way."
    )


class SigningKeys(Section):
    """Signing keys and their automatic rotation."""

    directory: Path = Field(
        Path("keys"),
        description="Where master.key is kept in development and *.pem to import are looked for.",
    )
    algorithms: Texts = Field(
        ("RS256", "ES256", "EdDSA"), description="Algorithms that a key is kept for; RS256 is the default."
    )
    rotate_after: int = Field(90 * DAY, ge=60, description="A key signs for so long, in seconds.")
    publish_ahead: int = Field(
        DAY, ge=0, description="A new key is published so long before it signs, in seconds (caches of JWKS)."
    )
    reload_every: int = Field(
        10, ge=1, le=300, description="How often a worker looks for new keys, in seconds."
    )


CHARACTER_KINDS = ("upper", "lower", "digit", "symbol")


def _check_character_kind(value: str) -> str:
    if value not in CHARACTER_KINDS:
        raise ValueError(f"knows {', '.join(CHARACTER_KINDS)}")
    return value


CharacterKinds = Annotated[
    tuple[Annotated[str, AfterValidator(_check_character_kind)], ...], BeforeValidator(_split)
]


class Registration(Section):
    """Who may make an account, and what their address has to show."""

    mode: Literal["open", "invitation", "closed"] = Field(
        "open", description="Whether people make accounts by themselves, with an invitation, or not at all."
    )
    email_domains: Texts = Field((), description="Domains whose addresses may register; none means all.")
    verify_email: Literal["before_sign_in", "before_claims", "never"] = Field(
        "before_sign_in",
        description="When an address has to be verified: before a sign-in goes on to an app, only before an "
        "app with the scope email is served, or never.",
    )
    invitation_ttl: int = Field(7 * DAY, ge=60, description="How long an invitation is good for, in seconds.")


class Accounts(Section):
    """The account pages."""

    recent_sign_in: int = Field(
        10 * MINUTE,
        ge=30,
        description="A sensitive change asks for a sign-in not older than this, in seconds.",
    )
    deletion_grace: int = Field(
        7 * DAY, ge=0, description="A deleted account can be brought back for so long, in seconds."
    )
    mail_ticket_ttl: int = Field(
        30 * MINUTE, ge=60, le=DAY, description="How long a link or code in a mail is good for, in seconds."
    )
    mail_interval: int = Field(60, ge=0, description="Seconds between two mails of one kind to one address.")
    mails_per_hour: int = Field(6, ge=1, description="Mails of one kind to one address in an hour.")


class Passwords(Section):
    """Which passwords are taken, and how they are hashed: Argon2id (RFC 9106)."""

    min_length: int = Field(
        10, ge=8, le=128, description="The fewest characters (NIST SP 800-63B: at least 8)."
    )
    require: CharacterKinds = Field(
        (), description="Kinds of characters a password must have: upper, lower, digit, symbol. Best none."
    )
    refuse_breached: bool = Field(
        default=False,
        description="Ask Have I Been Pwned, by the first five digits of the SHA-1, and refuse what was leaked.",
    )
    breach_api: str = Field(
        "https://api.pwnedpasswords.com/range/", description="The range API to ask for leaked passwords."
    )

    time_cost: int = Field(2, ge=1, le=20, description="Argon2 passes.")
    memory_kib: int = Field(
        19 * 1024, ge=8, description="Argon2 memory, in KiB (OWASP: 19 MiB with 2 passes)."
    )
    parallelism: int = Field(1, ge=1, le=16, description="Argon2 lanes.")
    threads: int = Field(
        0, ge=0, le=64, description="Hashes computed at once by a worker; 0 means one per core."
    )
    queue: int = Field(64, ge=1, description="Hashes that may wait; beyond it a sign-in is answered 503.")


class SecondFactor(Section):
    """Second factors and passkeys."""

    policy: Literal["off", "optional", "required"] = Field(
        "optional",
        description="Whether people cannot, may or must have a second factor. Who has one is asked for it "
        "unless this is off. A client can require it too.",
    )
    required_for_roles: Texts = Field(
        (), description="Roles that must have a second factor whatever the policy."
    )
    enrolment_grace: int = Field(
        0,
        ge=0,
        description="Seconds for which somebody who must enrol, by the policy or a role, may put it off, "
        "from when they were first asked. A client that requires two factors does not wait.",
    )
    offer_after_sign_in: bool = Field(
        default=False,
        description="Whether people who may have a second factor and have none are offered one, once, after "
        "a sign-in.",
    )
    email_code: bool = Field(
        default=False,
        description="Whether who has a second factor may take a code by mail instead. It is weak: it never "
        "raises `acr`, and is not taken where an app, a role or a sensitive change asks for two factors.",
    )
    trusted_device_ttl: int = Field(
        0, ge=0, description="Seconds for which a person may have a browser skip the second factor; 0 never."
    )
    reset_delay: int = Field(
        0,
        ge=0,
        description="Seconds from `idp user reset-factors` to its effect. The owner is told by mail at once "
        "and keeps the factors by using one, or with a button on the security page.",
    )
    passkey_rp_id: str | None = Field(
        None,
        description="The WebAuthn relying party id; none is the issuer's host. Changing it voids passkeys.",
    )
    passkey_origins: Texts = Field(
        (), description="Further origins that passkeys may be used at (WebAuthn related origins)."
    )


def _pairs(value: object) -> object:
    """Let a table be written as JSON or as `name=value` with commas."""
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        parts = (part.partition("=") for part in value.split(",") if part.strip())
        return {name.strip(): text.strip() for name, _, text in parts}
    return json.loads(value) if isinstance(value, str) else value


Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]

PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Upstream(Section):
    """A provider that people may sign in with, at `IDP_FEDERATION__NAME__…` for any NAME."""

    type: str | None = Field(
        None,
        description="oidc, google, github, or a preset: entra, gitlab, apple, auth0, okta, keycloak. "
        "None is NAME where that is one of these, else oidc.",
    )
    client_id: str = Field("", description="The client id that the provider gave.")
    client_secret: SecretStr | None = Field(None, description="The client secret that the provider gave.")
    private_key: SecretStr | None = Field(
        None, description="A private key in PEM form, for private_key_jwt and for Apple's client secret."
    )
    key_id: str | None = Field(None, description="The key id of private_key.")
    team_id: str | None = Field(None, description="Apple's team id.")
    issuer: str | None = Field(None, description="The issuer of an OpenID provider, letter by letter.")
    base_url: str | None = Field(None, description="Where a GitHub Enterprise server is.")
    scopes: Texts = Field((), description="Scopes to ask for; none means the type's own.")
    token_endpoint_auth_method: (
        Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] | None
    ) = Field(None, description="How to authenticate there; none chooses from what the provider offers.")
    algorithms: Texts = Field(
        (), description="Algorithms of ID tokens that are taken; none means all sound ones."
    )
    claims: Pairs = Field(
        {}, description="Our claim from theirs, as name=their_name: email=mail,name=displayName."
    )
    userinfo: bool = Field(default=True, description="Whether claims are also fetched from userinfo.")
    assume_email_verified: bool = Field(
        default=False,
        description="Take every address as verified. Only for a provider whose people cannot set their own.",
    )
    hosted_domains: Texts = Field((), description="Google: only people of these Workspace domains.")
    organizations: Texts = Field((), description="GitHub: only members of one of these organisations.")
    teams: Texts = Field((), description="GitHub: only members of one of these teams, as organisation/team.")
    auto_link: bool = Field(
        default=False,
        description="Link to an account with the same address without asking, if both sides have verified it.",
    )
    confirm_profile: bool = Field(
        default=False, description="Let people look over name and address before an account is made."
    )
    keep_tokens: bool = Field(
        default=False, description="Keep the provider's tokens, encrypted, for clients."
    )
    second_factor: Literal["always", "never", "unless_proven"] = Field(
        "always",
        description="Whether who has a second factor here is asked for it after a sign-in there; "
        "unless_proven believes the provider's amr and acr.",
    )
    trusted_acr: Texts = Field((), description="Values of the provider's acr that mean two factors.")
    logout: bool = Field(default=False, description="Whether sign-out here leads on to sign-out there.")
    label: str | None = Field(None, description="The name on the button.")
    hidden: bool = Field(
        default=False, description="Not on the sign-in page; reached by idp_hint, domain or client."
    )
    order: int = Field(0, description="Lower is shown first.")


class Federation(Section):
    """Signing in with accounts that people have elsewhere."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Upstream] = Field(init=False)

    allow_private_addresses: bool = Field(
        default=False,
        description="Let requests to providers reach loopback and private networks, and plain http there.",
    )
    domains: Pairs = Field(
        {}, description="Which provider the people of an email domain use, as domain=name."
    )

    @model_validator(mode="after")
    def _check_names(self) -> "Federation":
        for name in self.providers:
            if PROVIDER_NAME.fullmatch(name) is None:
                raise ValueError(f"{name[:60]!a} is no name for a provider: a-z, 0-9, _ and - (at most 40)")
        return self

    @property
    def providers(self) -> dict[str, Upstream]:
        """The providers by name."""
        return dict(self.__pydantic_extra__ or {})


class Clients(Section):
    """Registered apps."""

    allow_private_addresses: bool | None = Field(
        None,
        description="Let a client's jwks_uri lead to loopback and private networks, and to plain http there. "
        "Unless it is set, only an issuer on a loopback address does.",
    )
    token_endpoint_as_audience: bool = Field(
        default=False,
        description="Take client assertions whose aud is the token endpoint, as some libraries make them, "
        "beside those for the issuer.",
    )


class Throttle(Section):
    """Slowing down guesses at passwords and codes."""

    window: int = Field(15 * MINUTE, ge=1, description="Failures are forgotten after so long, in seconds.")
    free_tries_per_account: int = Field(5, ge=1, description="Failures before an account is slowed down.")
    free_tries_per_address: int = Field(50, ge=1, description="Failures before an address is slowed down.")
    longest_delay: int = Field(
        60, ge=1, description="The longest wait between tries, in seconds; never a lock-out."
    )
    factor_window: int = Field(
        DAY, ge=1, description="Wrong second factors are forgotten after so long, in seconds."
    )
    factor_longest_delay: int = Field(
        900,
        ge=1,
        description="The longest wait between tries at a second factor, in seconds. Longer than for "
        "passwords: who gets so far knows the password, and a code has six digits.",
    )


class RateLimits(Section):
    """Requests a minute; 0 switches a limit off."""

    token_per_client: int = Field(0, ge=0, description="/token, per client.")
    token_failures_per_address: int = Field(120, ge=0, description="/token, failed requests per address.")
    introspection_per_client: int = Field(0, ge=0, description="/introspect, per client.")
    pages_per_address: int = Field(300, ge=0, description="Forms posted to hosted pages, per address.")


class Database(Section):
    """The database connection."""

    pool_size: int = Field(
        10,
        ge=1,
        description="Connections kept by each worker; on PostgreSQL as many again, for the statements that run all "
        "the time.",
    )
    pool_overflow: int = Field(
        0, ge=0, description="Connections beyond it under load; each is opened for one use, which is slow."
    )
    timeout: float = Field(5.0, gt=0, description="Seconds to wait for a connection or a locked row.")


class Logging(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The lowest level written."
    )
    format: Literal["json", "text"] = Field("json", description="json for machines, text for people.")
    requests: bool = Field(default=True, description="One line for each request.")


class Settings(Section):
    """Everything that can be configured."""

    issuer: Annotated[str, AfterValidator(_check_issuer)] = Field(
        "http://localhost:8000",
        description="The issuer identifier: the public URL, without a slash at its end.",
    )
    database_url: str = Field(
        "sqlite:///idp.db", description="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."
    )
    redis_url: str | None = Field(
        None, description="redis://HOST:PORT/0 for ephemeral state; none uses a table."
    )
    master_key: SecretStr | None = Field(
        None,
        description="32 bytes in base64url that seal secrets at rest; more after commas only open old ones. "
        "Make one with: idp keys generate-master",
    )
    trusted_proxies: Networks = Field(
        (), description="Networks (CIDR) whose X-Forwarded-For is believed for the address of a request."
    )
    smtp_url: str | None = Field(
        None,
        description="smtp://, smtp+starttls:// or smtps://USER:PASSWORD@HOST:PORT for mail; none keeps it.",
    )
    smtp_ca: str | None = Field(
        None, description="Certificates (PEM) to trust for the mail server, beside those of the system."
    )
    locale: str = Field(
        "en", description="The language for people who read none of those that there are (translations/)."
    )
    mail_from: str = Field(
        "no-reply@localhost", description="The sender of mails: an address, or Name <address>."
    )
    dev: bool = Field(
        default=False, description="Development: errors are explained on pages. Never in production."
    )
    max_body_bytes: int = Field(64 * 1024, ge=1024, description="The largest request body taken, in bytes.")
    brand: Brand = Field(Brand(), description="The look of the hosted pages.")
    tokens: Tokens = Field(Tokens(), description="Token lifetimes.")
    sessions: Sessions = Field(Sessions(), description="Browser sessions.")
    keys: SigningKeys = Field(SigningKeys(), description="Signing keys.")
    registration: Registration = Field(Registration(), description="Registration.")
    accounts: Accounts = Field(Accounts(), description="Account pages and the mails they send.")
    passwords: Passwords = Field(Passwords(), description="Passwords.")
    second_factor: SecondFactor = Field(SecondFactor(), description="Second factors and passkeys.")
    federation: Federation = Field(Federation(), description="Signing in with other providers.")
    clients: Clients = Field(Clients(), description="Clients.")
    throttle: Throttle = Field(Throttle(), description="Slowing down guesses.")
    rate_limits: RateLimits = Field(RateLimits(), description="Rate limits.")
    database: Database = Field(Database(), description="Database connections.")
    log: Logging = Field(Logging(), description="Logging.")

    @property
    def base_path(self) -> str:
        """The path of the issuer ("" or "/auth"): every route is below it."""
        return urlsplit(self.issuer).path

    @property
    def origin(self) -> str:
        """Scheme and authority of the issuer."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def secure(self) -> bool:
        """Whether people reach the provider by https; decides the cookies' names and attributes."""
        return self.issuer.startswith("https://")

    @property
    def clients_may_be_private(self) -> bool:
        """Whether a client's jwks_uri may lead to this machine or its network: an issuer that only this machine
        reaches has its clients here, too."""
        wanted = self.clients.allow_private_addresses
        return is_loopback(urlsplit(self.issuer).hostname or "") if wanted is None else wanted

    def url(self, path: str) -> str:
        """Return the absolute URL of a path of ours (`/authorize`)."""
        return self.issuer + path


def load_settings(
    environ: Mapping[str, str] | None = None, file: Path | None = None, **overrides: Any
) -> Settings:
    """Read the settings, or raise `ConfigurationError` with one sentence for each fault."""
    environ = os.environ if environ is None else environ
    file = file or Path(environ.get("IDP_CONFIG", "idp.toml"))
    values: dict[str, Any] = {}
    try:
        if file.is_file():
            values = tomllib.loads(file.read_text())
        elif "IDP_CONFIG" in environ:
            raise ConfigurationError(f"IDP_CONFIG names {file}, which is not a file.")
        values = _merge(_merge(values, _from_environment(environ)), overrides)
        return Settings.model_validate(values)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise ConfigurationError(" ".join(_sentence(fault) for fault in error.errors())) from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name == "IDP_CONFIG":
            continue
        value = text
        if name.endswith(FILE_SUFFIX):
            name = name.removesuffix(FILE_SUFFIX)  # noqa: PLW2901  the setting that the file is for
            try:
                value = Path(text).read_text().strip()
            except OSError as error:
                raise ConfigurationError(
                    f"{name}{FILE_SUFFIX} names {text}, which cannot be read: {error.strerror}."
                ) from error
        *sections, last = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        target = values
        for section in sections:
            target = target.setdefault(section, {})
        target[last] = value
    return values


def _merge(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(weak)
    for key, value in strong.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _sentence(fault: Any) -> str:
    path = [str(part) for part in fault["loc"]]
    variable = ENVIRONMENT_PREFIX + "__".join(path).upper()
    if fault["type"] == "extra_forbidden":
        return f"{variable} is not a setting; idp config lists them all."
    reason = fault["msg"].removeprefix("Value error, ")
    return f"{variable}: {reason}."
