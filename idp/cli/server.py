"""`idp serve`, `idp dev` and `idp migrate`."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.context import require_migrated, run, say
from idp.cli.context import settings as read_settings
from idp.errors import ConfigurationError, IdpError, InvalidValue

if TYPE_CHECKING:
    from idp.config import Settings

FACTORY = "idp.app:create_app"
GRACE = 20
"""Seconds in which running requests must end at shutdown."""
KEEP_ALIVE = 65
"""Seconds that an idle connection stays open: longer than load balancers keep theirs (60)."""
WORKER_PATIENCE = 30
"""Seconds that a worker may be silent before it is replaced. One that starts on a busy machine may need a few."""
BACKLOG = 2048


def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="The number of processes.")] = 1,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", help="The certificate chain (PEM), to serve https without a proxy."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="The certificate's private key (PEM).")
    ] = None,
) -> None:
    """Run the provider."""
    from idp.config import is_loopback

    settings = read_settings()
    check_tls(tls_cert, tls_key)
    if settings.dev and not is_loopback(host):
        raise ConfigurationError(
            f"IDP_DEV shows every mail and every reason to everybody, so it cannot be used with --host {host}: "
            "unset IDP_DEV, or listen on 127.0.0.1."
        )
    faults = run(find_faults(settings))
    if faults:
        raise ConfigurationError("\n".join(faults))
    if settings.database_url.startswith("sqlite") and workers > 1:
        typer.echo(
            "Only one worker at a time can write to SQLite; for several workers PostgreSQL is the better choice.",
            err=True,
        )
    listening = listen(host, port)
    scheme = "http" if tls_cert is None else "https"
    say(f"Listening on {scheme}://{_authority(host, port)} for {settings.issuer}", err=True)
    with listening, _shared_metrics(workers):
        _serve(settings, listening, workers, tls_cert, tls_key)


def dev(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The provider's port.")] = 8000,
    demo_port: Annotated[
        int, typer.Option("--demo-port", min=1, max=65535, help="The demo app's port.")
    ] = 8001,
    host: Annotated[str, typer.Option("--host", help="The loopback address to listen on.")] = "127.0.0.1",
) -> None:
    """Run the provider with a demo app and demo users, on this machine only."""
    from idp.config import is_loopback

    if not is_loopback(host):
        raise InvalidValue(
            f"idp dev shows its secrets to every visitor, so it listens on this machine only, not on {host}. "
            "Use idp serve if other machines must reach the provider.",
            field="host",
        )
    if port == demo_port:
        raise InvalidValue("The provider and the demo app need two different ports.", field="demo_port")
    for number in (port, demo_port):
        listen(host, number).close()
    from idp.dev import runner

    runner.run(port, demo_port)


def migrate(
    to: Annotated[
        str, typer.Option("--to", metavar="REV", help="The revision to migrate to; base removes every table.")
    ] = "head",
) -> None:
    """Bring the database to the schema that this program needs."""
    settings = read_settings()

    async def work() -> tuple[str | None, str | None]:
        from alembic.util.exc import CommandError

        from idp.storage import migrations
        from idp.storage.database import Database
        from idp.trust import Trust

        database = Database(settings.database_url, settings.database, Trust(settings.outgoing.ca))
        try:
            before = await migrations.current(database)
            try:
                if to != "head" and _is_older(to, before):
                    await migrations.downgrade(database, to)
                else:
                    await migrations.upgrade(database, to)
            except CommandError as error:
                raise InvalidValue(
                    f"There is no migration {to[:80]}.", field="to", detail=str(error)
                ) from error
            return before, await migrations.current(database)
        finally:
            await database.close()

    before, after = run(work())
    if before == after:
        typer.echo(f"The database is at revision {after or 'base'} already.")
    else:
        typer.echo(f"The database went from revision {before or 'base'} to {after or 'base'}.")


def _is_older(revision: str, current: str | None) -> bool:
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    from idp.resources import MIGRATIONS

    if revision == "base" or current is None:
        return current is not None
    try:
        script = ScriptDirectory(str(MIGRATIONS))
        older = {found.revision for found in script.iterate_revisions(current, "base")}
        return script.get_revision(revision).revision in older - {current}
    except CommandError:
        return False


async def find_faults(settings: "Settings") -> list[str]:
    """Return a sentence for each fault that keeps the provider from starting."""
    from idp.clock import SystemClock
    from idp.keys.keyring import Keyring
    from idp.keys.master import load_master_key
    from idp.storage.database import Database
    from idp.trust import Trust

    faults: list[str] = []
    master_key = None
    try:
        master_key = load_master_key(settings)
    except ConfigurationError as error:
        faults.append(error.sentence)
    try:
        database = Database(settings.database_url, settings.database, Trust(settings.outgoing.ca))
    except ConfigurationError as error:
        return [*faults, error.sentence]
    try:
        await require_migrated(database)
        if master_key is not None:  # and it opens the keys that are stored
            await Keyring(database, master_key, settings, SystemClock()).reload()
    except ConfigurationError as error:
        faults.append(error.sentence)
    except IdpError as error:
        faults.append(error.for_operator)
    finally:
        await database.close()
    if settings.redis_url is not None:
        from idp.storage.ephemeral.redis import connection_options

        try:
            connection_options(settings.redis_url, Trust(settings.outgoing.ca))
        except ConfigurationError as error:
            faults.append(error.sentence)
    return faults


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Raise `InvalidValue` unless both files are given and belong together, or neither is given."""
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise InvalidValue("Give both --tls-cert and --tls-key, or neither.", field="tls")
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        raise InvalidValue(
            f"{certificate} and {key} are not a certificate and its unencrypted key in PEM form "
            f"({error.reason or 'unreadable'}).",
            field="tls",
        ) from error
    except OSError as error:
        missing = key if certificate.is_file() else certificate
        raise InvalidValue(f"{missing} cannot be read: {error.strerror}.", field="tls") from error


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, or raise `ConfigurationError` with one sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"{host} is not an address of this machine: {error.strerror}.") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except PermissionError as error:
        listening.close()
        raise ConfigurationError(f"This user may not listen on port {port}; use one above 1023.") from error
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"Cannot listen on {_authority(host, port)}: {(error.strerror or 'no reason given').lower()}. "
            "Stop what uses the port, or choose another with --port."
        ) from error
    listening.set_inheritable(True)
    return listening


def _serve(
    settings: "Settings",
    listening: socket.socket,
    workers: int,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    import uvicorn

    from idp.ops.logging import configure_logging
    from idp.ops.serving import ServerConfig, allow_files

    configure_logging(settings.log)
    options: dict[str, Any] = {}
    if tls_cert is not None:
        options = {"ssl_certfile": str(tls_cert), "ssl_keyfile": str(tls_key)}
    fitting = allow_files(settings.server.connections)
    if fitting is not None:
        typer.echo(
            f"This process may open only so many files that {fitting} connections fit, fewer than "
            f"IDP_SERVER__CONNECTIONS ({settings.server.connections}): raise its limit (ulimit -n).",
            err=True,
        )
    bounds = (
        settings.server if fitting is None else settings.server.model_copy(update={"connections": fitting})
    )
    config = ServerConfig(
        FACTORY,
        bounds=bounds,
        trusted_proxies=settings.trusted_proxies,
        factory=True,
        workers=workers,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # idp.ops.address does this, from configured proxies only
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=WORKER_PATIENCE,
        **options,
    )
    if workers == 1:
        server = uvicorn.Server(config)
        server.run(sockets=[listening])
        if not server.started:
            raise ConfigurationError("The provider did not start; the log above says why.")
        return
    from uvicorn.supervisors import Multiprocess

    Multiprocess(config, sockets=[listening]).run()


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """Give several workers a directory for their measurements, before the first of them starts."""
    name = "PROMETHEUS_MULTIPROC_DIR"
    if workers == 1 or os.environ.get(name):
        if directory := os.environ.get(name):
            Path(directory).mkdir(parents=True, exist_ok=True)
            for file in Path(directory).glob("*.db"):  # of processes that are gone
                file.unlink(missing_ok=True)
        yield
        return
    os.environ[name] = tempfile.mkdtemp(prefix="idp-metrics-")
    try:
        yield
    finally:
        shutil.rmtree(os.environ.pop(name), ignore_errors=True)


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
