"""The documents that let clients find everything else. Rendered once; the keys whenever they change."""

import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.config import Settings
from idp.keys.keyring import Keyring
from idp.oauth import paths
from idp.ops.documents import Document

METADATA_TTL = 3600
"""Seconds for which a client may keep the metadata."""
JWKS_TTL = 300
"""Seconds for which a client may keep the keys; new ones are published long before they sign."""


class DiscoveryEndpoints:
    """Discovery, authorization server metadata, and JWKS."""

    def __init__(self, settings: Settings, metadata: Mapping[str, object], keyring: Keyring) -> None:
        self._base_path = settings.base_path
        self._document = json.dumps(metadata).encode()
        self._keyring = keyring

    @property
    def routes(self) -> list[Route]:
        """Their routes below the issuer."""
        return [
            Route(paths.OPENID_CONFIGURATION, self.metadata, methods=["GET"]),
            Route(paths.SERVER_METADATA, self.metadata, methods=["GET"]),
            Route(paths.JWKS, self.jwks, methods=["GET"]),
        ]

    @property
    def root_routes(self) -> list[Route]:
        """Where RFC 8414 §3.1 wants them when the issuer has a path: between host and path."""
        if not self._base_path:
            return []
        return [
            Route(f"{path}{self._base_path}", self.metadata, methods=["GET"])
            for path in (paths.SERVER_METADATA, paths.OPENID_CONFIGURATION)
        ]

    @property
    def documents(self) -> list[Document]:
        """The same, for what answers before routing."""
        served = [(f"{self._base_path}{route.path}", route) for route in self.routes]
        served += [(route.path, route) for route in self.root_routes]
        return [
            Document(path, Route(path, route.endpoint), lambda: self._keyring.jwks_bytes, JWKS_TTL)
            if route.endpoint == self.jwks
            else Document(path, Route(path, route.endpoint), lambda: self._document, METADATA_TTL)
            for path, route in served
        ]

    async def metadata(self, _request: Request) -> Response:
        """Answer with the metadata."""
        return _document(self._document, METADATA_TTL)

    async def jwks(self, _request: Request) -> Response:
        """Answer with the published keys."""
        return _document(self._keyring.jwks_bytes, JWKS_TTL)


def _document(body: bytes, ttl: int) -> Response:
    headers = {"Cache-Control": f"public, max-age={ttl}"}
    return Response(body, media_type="application/json", headers=headers)
