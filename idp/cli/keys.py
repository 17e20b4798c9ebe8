"""`idp keys`: signing keys and the master key."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.context import AsJson, open_database, print_json, print_table, run
from idp.cli.context import settings as read_settings

if TYPE_CHECKING:
    from idp.administration.keys import KeyAdministration, KeySummary

app = typer.Typer(help="Signing keys and the master key.", rich_markup_mode=None)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the signing keys and the state of each."""
    _show(_done(lambda keys: keys.all()), as_json=as_json)


@app.command()
def rotate(
    emergency: Annotated[
        bool,
        typer.Option(
            "--emergency",
            help="A key leaked: remove the present keys at once. The tokens that they signed stop working.",
        ),
    ] = False,
    alg: Annotated[
        str | None,
        typer.Option(
            "--alg", help="Rotate only this algorithm: RS256, ES256 or EdDSA. If unset, all of them."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make new signing keys. Tokens that the old ones signed stay valid until they expire."""
    _show(_done(lambda keys: keys.rotate(alg, emergency=emergency)), as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A private key in PEM form.")],
    as_json: AsJson = False,
) -> None:
    """Import a signing key of your own; it signs from now on."""
    imported = _done(lambda keys: keys.import_pem(file))
    if not imported and not as_json:
        typer.echo("This key is known already.")
        return
    _show(imported, as_json=as_json)


@app.command("generate-master")
def generate_master() -> None:
    """Print a new master key, for IDP_MASTER_KEY."""
    from idp.crypto import MasterKey

    typer.echo(MasterKey.generate())


def _done(work: Callable[["KeyAdministration"], Awaitable[list["KeySummary"]]]) -> list["KeySummary"]:
    """Do something with the keys and return those that it concerns."""

    async def working() -> list["KeySummary"]:
        async with _open() as keys:
            return await work(keys)

    return run(working())


@asynccontextmanager
async def _open() -> AsyncIterator["KeyAdministration"]:
    from idp.app.administration import key_administration

    settings = read_settings()
    async with open_database(settings) as database:
        yield key_administration(settings, database)


def _description(key: "KeySummary") -> dict[str, Any]:
    return {
        "kid": key.kid,
        "alg": key.alg,
        "generation": key.generation,
        "state": key.state,
        "created_at": _instant(key.created_at),
        "activates_at": _instant(key.activates_at),
        "expires_at": None if key.expires_at is None else _instant(key.expires_at),
    }


def _instant(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _show(keys: list["KeySummary"], *, as_json: bool) -> None:
    rows = [_description(key) for key in keys]
    if as_json:
        print_json({"keys": rows})
    else:
        print_table(rows, ("kid", "alg", "state", "activates_at", "expires_at"))
