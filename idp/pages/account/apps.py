"""/account/apps: which apps have access, to what, since when, and taking it away."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.pages.consent import SCOPE_TEXTS


class AppsPage(ConsolePage):
    """The apps, by name."""

    path = "/account/apps"
    template = "account/apps.html"

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Show the apps with what they may do, in the words of the consent page."""
        del request, form
        apps = [
            {
                "client_id": app.client_id,
                "name": app.name,
                "since": app.since,
                "scopes": [SCOPE_TEXTS[scope][0] if scope in SCOPE_TEXTS else scope for scope in app.scopes],
            }
            for app in await self.self_service.apps(session.user_id)
        ]
        return {"apps": apps}

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """Take an app's access away."""
        del request
        await self.self_service.revoke_app(session.user_id, form.get("client_id", ""))
        return self.done("revoked")
