"""The types of provider that are known by name: what an operator need not configure. A new one is one entry."""

from collections.abc import Mapping
from typing import Final

from idp.federation.upstream import Preset

PRESETS: Final[Mapping[str, Preset]] = {
    "oidc": Preset(""),
    "google": Preset(
        "Google",
        protocol="google",
        issuer="https://accounts.google.com",
        prompt="select_account",
        asks_again=False,
    ),
    "github": Preset("GitHub", protocol="github"),
    "entra": Preset(  # one tenant; `common` has no issuer of its own to compare with
        "Microsoft",
        prompt="select_account",
        issuer_form="https://login.microsoftonline.com/TENANT-ID/v2.0",
    ),
    "gitlab": Preset("GitLab", issuer="https://gitlab.com"),
    "apple": Preset(
        "Apple",
        protocol="apple",
        issuer="https://appleid.apple.com",
        scopes=("openid", "email", "name"),
        response_mode="form_post",  # Apple insists on it as soon as there is a scope
        auth_method="client_secret_post",
        asks_again=False,
    ),
    "auth0": Preset("Auth0", issuer_form="https://TENANT.eu.auth0.com/"),  # it ends with a slash
    "okta": Preset("Okta", issuer_form="https://TENANT.okta.com/oauth2/default"),
    "keycloak": Preset("Keycloak", issuer_form="https://id.example.com/realms/REALM"),
}
