"""/account/security/recovery-codes: making them, and showing them once."""

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from idp.config import Settings
from idp.errors import InvalidValue
from idp.flow.visits import Browser
from idp.identity import page_paths
from idp.identity.accounts import Accounts
from idp.identity.enrolled_factors import EnrolledFactors
from idp.identity.factors.recovery_codes import ALPHABET, RecoveryCodes
from idp.identity.second_factor import SecondFactors
from idp.oauth.http import NO_STORE
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.pages.render import ClientView
from idp.web.forms import purpose_in

PATH = f"{page_paths.SECURITY}/recovery-codes"
PURPOSE = "recovery_codes"
DOWNLOAD = "recovery_codes_download"

_CODES = re.compile(rf"[{ALPHABET}\- ]{{1,400}}")


def show_codes(
    parts: PageParts,
    browser: Browser,
    codes: Sequence[str],
    next_url: str,
    client: ClientView | None = None,
) -> Response:
    """Return the page that shows new codes, the only time that they are seen."""
    return parts.renderer.page(
        "recovery_codes.html",
        client=client,
        csrf=parts.edge.token(browser, DOWNLOAD),
        codes=codes,
        download_url=parts.path(f"{PATH}/download"),
        next_url=next_url,
    )


class RecoveryCodesPage:
    """Makes new codes."""

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        settings: Settings,
        accounts: Accounts,
        codes: RecoveryCodes,
        second_factors: SecondFactors,
        enrolled: EnrolledFactors,
    ) -> None:
        self._parts = parts
        self._edge = parts.edge
        self._gate = gate
        self._settings = settings
        self._accounts = accounts
        self._codes = codes
        self._second_factors = second_factors
        self._enrolled = enrolled

    @property
    def routes(self) -> list[Route]:
        """The page, its form, and the codes as a file."""
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.make, methods=["POST"]),
            Route(f"{PATH}/download", self.download, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Say how many are left, and offer new ones."""
        session = await self._gate.enter(request, PATH, recent=True, strong=True)
        if isinstance(session, Response):
            return session
        browser = self._edge.named_browser(request)
        response = self._parts.renderer.page(
            "recovery_codes_make.html",
            csrf=self._edge.token(browser, purpose_in(session.id, PURPOSE)),
            action=self._parts.path(PATH),
            left=await self._codes.left(session.user_id),
            possible=await self._second_factors.is_enrolled(session.user_id),
            back_url=self._parts.path(page_paths.SECURITY),
        )
        self._edge.keep_name(request, response, browser)
        return response

    async def make(self, request: Request) -> Response:
        """Make new ones; the old ones are void."""
        session = await self._gate.enter(request, PATH, recent=True, strong=True)
        if isinstance(session, Response):
            return session
        await self._edge.form(request, purpose_in(session.id, PURPOSE))
        if not await self._second_factors.is_enrolled(session.user_id):
            raise InvalidValue("Set up an authenticator app or a passkey first.")
        user = await self._accounts.proven(session.account)
        codes = await self._codes.make(user)
        await self._enrolled.tell_owner(user)
        browser = self._edge.browser(request)
        return show_codes(self._parts, browser, codes, self._parts.path(page_paths.SECURITY))

    async def download(self, request: Request) -> Response:
        """Return the codes that the page shows as a file; we do not have them any more."""
        codes = (await self._edge.form(request, DOWNLOAD)).get("codes", "")
        if not _CODES.fullmatch(codes):
            raise InvalidValue("There are no codes to save.")
        heading = f"{self._settings.brand.name}: {self._settings.issuer}"
        text = "\n".join([heading, "", *codes.split(), ""])
        headers = {"Content-Disposition": 'attachment; filename="recovery-codes.txt"', **NO_STORE}
        return PlainTextResponse(text, headers=headers)
