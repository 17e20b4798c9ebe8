"""All settings together."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from idp.config.federation import FederationSettings
from idp.config.sections import (
    AccountSettings,
    ApiSettings,
    BrandSettings,
    ClientSettings,
    DatabaseSettings,
    KeySettings,
    LogSettings,
    OutgoingSettings,
    PasswordSettings,
    RateLimitSettings,
    RegistrationSettings,
    SecondFactorSettings,
    ServerSettings,
    SessionSettings,
    ThrottleSettings,
    TokenSettings,
)
from idp.config.types import Networks, Section, check_issuer, check_redis_url, is_loopback


class Settings(Section):
    """Everything that can be configured."""

    issuer: Annotated[str, AfterValidator(check_issuer)] = Field(
        "http://localhost:8000",
        description="The issuer identifier: the provider's public URL, without a slash at its end.",
    )
    database_url: str = Field(
        "sqlite:///idp.db",
        description="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME, with libpq's parameters "
        "(?sslmode=verify-full).",
    )
    redis_url: Annotated[str, AfterValidator(check_redis_url)] | None = Field(
        None,
        description="redis://HOST:PORT/0, or rediss:// for TLS: where short-lived state is kept. If unset, a table of"
        " the database keeps it.",
    )
    master_key: SecretStr | None = Field(
        None,
        description="The key that encrypts stored secrets: 32 bytes in base64url. Further keys may follow after "
        "commas; they only decrypt what they encrypted before. Make one with: idp keys generate-master",
    )
    trusted_proxies: Networks = Field(
        (),
        description="The networks (CIDR) of reverse proxies. For a request from one of them, X-Forwarded-For gives "
        "the address of the caller.",
    )
    smtp_url: str | None = Field(
        None,
        description="The mail server: smtp://, smtp+starttls:// or smtps://USER:PASSWORD@HOST:PORT. If unset, mail "
        "waits in the database.",
    )
    smtp_ca: str | None = Field(
        None, description="Certificates (PEM) to trust for the mail server, in addition to the system's."
    )
    locale: str = Field(
        "en",
        description="The language of pages and mails for users whose own languages are not available (translations/).",
    )
    mail_from: str = Field(
        "no-reply@localhost", description="The sender of mails: an address, or Name <address>."
    )
    dev: bool = Field(
        default=False,
        description="Development: pages explain errors, and every mail can be read at /dev/mail. Never in production.",
    )
    max_body_bytes: int = Field(
        64 * 1024, ge=1024, description="The largest request body that is accepted, in bytes."
    )
    brand: BrandSettings = Field(BrandSettings(), description="The look of the hosted pages.")
    tokens: TokenSettings = Field(TokenSettings(), description="Token lifetimes.")
    sessions: SessionSettings = Field(SessionSettings(), description="Browser sessions.")
    keys: KeySettings = Field(KeySettings(), description="Signing keys.")
    registration: RegistrationSettings = Field(RegistrationSettings(), description="Registration.")
    accounts: AccountSettings = Field(AccountSettings(), description="Account pages and the mails they send.")
    passwords: PasswordSettings = Field(PasswordSettings(), description="Passwords.")
    second_factor: SecondFactorSettings = Field(
        SecondFactorSettings(), description="Second factors and passkeys."
    )
    federation: FederationSettings = Field(
        FederationSettings(), description="Signing in with other providers."
    )
    clients: ClientSettings = Field(ClientSettings(), description="Clients.")
    throttle: ThrottleSettings = Field(ThrottleSettings(), description="Slowing down guesses.")
    api: ApiSettings = Field(ApiSettings(), description="JSON API.")
    rate_limits: RateLimitSettings = Field(RateLimitSettings(), description="Rate limits.")
    outgoing: OutgoingSettings = Field(OutgoingSettings(), description="TLS to other servers.")
    server: ServerSettings = Field(ServerSettings(), description="Connections to `idp serve`.")
    database: DatabaseSettings = Field(DatabaseSettings(), description="Database connections.")
    log: LogSettings = Field(LogSettings(), description="Logging.")

    @model_validator(mode="after")
    def _keep_development_here(self) -> Self:
        if self.dev and not is_loopback(urlsplit(self.issuer).hostname or ""):
            raise ValueError(
                "IDP_DEV shows every mail and every reason to everybody, so it needs a loopback issuer, "
                "such as http://localhost:8000; unset it"
            )
        return self

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
        """Whether users reach the provider by https; this decides the cookies' names and attributes."""
        return self.issuer.startswith("https://")

    @property
    def clients_may_be_private(self) -> bool:
        """Whether a client's jwks_uri may lead to this machine or its network. If unset, it may if the issuer is on
        a loopback address, because then the clients are on this machine too."""
        wanted = self.clients.allow_private_addresses
        return is_loopback(urlsplit(self.issuer).hostname or "") if wanted is None else wanted

    def url(self, path: str) -> str:
        """Return the absolute URL of a path of ours (`/authorize`)."""
        return self.issuer + path
