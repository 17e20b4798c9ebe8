"""`idp dev`: the provider, a demo app and everything they need, in one process on loopback."""

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import uvicorn
from sqlalchemy.engine import make_url
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from idp.app import application, build_provider
from idp.config import Settings, load_settings
from idp.dev import seed, upstreams
from idp.dev.relying_app import create_relying_app
from idp.errors import ConfigurationError
from idp.ops.logging import configure_logging
from idp.ops.loopback import LoopbackOnly
from idp.storage import migrations

STARTED_VARIABLE = "DEMO_STARTED"
"""When the command was given, in Unix seconds, if somebody noted it before us (`make run`)."""


def run(port: int, demo_port: int, host: str = "127.0.0.1") -> None:
    """Run until interrupted; raise `ConfigurationError` when a port is taken."""
    started = float(os.environ.get(STARTED_VARIABLE) or time.time())
    if port == demo_port:
        raise ConfigurationError("The provider and the demo app need two different ports.")
    sockets = [_listen(host, port, "--port"), _listen(host, demo_port, "--demo-port")]
    settings = load_settings(
        issuer=f"http://localhost:{port}",
        dev=True,
        log={"format": "text", "level": "warning"},
        federation=_stand_ins(f"http://localhost:{demo_port}"),
    )
    configure_logging(settings.log)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(settings, f"http://localhost:{demo_port}", sockets, started))


def _stand_ins(base_url: str) -> dict[str, object]:
    """Return the settings of the providers that are none, but for those that the environment configures."""
    configured = load_settings().federation.providers
    names = {
        name: values for name, values in upstreams.settings_for(base_url).items() if name not in configured
    }
    return {"allow_private_addresses": True, **names}


async def _serve(settings: Settings, demo_url: str, sockets: list[socket.socket], started: float) -> None:
    provider = build_provider(settings)
    await migrations.upgrade(provider.database)
    await provider.keyring.ensure()
    secret = await seed.seed(provider, demo_url)
    demo = create_relying_app(
        issuer=settings.issuer,
        base_url=demo_url,
        client_id=seed.DEMO_CLIENT,
        client_secret=secret,
    )
    demo = Starlette(
        routes=[*upstreams.mounts(demo_url), Mount("/", demo)],
        middleware=[Middleware(LoopbackOnly)],
        lifespan=demo.router.lifespan_context,  # a mounted app's own is not run
    )
    main = uvicorn.Server(_config(application(provider)))
    beside = _Beside(_config(demo))
    serving = asyncio.create_task(beside.serve([sockets[1]]))
    announcing = asyncio.create_task(_announce(main, beside, settings, demo_url, started))
    try:
        await main.serve([sockets[0]])
    finally:
        beside.should_exit = True
        announcing.cancel()
        await asyncio.gather(serving, announcing, return_exceptions=True)


def _config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # any ASGI application
        loop="uvloop",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


class _Beside(uvicorn.Server):
    """A second server in the process; the first one listens to the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int, option: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise ConfigurationError(
            f"Port {port} is taken by another program: stop it, or choose another with {option}."
        ) from error
    sock.listen(128)
    return sock


async def _announce(
    main: uvicorn.Server, beside: uvicorn.Server, settings: Settings, demo_url: str, started: float
) -> None:
    while not (main.started and beside.started):  # noqa: ASYNC110  uvicorn tells it by nothing else
        await asyncio.sleep(0.01)
    print(  # noqa: T201  this is what the command is for
        banner(settings, demo_url, time.time() - started),
        file=sys.stdout,
        flush=True,
    )


def banner(settings: Settings, demo_url: str, seconds: float) -> str:
    """Return what the demo says when it is ready, `seconds` after the command was given."""
    issuer = settings.issuer
    people = "\n".join(f"    {person.email:<20} {person.password}" for person in seed.PEOPLE)
    database = urlsplit(settings.database_url).scheme
    begin_anew = "choose an empty database"
    if database.startswith("sqlite"):  # the URL of another may have a password
        database += f" ({settings.database_url})"
        file = make_url(settings.database_url).database
        begin_anew = f"delete {file}" if file else begin_anew
    other_issuer = (
        ""
        if issuer == Settings.model_fields["issuer"].default
        else f"""
  For idp in another terminal:  export IDP_ISSUER={issuer}
  For the apps in examples/:    export ISSUER={issuer}
"""
    )
    return f"""
  Open {demo_url} and press "Sign in". Sign in as

{people}

    Demo app    {demo_url}
    Provider    {issuer}/.well-known/openid-configuration
    Account     {issuer}/account
    Mail        {issuer}/dev/mail
{other_issuer}
  Passwords that you change stay changed. To start over, stop and {begin_anew}.
  Ready in {seconds:.1f} s, on {database}, for this machine only. Stop with Ctrl+C.
"""
