"""Stand-ins for Google and GitHub on loopback, for development and tests. Production never loads this room.

They speak the shapes of the real ones (discovery, ID tokens, form-encoded answers, rate limits) and let one
choose who to be. They check what the real ones check: client, redirect URI, PKCE, single use of codes.
"""

from starlette.applications import Starlette
from starlette.routing import Mount

from idp.dev.upstreams.github import GitHubStandIn
from idp.dev.upstreams.google import GoogleStandIn
from idp.dev.upstreams.people import PEOPLE
from idp.dev.upstreams.standin import CLIENT_ID, CLIENT_SECRET, StandIn

GOOGLE_PATH, GITHUB_PATH = "/upstreams/google", "/upstreams/github"

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "GITHUB_PATH",
    "GOOGLE_PATH",
    "PEOPLE",
    "GitHubStandIn",
    "GoogleStandIn",
    "StandIn",
    "mounts",
    "settings_for",
]


def mounts(base_url: str) -> list[Mount]:
    """Return both stand-ins for a server at `base_url`."""
    return [
        Mount(GOOGLE_PATH, GoogleStandIn(base_url + GOOGLE_PATH).app),
        Mount(GITHUB_PATH, GitHubStandIn(base_url + GITHUB_PATH).app),
    ]


def settings_for(base_url: str) -> dict[str, dict[str, object]]:
    """Return the settings of the providers `google` and `github` that lead to the stand-ins."""
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return {
        "google": {**client, "type": "google", "issuer": base_url + GOOGLE_PATH},
        "github": {**client, "type": "github", "base_url": base_url + GITHUB_PATH},
    }


def create_app(base_url: str) -> Starlette:
    """Return both stand-ins as one application."""
    return Starlette(routes=[*mounts(base_url)])
