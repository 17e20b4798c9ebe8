"""The files that pages load: stylesheets, the one script of form_post, icons.

They are read once at start and served from memory by exact name, so no request reaches the file system.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file in memory, with a version that changes with its content."""

    content: bytes
    media_type: str
    version: str

    @classmethod
    def of(cls, name: str, content: bytes) -> "Asset":
        """Return the file as it is served; raise `ValueError` for an extension that pages do not use."""
        media_type = MEDIA_TYPES.get(Path(name).suffix)
        if media_type is None:
            raise ValueError(f"static file {name!r} has a type that is not served: {sorted(MEDIA_TYPES)}")
        return cls(content, media_type, hashlib.sha256(content).hexdigest()[:16])


def load_assets(directory: Path, generated: Mapping[str, str]) -> dict[str, Asset]:
    """Return by name every file directly in `directory` that is not hidden, and the `generated` ones."""
    files = (path for path in sorted(directory.iterdir()) if path.is_file() and path.name[0] != ".")
    assets = {path.name: Asset.of(path.name, path.read_bytes()) for path in files}
    return assets | {name: Asset.of(name, text.encode()) for name, text in generated.items()}


class StaticPages:
    """Serves `Renderer.assets` below the path that `Renderer` writes into the pages."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self._assets = assets

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """One for all files."""
        return [Route("/static/{name}", self._serve, methods=["GET"])]

    async def _serve(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return PlainTextResponse("Not found", status_code=404, headers={"Cache-Control": "no-store"})
        etag = f'"{asset.version}"'
        # A URL with another version is asked for while two releases run side by side: answer, but do
        # not let this content be kept for a year under that release's name.
        current = request.query_params.get("v") == asset.version
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if current else "public, no-cache",
            "ETag": etag,
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; style-src 'self'",
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers={**headers, "Content-Type": asset.media_type})
