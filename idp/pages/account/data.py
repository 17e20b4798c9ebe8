"""/account/data: everything that is kept about a person, as a file."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.identity.sessions import CurrentSession
from idp.oauth.http import NO_STORE
from idp.pages.account.console import ConsolePage


class DataPage(ConsolePage):
    """The download, and the way to deletion."""

    path = "/account/data"
    template = "account/data.html"
    recent = True

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Nothing but the button."""
        del request, session, form
        return {}

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """Send the file."""
        del request, form
        document = json.dumps(await self.self_service.export(session.user_id), indent=2, ensure_ascii=False)
        headers = {"Content-Disposition": 'attachment; filename="account.json"', **NO_STORE}
        return Response(document, media_type="application/json", headers=headers)
