"""/account/apps: which apps have access, to what, since when, and taking it away."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from idp.federation.registry import Providers
from idp.identity.accounts import Accounts
from idp.identity.connected_apps import ConnectedApps
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.pages.scopes import scope_view


class AppsPage(ConsolePage):
    """The apps, by name."""

    path = "/account/apps"
    template = "account/apps.html"

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        accounts: Accounts,
        apps: ConnectedApps,
        providers: Providers,
    ) -> None:
        super().__init__(parts, gate, accounts)
        self._apps = apps
        self._providers = providers

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Show the apps with what they may do, in the words of the consent page."""
        labels = await self._providers.labels()
        apps = [
            {
                "client_id": app.client_id,
                "name": app.name,
                "since": app.since,
                "scopes": [scope_view(scope, labels).title for scope in app.scopes],
            }
            for app in await self._apps.of_user(visit.user_id)
        ]
        return {"apps": apps}

    async def take(self, visit: AccountVisit) -> Response | None:
        """Take an app's access away."""
        await self._apps.revoke(visit.user_id, visit.form.get("client_id", ""))
        return self.done("revoked")
