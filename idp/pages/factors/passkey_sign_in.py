"""/login/passkey: the challenge for signing in with nothing but a passkey.

The page's script asks for it when it is needed; the answer comes back with the sign-in form.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.identity.factors.passkeys import Passkeys
from idp.oauth.http import NO_STORE
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk

PURPOSE = "login"
"""The sign-in form's own: the challenge is part of it."""


class PasskeyChallenge:
    """Hands out challenges."""

    def __init__(self, desk: Desk, passkeys: Passkeys, admission: FormAdmission) -> None:
        self._desk = desk
        self._passkeys = passkeys
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route("/login/passkey", self.begin, methods=["POST"])]

    async def begin(self, request: Request) -> Response:
        """Answer with the options for `navigator.credentials.get`."""
        await self._desk.form(request, PURPOSE)
        self._admission.check(request)
        ceremony = await self._passkeys.begin_sign_in()
        body = f'{{"ceremony":"{ceremony.id}","options":{ceremony.options}}}'
        return Response(body, media_type="application/json", headers=NO_STORE)
