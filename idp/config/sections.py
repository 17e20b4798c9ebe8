"""Groups of settings, one class each."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from idp.config.types import (
    DAY,
    HOUR,
    MINUTE,
    CharacterKinds,
    Section,
    SigningAlgorithms,
    Texts,
    read_certificates,
)


class BrandSettings(Section):
    """What users see on the hosted pages."""

    name: str = Field("idp", description="The provider's name on pages and in mails.")
    logo_url: str | None = Field(
        None,
        description="The https URL of an image that is shown above the forms. If unset, a plain mark is shown.",
    )
    color: str = Field("#2f5bea", pattern="^#[0-9a-fA-F]{6}$", description="The accent colour, #rrggbb.")


class TokenSettings(Section):
    """Lifetimes of tokens, in seconds, and where they are accepted."""

    code_ttl: int = Field(
        60,
        ge=5,
        le=600,
        description="Seconds until an authorization code expires (RFC 6749 §4.1.2: at most 600).",
    )
    access_token_ttl: int = Field(
        15 * MINUTE, ge=30, le=DAY, description="Seconds until an access token expires."
    )
    id_token_ttl: int = Field(HOUR, ge=30, le=DAY, description="Seconds until an ID token expires.")
    refresh_token_ttl: int = Field(
        30 * DAY,
        ge=60,
        description="Seconds until a refresh token expires. Each rotation issues a new refresh token and starts the "
        "time anew.",
    )
    grant_ttl: int = Field(
        180 * DAY,
        ge=60,
        description="Seconds until a grant expires, with every refresh token that was issued from it.",
    )
    refresh_grace: int = Field(
        10,
        ge=0,
        le=120,
        description="Seconds after a rotation during which the client may present the old refresh token again and "
        "gets another new one. After them the reuse ends the grant. 0 ends the grant at the first reuse.",
    )
    userinfo_audience: Literal["issuer", "openid"] = Field(
        "issuer",
        description="The access tokens that userinfo accepts. `issuer`: those whose audience is the issuer. `openid`:"
        " every one with the scope openid, also that of a client with an --audience of its own.",
    )


class SessionSettings(Section):
    """Browser sessions, in seconds."""

    idle_ttl: int = Field(7 * DAY, ge=60, description="Seconds without use after which a session ends.")
    absolute_ttl: int = Field(
        30 * DAY, ge=60, description="Seconds after sign-in when a session ends, even if it is in use."
    )
    most_per_user: int = Field(
        100,
        ge=1,
        le=1000,
        description="The most sessions that one user may have. When a user starts one more, the least recently used "
        "session ends.",
    )
    transaction_ttl: int = Field(
        30 * MINUTE, ge=60, le=DAY, description="Seconds that a user has to finish a sign-in."
    )


class KeySettings(Section):
    """Signing keys and their automatic rotation."""

    directory: Path = Field(
        Path("keys"),
        description="The directory of master.key in development, and of *.pem files to import.",
    )
    algorithms: SigningAlgorithms = Field(
        ("RS256", "ES256", "EdDSA"),
        description="The algorithms for which there are signing keys. RS256, the default for clients, must be one of "
        "them.",
    )
    rotate_after: int = Field(
        90 * DAY, ge=60, description="Seconds for which a key signs before the next one replaces it."
    )
    publish_ahead: int = Field(
        DAY,
        ge=0,
        description="Seconds for which a new key is published before it signs, because apps cache the JWKS.",
    )
    reload_every: int = Field(
        10, ge=1, le=300, description="Seconds between two looks of a worker for new keys."
    )


class RegistrationSettings(Section):
    """Whether people may make accounts, and when they must verify their address."""

    mode: Literal["open", "invitation", "closed"] = Field(
        "open",
        description="Whether people may make accounts by themselves (open), with an invitation only, or not at all "
        "(closed).",
    )
    email_domains: Texts = Field(
        (), description="The e-mail domains whose addresses may register. If unset, every domain may."
    )
    verify_email: Literal["before_sign_in", "before_claims", "never"] = Field(
        "before_sign_in",
        description="When a user must have verified the e-mail address: before a sign-in leads on to an app, only "
        "before an app with the scope email is served, or never.",
    )
    unverified_ttl: int = Field(
        7 * DAY,
        ge=0,
        description="Seconds after which an account is deleted if its owner has not verified the address. It counts "
        "only where addresses are verified before sign-in. 0 keeps such accounts.",
    )
    invitation_ttl: int = Field(7 * DAY, ge=60, description="Seconds until an invitation expires.")


class AccountSettings(Section):
    """The account pages."""

    username_changes: bool = Field(
        default=False,
        description="Whether users choose and change their username (preferred_username). If not, only the operator "
        "sets it, with idp user username.",
    )
    username_sign_in: bool = Field(
        default=False,
        description="Whether users may sign in with their username instead of the e-mail address.",
    )
    reserved_usernames: Texts = Field(
        (),
        description="Usernames that users cannot choose, in addition to admin, root, support and the like.",
    )
    username_fallback: Literal["none", "email", "sub"] = Field(
        "none",
        description="The claim preferred_username of an account without a username. `none`: the claim is left out. "
        "`email`: it is the e-mail address. `sub`: it is the subject identifier.",
    )

    recent_sign_in: int = Field(
        10 * MINUTE,
        ge=30,
        description="Seconds after a sign-in during which the user may make a sensitive change without signing in "
        "again.",
    )
    deletion_grace: int = Field(
        7 * DAY, ge=0, description="Seconds during which the owner of a deleted account can bring it back."
    )
    email_undo: int = Field(
        7 * DAY,
        ge=0,
        description="Seconds during which a link in the mail to the former address undoes a change of address. With 0"
        " that mail has no such link.",
    )
    mail_ticket_ttl: int = Field(
        30 * MINUTE, ge=60, le=DAY, description="Seconds until a link or code in a mail expires."
    )
    mail_interval: int = Field(
        60, ge=0, description="The fewest seconds between two mails of one kind to one address."
    )
    mails_per_hour: int = Field(6, ge=1, description="The most mails of one kind to one address in an hour.")
    mails_per_network: int = Field(
        60,
        ge=0,
        description="The most mails in an hour that users at one network address (IPv6: /64) can ask for before they "
        "sign in. 0 sets no limit.",
    )
    mails_in_all: int = Field(
        5000,
        ge=0,
        description="The most mails in an hour that all users together can ask for before they sign in. 0 sets no "
        "limit.",
    )
    code_guesses_per_day: int = Field(
        50,
        ge=5,
        description="The most guesses in a day at the codes in mails of one kind to one address. After them only the "
        "links in the mails work.",
    )


class PasswordSettings(Section):
    """Which passwords are accepted, and how they are hashed: Argon2id (RFC 9106)."""

    min_length: int = Field(
        10, ge=8, le=128, description="The fewest characters of a password (NIST SP 800-63B: at least 8)."
    )
    require: CharacterKinds = Field(
        (),
        description="The kinds of characters that a password must have: upper, lower, digit, symbol. NIST SP 800-63B "
        "advises against such rules, so better leave this unset.",
    )
    refuse_breached: bool = Field(
        default=False,
        description="Whether a password that was leaked is refused. Have I Been Pwned is asked, and learns the first "
        "five hexadecimal digits of the password's SHA-1.",
    )
    breach_api: str = Field(
        "https://api.pwnedpasswords.com/range/",
        description="The URL of the range API that is asked for leaked passwords.",
    )

    time_cost: int = Field(2, ge=1, le=20, description="The number of Argon2 passes.")
    memory_kib: int = Field(
        19 * 1024, ge=8, description="The memory of one Argon2 hash, in KiB (OWASP: 19 MiB with 2 passes)."
    )
    parallelism: int = Field(1, ge=1, le=16, description="The number of Argon2 lanes.")
    threads: int = Field(
        0,
        ge=0,
        le=64,
        description="The most password hashes that a worker computes at once. 0 allows one for each core.",
    )
    queue: int = Field(
        64,
        ge=1,
        description="The most password hashes that wait in a worker. A sign-in beyond them is answered 503.",
    )


class SecondFactorSettings(Section):
    """Second factors and passkeys."""

    policy: Literal["off", "optional", "required"] = Field(
        "optional",
        description="Whether users cannot (off), may (optional) or must (required) have a second factor. Unless it is"
        " off, a user who has a second factor is asked for it. A client can require two factors too.",
    )
    required_for_roles: Texts = Field(
        (), description="The roles whose users must have a second factor, whatever the policy is."
    )
    enrolment_grace: int = Field(
        0,
        ge=0,
        description="Seconds for which a user who must enrol a second factor, because of the policy or a role, may "
        "put it off. They count from the first time that the user is asked. A client that requires two "
        "factors does not wait.",
    )
    offer_after_sign_in: bool = Field(
        default=False,
        description="Whether a user who may have a second factor, and has none, is offered one once after a sign-in.",
    )
    email_code: bool = Field(
        default=False,
        description="Whether a user with a second factor may use a code from a mail instead. It is weak: it never "
        "raises `acr`, and it is not accepted where an app, a role or a sensitive change requires two "
        "factors.",
    )
    trusted_device_ttl: int = Field(
        0,
        ge=0,
        description="Seconds for which a user may let a browser skip the second factor. 0 does not offer it.",
    )
    reset_delay: int = Field(
        0,
        ge=0,
        description="Seconds between `idp user reset-factors` and the removal of the factors. The owner is told by "
        "mail at once, and keeps the factors by using one, or with a button on the security page.",
    )
    passkey_rp_id: str | None = Field(
        None,
        description="The WebAuthn relying party id. If unset, it is the host of the issuer. A change makes the "
        "passkeys that users have unusable.",
    )
    passkey_origins: Texts = Field(
        (), description="Other origins where passkeys may be used (WebAuthn related origins)."
    )


class ClientSettings(Section):
    """Registered apps."""

    require_pkce: bool = Field(
        default=False,
        description="Whether every client must use PKCE, without exception. If not, a client with a secret may send "
        "an OpenID nonce instead (RFC 9700 §2.1.1). Public clients always need PKCE.",
    )
    unknown_scopes: Literal["ignore", "refuse"] = Field(
        "ignore",
        description="What happens to requested scopes that the client is not registered with. `ignore`: they are left"
        " out (OIDC Core §3.1.2.1). `refuse`: the request is refused with invalid_scope.",
    )

    clock_skew: int = Field(
        30,
        ge=0,
        le=300,
        description="Seconds by which the clock of a client may differ from this provider's (client assertions).",
    )
    http_redirect_hosts: Texts = Field(
        (),
        description="Hosts of an internal network whose apps may have http redirect URIs. Everybody on the way can "
        "read the authorization code.",
    )
    any_custom_scheme: bool = Field(
        default=False,
        description="Whether clients with a secret may have redirect URIs with a private scheme, and every client may"
        " have a scheme without a dot, such as vscode:. Another app on the device may claim such a "
        "scheme.",
    )
    allow_private_addresses: bool | None = Field(
        None,
        description="Whether a client's jwks_uri may lead to loopback and private networks, and to plain http there. "
        "If unset, it may only if the issuer is on a loopback address.",
    )
    assertion_audience: Literal["endpoint", "issuer"] = Field(
        "endpoint",
        description="The aud that a client assertion (private_key_jwt) must have. `endpoint`: the issuer, the token "
        "endpoint or the endpoint that is called. `issuer`: the issuer only. A client may be registered "
        "with its own rule.",
    )


class ThrottleSettings(Section):
    """Slowing down guesses at passwords and codes."""

    window: int = Field(15 * MINUTE, ge=1, description="Seconds after which a failed sign-in is forgotten.")
    free_tries_per_account: int = Field(
        5, ge=1, description="The failed sign-ins to one account before further ones are slowed down."
    )
    free_tries_per_address: int = Field(
        50,
        ge=1,
        description="The failed sign-ins from one network address before further ones are slowed down.",
    )
    longest_delay: int = Field(
        60, ge=1, description="The longest wait between two tries, in seconds. An account is never locked."
    )
    factor_window: int = Field(
        DAY, ge=1, description="Seconds after which a wrong second factor is forgotten."
    )
    factor_longest_delay: int = Field(
        900,
        ge=1,
        description="The longest wait between two tries at a second factor, in seconds. It is longer than for "
        "passwords, because a user at this step knows the password already and a code has only six "
        "digits.",
    )


class ApiSettings(Section):
    """The JSON API."""

    enabled: bool = Field(
        default=True,
        description="Whether `/api/v1` is served. Then there is also a client `idp-api`, for which the API issues "
        "tokens to callers that name no client.",
    )
    short_paths: bool = Field(
        default=False,
        description="Whether the API is also served at /auth/... and /users/..., and /docs, /redoc and /openapi.json "
        "redirect to its documentation.",
    )


class RateLimitSettings(Section):
    """Requests in a minute; 0 sets no limit."""

    register_per_address: int = Field(
        20,
        ge=0,
        description="The most new accounts in a minute through the API, for each network address. 0 sets no limit.",
    )
    login_per_address: int = Field(
        60,
        ge=0,
        description="The most sign-ins in a minute through the API, for each network address. 0 sets no limit.",
    )
    refresh_per_address: int = Field(
        120,
        ge=0,
        description="The most refreshes in a minute through the API, for each network address. 0 sets no limit.",
    )
    profile_per_address: int = Field(
        60,
        ge=0,
        description="The most changes of a profile in a minute through the API, for each network address and for each"
        " user. 0 sets no limit.",
    )

    token_per_client: int = Field(
        0, ge=0, description="The most requests to /token in a minute, for each client. 0 sets no limit."
    )
    token_failures_per_address: int = Field(
        120,
        ge=0,
        description="The most failed requests to /token in a minute, for each network address. 0 sets no limit.",
    )
    introspection_per_client: int = Field(
        0, ge=0, description="The most requests to /introspect in a minute, for each client. 0 sets no limit."
    )
    pages_per_address: int = Field(
        300,
        ge=0,
        description="The most forms posted to hosted pages in a minute, for each network address. 0 sets no limit.",
    )
    gets_per_address: int = Field(
        1800,
        ge=0,
        description="The most GET requests in a minute, for each network address. 0 sets no limit. Static files, the "
        "JSON API, userinfo, discovery and health do not count. The default allows six pages for each "
        "form of `pages_per_address`.",
    )


class OutgoingSettings(Section):
    """TLS connections that this program makes: to providers, apps, the database, Redis, the mail server."""

    ca: Annotated[str, AfterValidator(read_certificates)] | None = Field(
        None,
        description="Certificates to trust in addition to the system's: PEM text, or the name of a file with it. The "
        "system's are OpenSSL's, or those that SSL_CERT_FILE and SSL_CERT_DIR name.",
    )


class ServerSettings(Section):
    """The background work of `idp serve`, and the limits of its connections. 0 sets no limit."""

    background: bool = Field(
        default=True,
        description="Whether the processes that answer requests also send mail and delete what has expired. If not, "
        "run idp worker for it.",
    )

    connections: int = Field(
        4000,
        ge=0,
        description="The most connections that a worker keeps open. For one more, it closes the oldest that has no "
        "request. 0 sets no limit.",
    )
    connections_per_address: int = Field(
        500,
        ge=0,
        description="The most connections of one network address (IPv6: /64) to a worker. It does not count for "
        "addresses in `trusted_proxies`. 0 sets no limit.",
    )
    head_timeout: float = Field(
        10.0,
        ge=0,
        description="Seconds in which the head of a request must arrive. They count from the opening of the "
        "connection, or from the first byte of a later request. 0 sets no limit.",
    )
    write_timeout: float = Field(
        30.0, gt=0, description="Seconds for which an answer waits for its reader to take more of it."
    )
    tls_handshake_timeout: float = Field(10.0, gt=0, description="Seconds in which a TLS handshake must end.")


class DatabaseSettings(Section):
    """The database connection."""

    pool_size: int = Field(
        10,
        ge=1,
        description="The connections that each worker keeps. On PostgreSQL it keeps as many again, for the most "
        "frequent statements.",
    )
    pool_overflow: int = Field(
        0,
        ge=0,
        description="The most connections beyond pool_size under load. Each is opened for one use, which is slow.",
    )
    timeout: float = Field(5.0, gt=0, description="Seconds to wait for a connection or for a locked row.")


class LogSettings(Section):
    """The log, which is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The lowest level that is written."
    )
    format: Literal["json", "text"] = Field(
        "json", description="The form of the log: json for machines, text for people."
    )
    requests: bool = Field(default=True, description="Whether there is a line for each request.")
