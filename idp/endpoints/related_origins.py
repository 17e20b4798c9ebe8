"""/.well-known/webauthn: the origins at which our passkeys may be used too (WebAuthn level 3 §5.11)."""

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.config import Settings

TTL = 3600


class RelatedOrigins:
    """Served at the root of the host, whatever path the issuer has; not at all without such origins."""

    def __init__(self, settings: Settings) -> None:
        origins = settings.second_factor.passkey_origins
        self._document = json.dumps({"origins": [settings.origin, *origins]}) if origins else None

    @property
    def routes(self) -> list[Route]:
        """Its routes."""
        return [Route("/.well-known/webauthn", self.show, methods=["GET"])] if self._document else []

    async def show(self, _request: Request) -> Response:
        """Answer with them."""
        headers = {"Cache-Control": f"public, max-age={TTL}"}
        return Response(self._document, media_type="application/json", headers=headers)
