"""uvicorn, configured with bounds that it has no options for."""

import asyncio
import resource
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import uvicorn
import uvloop

from idp.config import ServerSettings
from idp.ops.http import BoundedHttpProtocol

TLS_SHUTDOWN_TIME: Final = 5.0
"""Seconds that the other side has to take part in the end of a TLS connection."""
SPARE_FILES: Final = 256
"""Files that a worker needs beside its connections: database, Redis, mail, providers, log."""
MOST_FILES: Final = 65_536


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration with `bounds`. It goes to worker processes as it is."""

    def __init__(
        self, app: Any, *, bounds: ServerSettings, trusted_proxies: tuple[str, ...], **options: Any
    ) -> None:
        super().__init__(app, http=BoundedHttpProtocol, ws="none", **options)
        self.bounds = bounds
        self.trusted_proxies = trusted_proxies

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop]:
        """Return what makes the event loop."""
        return partial(_Loop, self.bounds.tls_handshake_timeout)


class _Loop(uvloop.Loop):
    """uvloop with a shorter time for TLS handshakes than its 60 s."""

    def __init__(self, handshake_time: float) -> None:
        super().__init__()
        self._handshake_time = handshake_time

    async def create_server(self, *arguments: Any, **options: Any) -> Any:
        """Listen."""
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", self._handshake_time)
            options.setdefault("ssl_shutdown_timeout", TLS_SHUTDOWN_TIME)
        return await super().create_server(*arguments, **options)


def allow_files(connections: int) -> int | None:
    """Raise this process's limit on open files as far as the connections need it.

    Returns how many connections fit when they are fewer than `connections`, else None.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min((connections or MOST_FILES - SPARE_FILES) + SPARE_FILES, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    if soft == resource.RLIM_INFINITY or not connections or soft >= connections + SPARE_FILES:
        return None
    return max(0, soft - SPARE_FILES)
