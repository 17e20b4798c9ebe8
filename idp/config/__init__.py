"""The configuration: one frozen, nested `Settings`, read once at start and passed down.

Sources, strongest first: keyword arguments (tests, `idp dev`), the environment, `idp.toml`.
Every environment variable is `IDP_` and the field's name, nested fields joined with `__`
(`IDP_TOKENS__ACCESS_TOKEN_TTL`); the same name with `_FILE` reads the value from a file, as container
secrets want it. An unknown name is refused, because a misspelt security setting that is silently
ignored is worse than a server that does not start. `idp config` prints this module as a reference.
"""

from idp.config.federation import PROVIDER_NAME, FederationSettings, UpstreamSettings, check_provider_name
from idp.config.policies import NO_CONTEXT, Policies, Policy, PolicyContext, SettingsPolicies
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
from idp.config.settings import Settings
from idp.config.sources import ENVIRONMENT_PREFIX, load_settings
from idp.config.types import DAY, HOUR, MINUTE, is_loopback

__all__ = [
    "DAY",
    "ENVIRONMENT_PREFIX",
    "HOUR",
    "MINUTE",
    "NO_CONTEXT",
    "PROVIDER_NAME",
    "AccountSettings",
    "ApiSettings",
    "BrandSettings",
    "ClientSettings",
    "DatabaseSettings",
    "FederationSettings",
    "KeySettings",
    "LogSettings",
    "OutgoingSettings",
    "PasswordSettings",
    "Policies",
    "Policy",
    "PolicyContext",
    "RateLimitSettings",
    "RegistrationSettings",
    "SecondFactorSettings",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "SettingsPolicies",
    "ThrottleSettings",
    "TokenSettings",
    "UpstreamSettings",
    "check_provider_name",
    "is_loopback",
    "load_settings",
]
