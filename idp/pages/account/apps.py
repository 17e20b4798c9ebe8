"""/account/apps: which apps have access, to what, since when, and taking it away."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.federation.registry import Providers
from idp.identity.self_service import SelfService
from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
from idp.pages.scopes import scope_view


class AppsPage(ConsolePage):
    """The apps, by name."""

    path = "/account/apps"
    template = "account/apps.html"

    def __init__(
        self, desk: Desk, self_service: SelfService, admission: FormAdmission, providers: Providers
    ) -> None:
        super().__init__(desk, self_service, admission)
        self._providers = providers

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Show the apps with what they may do, in the words of the consent page."""
        del request, form
        labels = await self._providers.labels()
        apps = [
            {
                "client_id": app.client_id,
                "name": app.name,
                "since": app.since,
                "scopes": [scope_view(scope, labels).title for scope in app.scopes],
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
