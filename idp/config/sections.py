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
    """What people see on the hosted pages."""

    name: str = Field("idp", description="The name shown on pages and in mails.")
    logo_url: str | None = Field(None, description="An https image shown above the forms; none shows a mark.")
    color: str = Field("#2f5bea", pattern="^#[0-9a-fA-F]{6}$", description="The accent colour, #rrggbb.")


class TokenSettings(Section):
    """Lifetimes, in seconds, and what tokens are good for."""

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
    userinfo_audience: Literal["issuer", "openid"] = Field(
        "issuer",
        description="The access tokens that userinfo takes: those made out to the issuer; or with `openid` every one "
        "that has the scope openid, also of a client with an --audience of its own.",
    )


class SessionSettings(Section):
    """Browser sessions, in seconds."""

    idle_ttl: int = Field(7 * DAY, ge=60, description="A session unused for so long has ended.")
    absolute_ttl: int = Field(
        30 * DAY, ge=60, description="A session ends so long after sign-in, used or not."
    )
    most_per_user: int = Field(
        100,
        ge=1,
        le=1000,
        description="Sessions that a user may have. For one more, the one that was unused for the longest ends.",
    )
    transaction_ttl: int = Field(
        30 * MINUTE, ge=60, le=DAY, description="Time to finish a sign-in under way."
    )


class KeySettings(Section):
    """Signing keys and their automatic rotation."""

    directory: Path = Field(
        Path("keys"),
        description="Where master.key is kept in development and *.pem to import are looked for.",
    )
    algorithms: SigningAlgorithms = Field(
        ("RS256", "ES256", "EdDSA"),
        description="Algorithms that a key is kept for. RS256 must be one of them; it is the default.",
    )
    rotate_after: int = Field(90 * DAY, ge=60, description="A key signs for so long, in seconds.")
    publish_ahead: int = Field(
        DAY, ge=0, description="A new key is published so long before it signs, in seconds (caches of JWKS)."
    )
    reload_every: int = Field(
        10, ge=1, le=300, description="How often a worker looks for new keys, in seconds."
    )


class RegistrationSettings(Section):
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
    unverified_ttl: int = Field(
        7 * DAY,
        ge=0,
        description="Where addresses are verified before sign-in: an account whose owner has not shown the "
        "address to be theirs is deleted after so long, in seconds. 0 keeps it.",
    )
    invitation_ttl: int = Field(7 * DAY, ge=60, description="How long an invitation is good for, in seconds.")


class AccountSettings(Section):
    """The account pages."""

    username_changes: bool = Field(
        default=False,
        description="Whether people choose and change their username (preferred_username). Otherwise only the "
        "operator sets it: idp user username.",
    )
    username_sign_in: bool = Field(
        default=False, description="Whether people may sign in with their username in place of the address."
    )
    reserved_usernames: Texts = Field(
        (), description="Usernames that people cannot choose, beside admin, root, support and the like."
    )
    username_fallback: Literal["none", "email", "sub"] = Field(
        "none",
        description="What the claim preferred_username is for an account without a username: it is left out, or "
        "it is the e-mail address or the sub.",
    )

    recent_sign_in: int = Field(
        10 * MINUTE,
        ge=30,
        description="A sensitive change asks for a sign-in not older than this, in seconds.",
    )
    deletion_grace: int = Field(
        7 * DAY, ge=0, description="A deleted account can be brought back for so long, in seconds."
    )
    email_undo: int = Field(
        7 * DAY,
        ge=0,
        description="For so long, in seconds, a link in the mail to the former address takes a change of address "
        "back; 0 sends none.",
    )
    mail_ticket_ttl: int = Field(
        30 * MINUTE, ge=60, le=DAY, description="How long a link or code in a mail is good for, in seconds."
    )
    mail_interval: int = Field(60, ge=0, description="Seconds between two mails of one kind to one address.")
    mails_per_hour: int = Field(6, ge=1, description="Mails of one kind to one address in an hour.")
    mails_per_network: int = Field(
        60,
        ge=0,
        description="Mails in an hour that people at one network address (IPv6: /64) ask for before they are "
        "signed in; 0 is no bound.",
    )
    mails_in_all: int = Field(
        5000,
        ge=0,
        description="Mails in an hour that all people ask for before they are signed in; 0 is no bound.",
    )
    code_guesses_per_day: int = Field(
        50,
        ge=5,
        description="Guesses in a day at the codes of mails of one kind to one address. Beyond them only the "
        "links in the mails work.",
    )


class PasswordSettings(Section):
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


class SecondFactorSettings(Section):
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


class ClientSettings(Section):
    """Registered apps."""

    require_pkce: bool = Field(
        default=False,
        description="Require PKCE of every client, without exception. Otherwise a client with a secret may send "
        "an OpenID nonce instead (RFC 9700 §2.1.1). Public clients always need PKCE.",
    )
    unknown_scopes: Literal["ignore", "refuse"] = Field(
        "ignore",
        description="What happens to requested scopes that the client is not registered with: they are ignored "
        "(OIDC Core §3.1.2.1), or the request is refused with invalid_scope.",
    )

    clock_skew: int = Field(
        30, ge=0, le=300, description="Seconds by which the clocks of clients may differ (client assertions)."
    )
    http_redirect_hosts: Texts = Field(
        (),
        description="Hosts of an internal network whose apps may have http redirect URIs. Everybody on the way can "
        "read what is sent there.",
    )
    any_custom_scheme: bool = Field(
        default=False,
        description="Let clients with a secret have redirect URIs with a scheme of their own, and let any client "
        "have one without a dot, such as vscode:. Another app on the device may claim such a scheme.",
    )
    allow_private_addresses: bool | None = Field(
        None,
        description="Let a client's jwks_uri lead to loopback and private networks, and to plain http there. "
        "Unless it is set, only an issuer on a loopback address does.",
    )
    assertion_audience: Literal["endpoint", "issuer"] = Field(
        "endpoint",
        description="The one aud that client assertions (private_key_jwt) may have: the issuer, the token endpoint or "
        "the endpoint that is called; or the issuer alone. A client may have a rule of its own.",
    )


class ThrottleSettings(Section):
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


class ApiSettings(Section):
    """The JSON API."""

    enabled: bool = Field(
        default=True,
        description="Whether `/api/v1` is served, and the client `idp-api` made for the tokens of those who name no "
        "client.",
    )
    short_paths: bool = Field(
        default=False,
        description="Serve the API at /auth/... and /users/... too, beside /api/v1, and send /docs, /redoc and "
        "/openapi.json to its documentation.",
    )


class RateLimitSettings(Section):
    """Requests a minute; 0 switches a limit off."""

    register_per_address: int = Field(20, ge=0, description="New accounts through the API, per address.")
    login_per_address: int = Field(60, ge=0, description="Sign-ins through the API, per address.")
    refresh_per_address: int = Field(120, ge=0, description="Refreshes through the API, per address.")
    profile_per_address: int = Field(
        60, ge=0, description="Changes of a profile through the API, per address and per user."
    )

    token_per_client: int = Field(0, ge=0, description="/token, per client.")
    token_failures_per_address: int = Field(120, ge=0, description="/token, failed requests per address.")
    introspection_per_client: int = Field(0, ge=0, description="/introspect, per client.")
    pages_per_address: int = Field(300, ge=0, description="Forms posted to hosted pages, per address.")
    gets_per_address: int = Field(
        1800,
        ge=0,
        description="GET requests per address, without static files, the JSON API, userinfo, discovery and "
        "health. It leaves six pages for each form that `pages_per_address` allows.",
    )


class OutgoingSettings(Section):
    """TLS connections that this program makes: to providers, apps, the database, Redis, the mail server."""

    ca: Annotated[str, AfterValidator(read_certificates)] | None = Field(
        None,
        description="Certificates to trust beside those of the system (PEM, or the name of a file with some). The "
        "system's are OpenSSL's, or those that SSL_CERT_FILE and SSL_CERT_DIR name.",
    )


class ServerSettings(Section):
    """What `idp serve` does beside answering, and what it bounds before a request is one. A bound of 0 is none."""

    background: bool = Field(
        default=True,
        description="Whether the processes that answer requests also send mail and sweep; otherwise run idp worker.",
    )

    connections: int = Field(
        4000,
        ge=0,
        description="Connections that a worker keeps. For one more, the oldest without a request is closed.",
    )
    connections_per_address: int = Field(
        500,
        ge=0,
        description="Connections of one address (IPv6: of its /64) to a worker. Addresses in "
        "`trusted_proxies` have no such bound.",
    )
    head_timeout: float = Field(
        10.0,
        ge=0,
        description="Seconds for the head of a request to arrive, from the opening of the connection or the "
        "first byte of a later request.",
    )
    write_timeout: float = Field(
        30.0, gt=0, description="Seconds for which an answer may wait until its reader takes more of it."
    )
    tls_handshake_timeout: float = Field(10.0, gt=0, description="Seconds for a TLS handshake.")


class DatabaseSettings(Section):
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


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The lowest level written."
    )
    format: Literal["json", "text"] = Field("json", description="json for machines, text for people.")
    requests: bool = Field(default=True, description="One line for each request.")
