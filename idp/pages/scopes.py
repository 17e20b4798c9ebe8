"""What a scope allows, in words for the user."""

from collections.abc import Mapping
from dataclasses import dataclass

from idp.federation.upstream import SCOPE_PREFIX
from idp.oauth.authorization_request import AuthorizationRequest
from idp.oauth.scopes import SCOPE_CLAIMS, claims_of
from idp.text import Text

TEXTS: Mapping[str, tuple[str, str]] = {
    "openid": (Text("Recognise you"), Text("An identifier that stays the same when you come back")),
    "profile": (Text("See your profile"), Text("Name, picture, language and other details you have entered")),
    "email": (Text("See your email address"), Text("And whether it has been verified")),
    "address": (Text("See your postal address"), Text("The one in your profile")),
    "phone": (Text("See your phone number"), Text("And whether it has been verified")),
    "tier": (Text("See what you have subscribed to"), Text("The tier of your account here")),
    "roles": (Text("See your roles"), Text("What you may do in apps of this service")),
    "groups": (Text("See your groups"), Text("What you may do in apps of this service")),
    "account": (Text("Manage your account here"), Text("Your profile, sessions and apps")),
    "offline_access": (Text("Keep access while you are away"), Text("Until you take it back")),
}


@dataclass(frozen=True, slots=True)
class ScopeView:
    """A line of the list of what is asked for."""

    name: str
    title: str
    detail: str


def scope_view(scope: str, providers: Mapping[str, str]) -> ScopeView:
    """Return the line of a scope; `providers` are the labels of providers by name."""
    if scope in TEXTS:
        return ScopeView(scope, *TEXTS[scope])
    if scope.startswith(SCOPE_PREFIX):
        name = scope.removeprefix(SCOPE_PREFIX)
        provider = providers.get(name, name)
        return ScopeView(
            scope,
            Text("Use your %(provider)s account in your name", provider=provider),
            Text("For whatever you allowed when you signed in with %(provider)s", provider=provider),
        )
    return ScopeView(scope, scope, Text("A permission that this app defines"))


def scope_views(authorization: AuthorizationRequest, providers: Mapping[str, str]) -> list[ScopeView]:
    """Return the lines of the list: scopes, then single claims that no scope covers."""
    views = [scope_view(scope, providers) for scope in authorization.scopes]
    covered = claims_of(authorization.scopes)
    for name in sorted(authorization.claims.names - covered):
        scope = next((s for s, names in SCOPE_CLAIMS.items() if name in names), None)
        if scope is not None and all(view.name != scope for view in views):
            views.append(scope_view(scope, providers))
    return views
