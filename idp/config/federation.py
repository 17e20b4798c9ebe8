"""Settings of the other providers that users may sign in with."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, SecretStr, model_validator

from idp.config.types import Pairs, Section, Texts

PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class UpstreamSettings(Section):
    """A provider that users may sign in with, at `IDP_FEDERATION__NAME__…` for any NAME."""

    type: str | None = Field(
        None,
        description="The type of provider: oidc for any OpenID provider, or one of those in docs/providers. If unset,"
        " it is NAME if that is a type, and oidc otherwise.",
    )
    client_id: str = Field("", description="The client id that the provider issued.")
    client_secret: SecretStr | None = Field(None, description="The client secret that the provider issued.")
    private_key: SecretStr | None = Field(
        None, description="A private key in PEM form, for private_key_jwt and for Apple's client secret."
    )
    key_id: str | None = Field(None, description="The key id of private_key.")
    team_id: str | None = Field(None, description="Apple's team id.")
    issuer: str | None = Field(None, description="The issuer of an OpenID provider, letter by letter.")
    base_url: str | None = Field(None, description="The URL of a GitHub Enterprise server.")
    scopes: Texts = Field((), description="The scopes to ask for. If unset, they are those of the type.")
    token_endpoint_auth_method: (
        Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] | None
    ) = Field(
        None,
        description="How this provider authenticates there. If unset, the method follows from "
        "the type, the credentials and what the other provider supports.",
    )
    algorithms: Texts = Field(
        (),
        description="The signing algorithms that are accepted for ID tokens. If unset, every secure one is.",
    )
    claims: Pairs = Field(
        {},
        description="The claims of the provider that stand for ours, as name=their_name: email=mail,name=displayName."
        " If email is mapped, an address counts as verified only if email_verified is mapped too.",
    )
    userinfo: bool = Field(
        default=True, description="Whether claims are also fetched from the provider's userinfo endpoint."
    )
    assume_email_verified: bool = Field(
        default=False,
        description="Whether every address from this provider counts as verified. Only for a provider whose users "
        "cannot set their own address.",
    )
    clock_skew: int = Field(
        60,
        ge=0,
        le=300,
        description="Seconds by which the provider's clock may differ from ours (ID tokens).",
    )
    hosted_domains: Texts = Field(
        (), description="Google: only users of these Workspace domains may sign in."
    )
    organizations: Texts = Field(
        (), description="GitHub: only members of one of these organisations may sign in."
    )
    teams: Texts = Field(
        (), description="GitHub: only members of one of these teams, as organisation/team, may sign in."
    )
    auto_link: bool = Field(
        default=False,
        description="Whether a sign-in is linked to the account with the same address without asking, if both sides "
        "have verified the address.",
    )
    confirm_profile: bool = Field(
        default=False,
        description="Whether users can check name and address before an account is made for them.",
    )
    keep_tokens: bool = Field(
        default=False, description="Whether the provider's tokens are kept, encrypted, for clients."
    )
    second_factor: Literal["always", "never", "unless_proven"] = Field(
        "always",
        description="Whether a user who has a second factor here is asked for it after a sign-in there. "
        "unless_proven: only if the provider's amr and acr do not prove two factors.",
    )
    trusted_acr: Texts = Field((), description="The values of the provider's acr that mean two factors.")
    logout: bool = Field(default=False, description="Whether sign-out here continues with sign-out there.")
    label: str | None = Field(None, description="The name on the button.")
    hidden: bool = Field(
        default=False,
        description="Whether the sign-in page has no button for it. Users reach it by idp_hint, by their e-mail "
        "domain or from a client.",
    )
    order: int = Field(0, description="Its place on the sign-in page: lower numbers come first.")


def check_provider_name(name: str) -> None:
    """Raise `ValueError` for a name that a provider cannot have."""
    if name in FederationSettings.model_fields:
        raise ValueError(f"no provider can be called {name}, which is a setting; choose another name")
    if PROVIDER_NAME.fullmatch(name) is None:
        raise ValueError(f"{name[:60]!a} cannot name a provider: use a-z, 0-9, _ and - (at most 40)")


class FederationSettings(Section):
    """Signing in with accounts of other providers."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, UpstreamSettings] = Field(init=False)

    allow_private_addresses: bool = Field(
        default=False,
        description="Whether requests to providers may reach loopback and private networks, and plain http there.",
    )
    domains: Pairs = Field(
        {}, description="The provider that users of an e-mail domain sign in with, as domain=name."
    )

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: Any) -> Any:
        """Refuse a provider with the name of a setting: both are members of this section."""
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
