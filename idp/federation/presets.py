"""Well-known OpenID providers, a few lines each."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from idp.federation.claims import text_of
from idp.federation.credentials import AppleCredentials, Credentials
from idp.federation.identity import UpstreamIdentity
from idp.federation.oidc import OpenIdUpstream
from idp.federation.upstream import Memory, Preset


class EntraUpstream(OpenIdUpstream):
    """Microsoft Entra: one tenant; that of `common` has no issuer of its own to compare with."""

    preset: ClassVar[Preset] = Preset(
        label="Microsoft",
        prompt="select_account",
        issuer_form="https://login.microsoftonline.com/TENANT-ID/v2.0",
    )


class GitLabUpstream(OpenIdUpstream):
    """GitLab, on gitlab.com or a server of one's own."""

    preset: ClassVar[Preset] = Preset(label="GitLab", issuer="https://gitlab.com")


class AppleUpstream(OpenIdUpstream):
    """Apple: answers with a posted form, and takes a signed token as the client secret."""

    preset: ClassVar[Preset] = Preset(
        label="Apple",
        issuer="https://appleid.apple.com",
        scopes=("openid", "email", "name"),
        response_mode="form_post",  # Apple insists on it as soon as there is a scope
        auth_method="client_secret_post",
        asks_again=False,
    )
    credentials_type: ClassVar[type[Credentials]] = AppleCredentials

    async def finish(self, answer: Mapping[str, str], memory: Memory) -> UpstreamIdentity:
        """Take the name from beside the code: Apple tells it there, once, and not in the ID token."""
        identity = await super().finish(answer, memory)
        return identity if identity.name else replace(identity, name=_name_in(answer.get("user", "")))


class Auth0Upstream(OpenIdUpstream):
    """Auth0; its issuer ends with a slash."""

    preset: ClassVar[Preset] = Preset(label="Auth0", issuer_form="https://TENANT.eu.auth0.com/")


class OktaUpstream(OpenIdUpstream):
    """Okta."""

    preset: ClassVar[Preset] = Preset(label="Okta", issuer_form="https://TENANT.okta.com/oauth2/default")


class KeycloakUpstream(OpenIdUpstream):
    """Keycloak: one realm."""

    preset: ClassVar[Preset] = Preset(label="Keycloak", issuer_form="https://id.example.com/realms/REALM")


def _name_in(user: str) -> str | None:
    try:
        name = json.loads(user[:4000])["name"]
        return text_of(f"{name['firstName']} {name['lastName']}")
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
