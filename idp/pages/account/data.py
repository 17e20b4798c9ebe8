"""/account/data: everything that is kept about a person, as a file."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.responses import Response

from idp.oauth.http import NO_STORE
from idp.pages.account.console import AccountVisit, ConsolePage


class DataPage(ConsolePage):
    """The download, and the way to deletion."""

    path = "/account/data"
    template = "account/data.html"
    recent = True
    texts: ClassVar[Mapping[str, Any]] = {}

    async def take(self, visit: AccountVisit) -> Response | None:
        """Send the file."""
        document = json.dumps(await self.self_service.export(visit.user_id), indent=2, ensure_ascii=False)
        headers = {"Content-Disposition": 'attachment; filename="account.json"', **NO_STORE}
        return Response(document, media_type="application/json", headers=headers)
