"""`idp keys`: signing keys and the master key."""

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.context import AsJson, open_database, print_json, print_table, run
from idp.cli.context import settings as read_settings

if TYPE_CHECKING:
    from idp.keys.keyring import Keyring
    from idp.storage.database import Database
    from idp.storage.models import SigningKeyRecord

app = typer.Typer(help="Signing keys and the master key.", rich_markup_mode=None)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the signing keys and what each does now."""

    async def read() -> list[dict[str, Any]]:
        async with open_database(read_settings()) as database:
            return await _descriptions(database)

    _show(run(read()), as_json=as_json)


@app.command()
def rotate(
    emergency: Annotated[
        bool,
        typer.Option("--emergency", help="A key leaked: drop the present ones now, with all they signed."),
    ] = False,
    alg: Annotated[str | None, typer.Option("--alg", help="Only keys for RS256, ES256 or EdDSA.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make new signing keys. Tokens that the old ones signed stay good until they expire."""

    async def work() -> list[dict[str, Any]]:
        async with _open() as (keyring, database):
            await keyring.ensure()
            made = await keyring.rotate_now(alg, emergency=emergency)
            return [key for key in await _descriptions(database) if key["kid"] in made]

    _show(run(work()), as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A private key in PEM form.")],
    as_json: AsJson = False,
) -> None:
    """Take in a signing key of your own; it signs from now on."""
    from idp.keys.material import read_pem

    read_pem(file)  # its faults are named with the file's own path

    async def work() -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "imported.pem").symlink_to(file.resolve())
            async with _open() as (keyring, database):
                imported = await keyring.import_pem(Path(directory))
                return [key for key in await _descriptions(database) if key["kid"] in imported]

    keys = run(work())
    if not keys and not as_json:
        typer.echo("This key is known already.")
        return
    _show(keys, as_json=as_json)


@app.command("generate-master")
def generate_master() -> None:
    """Print a new master key, for IDP_MASTER_KEY."""
    from idp.crypto import MasterKey

    typer.echo(MasterKey.generate())


@asynccontextmanager
async def _open() -> AsyncIterator[tuple["Keyring", "Database"]]:
    from idp.clock import SystemClock
    from idp.keys.keyring import Keyring
    from idp.keys.master import load_master_key

    settings = read_settings()
    master_key = load_master_key(settings)
    async with open_database(settings) as database:
        yield Keyring(database, master_key, settings, SystemClock()), database


async def _descriptions(database: "Database") -> list[dict[str, Any]]:
    from idp.keys.rotation import in_order

    async with database.reading() as uow:
        records = await uow.signing_keys.all()
    now = time.time()
    signing = {
        alg: [r.kid for r in in_order([r for r in records if r.alg == alg]) if _may_sign(r, now)][-1:]
        for alg in {r.alg for r in records}
    }
    return [
        {
            "kid": record.kid,
            "alg": record.alg,
            "generation": record.generation,
            "state": _state(record, now, signs=record.kid in signing[record.alg]),
            "created_at": _instant(record.created_at),
            "activates_at": _instant(record.activates_at),
            "expires_at": None if record.expires_at is None else _instant(record.expires_at),
        }
        for record in records
    ]


def _may_sign(record: "SigningKeyRecord", now: float) -> bool:
    return record.activates_at <= now and (record.expires_at is None or record.expires_at > now)


def _state(record: "SigningKeyRecord", now: float, *, signs: bool) -> str:
    if record.expires_at is not None and record.expires_at <= now:
        return "expired"
    if record.activates_at > now:
        return "published"
    return "signing" if signs else "verifying"


def _instant(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _show(keys: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"keys": keys})
    else:
        print_table(keys, ("kid", "alg", "state", "activates_at", "expires_at"))
