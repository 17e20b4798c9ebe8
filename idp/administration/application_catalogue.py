"""The catalogue of applications: what each needs of its client, and what it is told.

`tried` names the test that runs the application against this provider; without it nobody has tried the entry.
"""

from collections.abc import Mapping
from typing import Any, Final

_WITH_OFFLINE: Final = ("openid", "profile", "email", "offline_access")
_WITH_ROLES: Final = ("openid", "profile", "email", "roles", "offline_access")
_WITH_GROUPS: Final = ("openid", "profile", "email", "groups", "offline_access")

CATALOGUE: Final[Mapping[str, Mapping[str, Any]]] = {
    "aspnet": {
        "label": "ASP.NET Core",
        "redirect_uris": ("<url>/signin-oidc",),
        "post_logout_redirect_uris": ("<url>/signout-callback-oidc",),
        "metadata": {"require_pkce": True},
        "place": "Program.cs, package Microsoft.AspNetCore.Authentication.OpenIdConnect",
        "settings": """builder.Services
    .AddAuthentication(options => {
        options.DefaultScheme = "Cookies";
        options.DefaultChallengeScheme = "oidc";
    })
    .AddCookie("Cookies")
    .AddOpenIdConnect("oidc", options => {
        options.Authority = "<issuer>";
        options.ClientId = "<client_id>";
        options.ClientSecret = "<client_secret>";
        options.ResponseType = "code";
        options.Scope.Add("email");
        options.GetClaimsFromUserInfoEndpoint = true;
        options.SaveTokens = true;
    });""",
    },
    "authjs": {
        "label": "Auth.js",
        "redirect_uris": ("<url>/api/auth/callback/idp",),
        "metadata": {"require_pkce": True, "id_token_claims": True},
        "place": "auth.ts",
        "settings": """providers: [{
  id: "idp",
  name: "idp",
  type: "oidc",
  issuer: "<issuer>",
  clientId: "<client_id>",
  clientSecret: "<client_secret>",
}]""",
        "notes": ("Auth.js reads name and address from the ID token only.",),
    },
    "django": {
        "label": "Django (mozilla-django-oidc)",
        "redirect_uris": ("<url>/oidc/callback/",),
        "post_logout_redirect_uris": ("<url>/",),
        "place": "settings.py",
        "settings": """OIDC_RP_CLIENT_ID = "<client_id>"
OIDC_RP_CLIENT_SECRET = "<client_secret>"
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_RP_SCOPES = "openid profile email"
OIDC_USE_PKCE = True
OIDC_OP_JWKS_ENDPOINT = "<issuer>/jwks"
OIDC_OP_AUTHORIZATION_ENDPOINT = "<issuer>/authorize"
OIDC_OP_TOKEN_ENDPOINT = "<issuer>/token"
OIDC_OP_USER_ENDPOINT = "<issuer>/userinfo\"""",
        "tried": "tests/clients/test_django.py",
    },
    "express": {
        "label": "Express (express-openid-connect)",
        "redirect_uris": ("<url>/callback",),
        "post_logout_redirect_uris": ("<url>/",),
        "metadata": {"require_pkce": True, "id_token_claims": True, "scopes": _WITH_GROUPS},
        "place": "app.js, package express-openid-connect",
        "settings": """app.use(auth({
  issuerBaseURL: "<issuer>",
  baseURL: "<url>",
  clientID: "<client_id>",
  clientSecret: "<client_secret>",
  secret: "a long random text",
  idpLogout: true,
  routes: { postLogoutRedirect: "<url>/" },
  authorizationParams: { response_type: "code", scope: "openid profile email groups" },
}))""",
        "notes": (
            "`req.oidc.user` and `claimIncludes` read only the ID token. `groups` are the roles of `idp user roles`.",
        ),
        "tried": "tests/clients/test_express.py",
    },
    "gitea": {
        "label": "Gitea or Forgejo",
        "redirect_uris": ("<url>/user/oauth2/idp/callback",),
        "metadata": {"require_pkce": False, "scopes": _WITH_GROUPS},
        "place": "a shell of the server",
        "settings": """gitea admin auth add-oauth --name idp --provider openidConnect \\
    --key <client_id> --secret <client_secret> \\
    --auto-discover-url <issuer>/.well-known/openid-configuration \\
    --scopes openid --scopes profile --scopes email""",
        "notes": (
            "The redirect URI ends in the name of the authentication source, here `idp`.",
            "It sends neither PKCE nor a nonce in the versions known to us, so the client is exempted.",
        ),
    },
    "gitlab": {
        "label": "GitLab",
        "redirect_uris": ("<url>/users/auth/openid_connect/callback",),
        "metadata": {"require_pkce": True},
        "place": "/etc/gitlab/gitlab.rb",
        "settings": """gitlab_rails['omniauth_providers'] = [{
  name: "openid_connect",
  label: "idp",
  args: {
    name: "openid_connect",
    scope: ["openid", "profile", "email"],
    response_type: "code",
    issuer: "<issuer>",
    discovery: true,
    client_auth_method: "basic",
    uid_field: "sub",
    pkce: true,
    client_options: {
      identifier: "<client_id>",
      secret: "<client_secret>",
      redirect_uri: "<url>/users/auth/openid_connect/callback"
    }
  }
}]""",
        "notes": ("Keep `uid_field` at `sub`: it is the only claim that never changes its owner.",),
    },
    "grafana": {
        "label": "Grafana",
        "redirect_uris": ("<url>/login/generic_oauth",),
        "post_logout_redirect_uris": ("<url>/login",),
        "metadata": {"require_pkce": True, "scopes": _WITH_ROLES},
        "place": "grafana.ini",
        "settings": """[server]
root_url = <url>

[auth.generic_oauth]
enabled = true
name = idp
client_id = <client_id>
client_secret = <client_secret>
scopes = openid profile email roles offline_access
auth_url = <issuer>/authorize
token_url = <issuer>/token
api_url = <issuer>/userinfo
use_pkce = true
use_refresh_token = true
login_attribute_path = preferred_username || email
role_attribute_path = contains(roles[*], 'admin') && 'Admin' || 'Viewer'
signout_redirect_url = <issuer>/end_session?post_logout_redirect_uri=<url>/login&client_id=<client_id>""",
    },
    "immich": {
        "label": "Immich",
        "redirect_uris": ("<url>/auth/login", "<url>/user-settings", "<url>/api/oauth/mobile-redirect"),
        "place": "Administration, Settings, OAuth Authentication",
        "settings": """Issuer URL: <issuer>
Client ID: <client_id>
Client Secret: <client_secret>
Scope: openid email profile
Signing Algorithm: RS256
Mobile Redirect URI Override: <url>/api/oauth/mobile-redirect""",
        "notes": (
            "With the override the phone app needs no custom scheme. Without it, register "
            "`app.immich:///oauth-callback` too, which needs `IDP_CLIENTS__ANY_CUSTOM_SCHEME=true`.",
        ),
    },
    "jupyterhub": {
        "label": "JupyterHub",
        "redirect_uris": ("<url>/hub/oauth_callback",),
        "metadata": {"require_pkce": True},
        "place": "jupyterhub_config.py, package oauthenticator",
        "settings": """from oauthenticator.generic import GenericOAuthenticator

c.JupyterHub.authenticator_class = GenericOAuthenticator
c.GenericOAuthenticator.client_id = "<client_id>"
c.GenericOAuthenticator.client_secret = "<client_secret>"
c.GenericOAuthenticator.oauth_callback_url = "<url>/hub/oauth_callback"
c.GenericOAuthenticator.authorize_url = "<issuer>/authorize"
c.GenericOAuthenticator.token_url = "<issuer>/token"
c.GenericOAuthenticator.userdata_url = "<issuer>/userinfo"
c.GenericOAuthenticator.scope = ["openid", "profile", "email"]
c.GenericOAuthenticator.enable_pkce = True
c.GenericOAuthenticator.username_claim = "preferred_username"
c.GenericOAuthenticator.allow_all = True""",
        "notes": (
            "JupyterHub keys its accounts by `username_claim`. A username here is unique and only the operator sets "
            "it, unless `IDP_ACCOUNTS__USERNAME_CHANGES` says otherwise; `sub` is safe in any case.",
        ),
    },
    "kubernetes": {
        "label": "Kubernetes (kubelogin)",
        "redirect_uris": ("http://localhost:8000", "http://localhost:18000"),
        "metadata": {"token_endpoint_auth_method": "none", "id_token_claims": True, "scopes": _WITH_GROUPS},
        "place": "the flags of kube-apiserver, and a shell of each person",
        "settings": """kube-apiserver \\
    --oidc-issuer-url=<issuer> \\
    --oidc-client-id=<client_id> \\
    --oidc-username-claim=sub \\
    --oidc-groups-claim=groups

kubectl oidc-login setup --oidc-issuer-url=<issuer> --oidc-client-id=<client_id> \\
    --oidc-extra-scope=email --oidc-extra-scope=groups --oidc-extra-scope=offline_access""",
        "notes": ("The API server reads only the ID token. `groups` are the roles of `idp user roles`.",),
    },
    "mastodon": {
        "label": "Mastodon",
        "redirect_uris": ("<url>/auth/auth/openid_connect/callback",),
        "place": ".env.production",
        "settings": """OIDC_ENABLED=true
OIDC_DISPLAY_NAME=idp
OIDC_ISSUER=<issuer>
OIDC_DISCOVERY=true
OIDC_SCOPE=openid,profile,email
OIDC_UID_FIELD=preferred_username
OIDC_CLIENT_ID=<client_id>
OIDC_CLIENT_SECRET=<client_secret>
OIDC_REDIRECT_URI=<url>/auth/auth/openid_connect/callback
OIDC_SECURITY_ASSUME_EMAIL_IS_VERIFIED=false""",
    },
    "miniflux": {
        "label": "Miniflux",
        "redirect_uris": ("<url>/oauth2/oidc/callback",),
        "metadata": {"require_pkce": True},
        "place": "the environment",
        "settings": """OAUTH2_PROVIDER=oidc
OAUTH2_CLIENT_ID=<client_id>
OAUTH2_CLIENT_SECRET=<client_secret>
OAUTH2_REDIRECT_URL=<url>/oauth2/oidc/callback
OAUTH2_OIDC_DISCOVERY_ENDPOINT=<issuer>
OAUTH2_USER_CREATION=1""",
    },
    "mod_auth_openidc": {
        "label": "Apache (mod_auth_openidc)",
        "redirect_uris": ("<url>/oidc/callback",),
        "post_logout_redirect_uris": ("<url>/",),
        "metadata": {"require_pkce": True, "scopes": ("openid", "profile", "email", "roles")},
        "place": "the virtual host",
        "settings": """OIDCProviderMetadataURL <issuer>/.well-known/openid-configuration
OIDCClientID <client_id>
OIDCClientSecret <client_secret>
OIDCRedirectURI <url>/oidc/callback
OIDCCryptoPassphrase "a long random text"
OIDCScope "openid profile email roles"
OIDCPKCEMethod S256
OIDCRemoteUserClaim sub

<Location />
    AuthType openid-connect
    Require valid-user
</Location>""",
        "notes": (
            "The application behind Apache reads the claims in the request headers `OIDC_CLAIM_sub`, "
            "`OIDC_CLAIM_email`, ...; a claim with several values, such as `roles`, has commas between them.",
            "`Require claim roles:admin` in place of `Require valid-user` admits only users with the role `admin`. "
            "The others get 401, or 403 with `AuthzSendForbiddenOnFailure On`.",
            "A link to `/oidc/callback?logout=` and the encoded URL of a page signs the user out here too. "
            "That URL must be among the client's `post_logout_redirect_uris`.",
            "For an API, `AuthType oauth20` introspects access tokens. Register the API with "
            "`idp client create --name API --grant client_credentials --audience` and the `aud` of its tokens. Set "
            "`OIDCOAuthServerMetadataURL` to the issuer and `/.well-known/oauth-authorization-server`, and "
            "`OIDCOAuthClientID` and `OIDCOAuthClientSecret` to what the command printed. Set "
            "`OIDCOAuthTokenIntrospectionInterval -1`, so that Apache asks at every request: a token that "
            "it keeps as valid may have been revoked since. The module itself recommends its successor for APIs, "
            "mod_oauth2, not tried here.",
        ),
        "tried": "tests/clients/test_mod_auth_openidc.py",
    },
    "nextcloud": {
        "label": "Nextcloud",
        "redirect_uris": ("<url>/apps/user_oidc/code", "<url>/index.php/apps/user_oidc/code"),
        "metadata": {"id_token_claims": True},
        "place": "a shell of the server, app user_oidc",
        "settings": """occ user_oidc:provider idp \\
    --clientid=<client_id> --clientsecret=<client_secret> \\
    --discoveryuri=<issuer>/.well-known/openid-configuration \\
    --scope="openid profile email" --mapping-uid=sub""",
        "notes": ("Nextcloud reads name and address from the ID token.",),
    },
    "oauth2-proxy": {
        "label": "OAuth2 Proxy",
        "redirect_uris": ("<url>/oauth2/callback",),
        "metadata": {"require_pkce": True},
        "place": "oauth2-proxy.cfg",
        "settings": """provider = "oidc"
oidc_issuer_url = "<issuer>"
client_id = "<client_id>"
client_secret = "<client_secret>"
redirect_url = "<url>/oauth2/callback"
scope = "openid profile email"
code_challenge_method = "S256"
email_domains = ["*"]
cookie_secret = "32 random bytes in base64\"""",
    },
    "outline": {
        "label": "Outline",
        "redirect_uris": ("<url>/auth/oidc.callback",),
        "metadata": {"require_pkce": False},
        "place": "the environment",
        "settings": """OIDC_CLIENT_ID=<client_id>
OIDC_CLIENT_SECRET=<client_secret>
OIDC_AUTH_URI=<issuer>/authorize
OIDC_TOKEN_URI=<issuer>/token
OIDC_USERINFO_URI=<issuer>/userinfo
OIDC_LOGOUT_URI=<issuer>/end_session
OIDC_USERNAME_CLAIM=preferred_username
OIDC_DISPLAY_NAME=idp
OIDC_SCOPES=openid profile email""",
        "notes": (
            "It sends neither PKCE nor a nonce in the versions known to us, so the client is exempted.",
        ),
    },
    "paperless": {
        "label": "Paperless-ngx",
        "redirect_uris": ("<url>/accounts/oidc/idp/login/callback/",),
        "metadata": {"require_pkce": True},
        "place": "the environment",
        "settings": """PAPERLESS_APPS=allauth.socialaccount.providers.openid_connect
PAPERLESS_SOCIALACCOUNT_PROVIDERS={"openid_connect": {"OAUTH_PKCE_ENABLED": true, "APPS": [{"provider_id": "idp", \
"name": "idp", "client_id": "<client_id>", "secret": "<client_secret>", "settings": {"server_url": "<issuer>"}}]}}""",
    },
    "pgadmin": {
        "label": "pgAdmin",
        "redirect_uris": ("<url>/oauth2/authorize",),
        "metadata": {"require_pkce": True},
        "place": "config_local.py",
        "settings": """AUTHENTICATION_SOURCES = ["oauth2", "internal"]
OAUTH2_AUTO_CREATE_USER = True
OAUTH2_CONFIG = [{
    "OAUTH2_NAME": "idp",
    "OAUTH2_DISPLAY_NAME": "idp",
    "OAUTH2_CLIENT_ID": "<client_id>",
    "OAUTH2_CLIENT_SECRET": "<client_secret>",
    "OAUTH2_SERVER_METADATA_URL": "<issuer>/.well-known/openid-configuration",
    "OAUTH2_AUTHORIZATION_URL": "<issuer>/authorize",
    "OAUTH2_TOKEN_URL": "<issuer>/token",
    "OAUTH2_API_BASE_URL": "<issuer>/",
    "OAUTH2_USERINFO_ENDPOINT": "userinfo",
    "OAUTH2_SCOPE": "openid profile email",
    "OAUTH2_CHALLENGE_METHOD": "S256",
    "OAUTH2_RESPONSE_TYPE": "code",
    "OAUTH2_USERNAME_CLAIM": "sub",
}]""",
    },
    "proxmox": {
        "label": "Proxmox VE",
        "redirect_uris": ("<url>",),
        "place": "a shell of the server",
        "settings": """pveum realm add idp --type openid --issuer-url <issuer> \\
    --client-id <client_id> --client-key <client_secret> \\
    --username-claim subject --scopes "openid profile email" --autocreate 1""",
        "notes": ("The URL has the port, and no path: `https://pve.example.com:8006`.",),
    },
    "social-auth": {
        "label": "Python Social Auth (Django)",
        "redirect_uris": ("<url>/complete/oidc/",),
        "metadata": {"require_pkce": True, "scopes": _WITH_GROUPS},
        "place": "settings.py, package social-auth-app-django",
        "settings": """AUTHENTICATION_BACKENDS = ["social_core.backends.open_id_connect.OpenIdConnectAuth"]
SOCIAL_AUTH_OIDC_OIDC_ENDPOINT = "<issuer>"
SOCIAL_AUTH_OIDC_KEY = "<client_id>"
SOCIAL_AUTH_OIDC_SECRET = "<client_secret>"
SOCIAL_AUTH_OIDC_USE_PKCE = True
SOCIAL_AUTH_OIDC_SCOPE = ["groups"]
SOCIAL_AUTH_OIDC_GROUPS_KEY = "groups"
SOCIAL_AUTH_OIDC_GROUPS_MAP = {"editors": ["Editors"]}
SOCIAL_AUTH_PIPELINE = (*DEFAULT_AUTH_PIPELINE, "social_core.pipeline.user.sync_groups")""",
        "notes": (
            "The redirect URI has the prefix under which `social_django.urls` is included; here there is none.",
            "The map leads from roles of `idp user roles` to groups that exist in Django. It needs version 7 of "
            "social-auth-core.",
        ),
        "tried": "tests/clients/test_social_auth.py",
    },
    "spring": {
        "label": "Spring Security",
        "redirect_uris": ("<url>/login/oauth2/code/idp",),
        "post_logout_redirect_uris": ("<url>/",),
        "place": "application.yml",
        "settings": """spring:
  security:
    oauth2:
      client:
        registration:
          idp:
            client-id: <client_id>
            client-secret: <client_secret>
            scope: openid, profile, email
        provider:
          idp:
            issuer-uri: <issuer>
            user-name-attribute: sub""",
        "notes": ("It sends a nonce with every OpenID request.",),
    },
    "streamlit": {
        "label": "Streamlit",
        "redirect_uris": ("<url>/oauth2callback",),
        "metadata": {"id_token_claims": True},
        "place": ".streamlit/secrets.toml",
        "settings": """[auth]
redirect_uri = "<url>/oauth2callback"
cookie_secret = "a long random text"
client_id = "<client_id>"
client_secret = "<client_secret>"
server_metadata_url = "<issuer>/.well-known/openid-configuration\"""",
        "notes": ("`st.user` shows what the ID token says.",),
    },
    "synapse": {
        "label": "Matrix Synapse",
        "redirect_uris": ("<url>/_synapse/client/oidc/callback",),
        "metadata": {"require_pkce": True},
        "place": "homeserver.yaml",
        "settings": """oidc_providers:
  - idp_id: idp
    idp_name: idp
    issuer: "<issuer>"
    client_id: "<client_id>"
    client_secret: "<client_secret>"
    scopes: ["openid", "profile", "email"]
    pkce_method: always
    user_mapping_provider:
      config:
        subject_claim: sub
        localpart_template: "{{ user.preferred_username }}"
        display_name_template: "{{ user.name }}\"""",
    },
    "vault": {
        "label": "HashiCorp Vault or OpenBao",
        "redirect_uris": ("<url>/ui/vault/auth/oidc/oidc/callback", "http://localhost:8250/oidc/callback"),
        "metadata": {"id_token_claims": True, "scopes": _WITH_GROUPS},
        "place": "a shell with a token of an administrator",
        "settings": """vault auth enable oidc
vault write auth/oidc/config oidc_discovery_url=<issuer> \\
    oidc_client_id=<client_id> oidc_client_secret=<client_secret> default_role=default
vault write auth/oidc/role/default user_claim=sub groups_claim=groups oidc_scopes=profile,email,groups \\
    allowed_redirect_uris=<url>/ui/vault/auth/oidc/oidc/callback \\
    allowed_redirect_uris=http://localhost:8250/oidc/callback token_policies=default""",
    },
    "vaultwarden": {
        "label": "Vaultwarden",
        "redirect_uris": ("<url>/identity/connect/oidc-signin",),
        "metadata": {"require_pkce": True, "scopes": _WITH_OFFLINE},
        "place": "the environment",
        "settings": """SSO_ENABLED=true
SSO_AUTHORITY=<issuer>
SSO_CLIENT_ID=<client_id>
SSO_CLIENT_SECRET=<client_secret>
SSO_SCOPES=profile email offline_access
SSO_PKCE=true""",
    },
}
