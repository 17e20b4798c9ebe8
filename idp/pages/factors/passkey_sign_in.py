"""/login/passkey: the challenge for signing in with nothing but a passkey.

The page's script asks for it when it is needed; the answer comes back with the sign-in form.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.identity.factors.passkeys import Passkeys
from idp.oauth.http import NO_STORE
from idp.pages.login import LoginPage
from idp.pages.parts import PageParts


class PasskeyChallenge:
    """Hands out challenges."""

    def __init__(self, parts: PageParts, passkeys: Passkeys) -> None:
        self._parts = parts
        self._passkeys = passkeys

    @property
    def routes(self) -> list[Route]:
        """One address, for the script of the sign-in page."""
        return [Route("/login/passkey", self.begin, methods=["POST"])]

    async def begin(self, request: Request) -> Response:
        """Answer the sign-in form, whose token this takes, with the options for `navigator.credentials.get`."""
        await self._parts.edge.form(request, LoginPage.purpose)
        self._parts.admission.check(request)
        ceremony = await self._passkeys.begin_sign_in()
        body = f'{{"ceremony":"{ceremony.id}","options":{ceremony.options}}}'
        return Response(body, media_type="application/json", headers=NO_STORE)
