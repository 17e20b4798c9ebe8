"""/account/security/recovery-codes: making them, and showing them once."""

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from idp.errors import InvalidValue
from idp.identity.enrolled_factors import EnrolledFactors
from idp.identity.factors.recovery_codes import ALPHABET, RecoveryCodes
from idp.identity.self_service import SelfService
from idp.oauth.http import NO_STORE
from idp.pages.desk import Desk
from idp.pages.render import ClientView

PATH = "/account/security/recovery-codes"
PURPOSE = "recovery_codes"
DOWNLOAD = "recovery_codes_download"

_CODES = re.compile(rf"[{ALPHABET}\- ]{{1,400}}")


def show_codes(
    desk: Desk, browser: str, codes: Sequence[str], next_url: str, client: ClientView | None = None
) -> Response:
    """Return the page that shows new codes, the only time that they are seen."""
    return desk.renderer.page(
        "recovery_codes.html",
        client=client,
        csrf=desk.forms.token(browser, DOWNLOAD, None),
        codes=codes,
        download_url=desk.path(f"{PATH}/download"),
        next_url=next_url,
    )


class RecoveryCodesPage:
    """Makes new codes."""

    def __init__(
        self, desk: Desk, accounts: SelfService, codes: RecoveryCodes, enrolled: EnrolledFactors
    ) -> None:
        self._desk = desk
        self._accounts = accounts
        self._codes = codes
        self._enrolled = enrolled

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.make, methods=["POST"]),
            Route(f"{PATH}/download", self.download, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Say how many are left, and offer new ones."""
        desk = self._desk
        session = await desk.recently_proven(request, PATH)
        if isinstance(session, Response):
            return session
        browser = desk.cookies.browser_or_new(request)
        response = desk.renderer.page(
            "recovery_codes_make.html",
            csrf=desk.forms.token(browser, PURPOSE, None),
            action=desk.path(PATH),
            left=await self._codes.left(session.user_id),
            possible=await self._desk.second_factors.is_enrolled(session.user_id),
            back_url=desk.path("/account/security"),
        )
        desk.cookies.keep_browser(request, response, browser)
        return response

    async def make(self, request: Request) -> Response:
        """Make new ones; the old ones are void."""
        desk = self._desk
        await desk.form(request, PURPOSE)
        session = await desk.recently_proven(request, PATH)
        if isinstance(session, Response):
            return session
        if not await self._desk.second_factors.is_enrolled(session.user_id):
            raise InvalidValue("Set up an authenticator app or a passkey first.")
        user = await self._accounts.get(session.user_id)
        codes = await self._codes.make(user.id)
        await self._enrolled.tell_owner(user)
        browser = desk.cookies.browser(request) or ""
        return show_codes(desk, browser, codes, desk.path("/account/security"))

    async def download(self, request: Request) -> Response:
        """Return the codes that the page shows as a file; we do not have them any more."""
        form = await self._desk.form(request, DOWNLOAD)
        codes = form.get("codes", "")
        if not _CODES.fullmatch(codes):
            raise InvalidValue("There are no codes to save.")
        name = self._desk.settings.brand.name
        text = "\n".join([f"{name}: {self._desk.settings.issuer}", "", *codes.split(), ""])
        headers = {"Content-Disposition": 'attachment; filename="recovery-codes.txt"', **NO_STORE}
        return PlainTextResponse(text, headers=headers)
