"""/account/data: everything that is kept about a user, as a file."""

from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.responses import Response, StreamingResponse

from idp.identity.accounts import Accounts
from idp.identity.data_export import DataExport
from idp.oauth.http import NO_STORE
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts


class DataPage(ConsolePage):
    """The download, and the way to deletion."""

    path = "/account/data"
    template = "account/data.html"
    recent = True
    texts: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, parts: PageParts, gate: AccountGate, accounts: Accounts, data: DataExport) -> None:
        super().__init__(parts, gate, accounts)
        self._data = data

    async def take(self, visit: AccountVisit) -> Response | None:
        """Send the file."""
        headers = {"Content-Disposition": 'attachment; filename="account.json"', **NO_STORE}
        document = await self._data.of(visit.account)
        return StreamingResponse(document, media_type="application/json", headers=headers)
