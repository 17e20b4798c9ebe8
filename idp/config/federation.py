"""Settings of the providers that people may sign in with."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, SecretStr, model_validator

from idp.config.types import Pairs, Section, Texts

PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class UpstreamSettings(Section):
    """A provider that people may sign in with, at `IDP_FEDERATION__NAME__…` for any NAME."""

    type: str | None = Field(
        None,
        description="oidc for any OpenID provider, or one of those in docs/providers. "
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
        {},
        description="Our claim from theirs, as name=their_name: email=mail,name=displayName. "
        "With email mapped, no address counts as verified unless email_verified is mapped too.",
    )
    userinfo: bool = Field(default=True, description="Whether claims are also fetched from userinfo.")
    assume_email_verified: bool = Field(
        default=False,
        description="Take every address as verified. Only for a provider whose people cannot set their own.",
    )
    clock_skew: int = Field(
        60, ge=0, le=300, description="Seconds by which the provider's clock may differ (ID tokens)."
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


def check_provider_name(name: str) -> None:
    """Raise `ValueError` for what a provider cannot be called."""
    if name in FederationSettings.model_fields:
        raise ValueError(f"no provider can be called {name}, which is a setting; choose another name")
    if PROVIDER_NAME.fullmatch(name) is None:
        raise ValueError(f"{name[:60]!a} is no name for a provider: a-z, 0-9, _ and - (at most 40)")


class FederationSettings(Section):
    """Signing in with accounts that people have elsewhere."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, UpstreamSettings] = Field(init=False)

    allow_private_addresses: bool = Field(
        default=False,
        description="Let requests to providers reach loopback and private networks, and plain http there.",
    )
    domains: Pairs = Field(
        {}, description="Which provider the people of an email domain use, as domain=name."
    )

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: Any) -> Any:
        """Names of providers and settings share one level. A provider that is called like a setting is told so."""
        for name, value in given.items() if isinstance(given, Mapping) else ():
            is_setting = name in cls.model_fields
            looks_like_provider = isinstance(
                value, Mapping
            ) and not UpstreamSettings.model_fields.keys().isdisjoint(value)
            if not is_setting or looks_like_provider:
                check_provider_name(name)
        return given

    @property
    def providers(self) -> dict[str, UpstreamSettings]:
        """The providers by name."""
        return dict(self.__pydantic_extra__ or {})
