"""`idp client`: relying apps and resource servers. The options are those of the table of client metadata."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.client_options import given_metadata, metadata_options
from idp.cli.client_reference import render_markdown
from idp.cli.context import (
    AsJson,
    Yes,
    confirm,
    open_database,
    print_fields,
    print_json,
    print_table,
    run,
    say,
)
from idp.cli.context import settings as read_settings
from idp.errors import InvalidValue
from idp.oauth.client_metadata import ATTRIBUTES, PUBLIC, ClientMetadata

if TYPE_CHECKING:
    from idp.administration.clients import ClientAdministration
    from idp.storage.models import ClientRecord

app = typer.Typer(help="Relying apps and resource servers.", rich_markup_mode=None)

ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client id.")]


@app.command()
@metadata_options(name_required=True)
def create(
    client_id: Annotated[str | None, typer.Option("--client-id", help="Its id; none makes one.")] = None,
    public: Annotated[
        bool, typer.Option("--public", help="It cannot keep a secret: a browser or native app.")
    ] = False,
    as_json: AsJson = False,
    **given: Any,
) -> None:
    """Register a client. Its secret is shown this once."""
    fields = given_metadata(given)
    if public and fields.setdefault("token_endpoint_auth_method", PUBLIC) != PUBLIC:
        raise InvalidValue(
            "A public client cannot keep a secret, so it does not authenticate: leave out --auth-method.",
            field="token_endpoint_auth_method",
        )

    async def work() -> tuple["ClientRecord", str | None]:
        async with _open() as clients:
            return await clients.create(ClientMetadata(**fields), client_id=client_id)

    _show(*run(work()), as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the clients."""
    from idp.administration.clients import client_information

    async def read() -> list[dict[str, Any]]:
        async with _open() as clients:
            return [client_information(record) async for record in clients.all()]

    rows = run(read())
    if as_json:
        print_json({"clients": rows})
    else:
        print_table(rows, ("client_id", "client_name", "token_endpoint_auth_method", "grant_types"))


@app.command()
def show(client_id: ClientId, as_json: AsJson = False) -> None:
    """Show a client, without its secret."""

    async def read() -> "ClientRecord":
        async with _open() as clients:
            return await clients.get(client_id)

    _show(run(read()), None, as_json=as_json)


@app.command()
@metadata_options(name_required=False)
def update(
    client_id: ClientId,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it may be used.")
    ] = None,
    as_json: AsJson = False,
    **given: Any,
) -> None:
    """Change a client. A list that is given replaces the old one; one empty value ('') empties it."""
    changes = given_metadata(given)

    async def work() -> tuple["ClientRecord", str | None]:
        async with _open() as clients:
            return await clients.change(client_id, changes, enabled=enabled)

    _show(*run(work()), as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(client_id: ClientId, as_json: AsJson = False) -> None:
    """Give a client a new secret, shown this once. The old one stops working at once."""

    async def work() -> tuple["ClientRecord", str]:
        async with _open() as clients:
            return await clients.rotate_secret(client_id)

    _show(*run(work()), as_json=as_json)


@app.command()
def delete(client_id: ClientId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a client with its grants and consents."""
    confirm(f"Delete the client {client_id} with everything that people allowed it?", yes=yes)

    async def work() -> None:
        async with _open() as clients:
            await clients.delete(client_id)

    run(work())
    if as_json:
        print_json({"client_id": client_id, "deleted": True})
    else:
        say(f"The client {client_id} is deleted.")


@app.command()
def metadata(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference as Markdown.")] = False,
) -> None:
    """Print every attribute that a client can have, with its option."""
    if markdown:
        typer.echo(render_markdown(), nl=False)
        return
    for attribute in ATTRIBUTES:
        typer.echo(f"{attribute.name} ({attribute.option})\n    {attribute.help}")


@asynccontextmanager
async def _open() -> AsyncIterator["ClientAdministration"]:
    from idp.app.administration import client_administration

    settings = read_settings()
    async with open_database(settings) as database:
        yield client_administration(settings, database)


def _show(record: "ClientRecord", secret: str | None, *, as_json: bool) -> None:
    from idp.administration.clients import client_information

    fields = client_information(record)
    if secret is not None:
        fields = {"client_id": fields.pop("client_id"), "client_secret": secret, **fields}
    if as_json:
        print_json(fields)
        return
    print_fields(fields)
    if secret is not None:
        typer.echo("\nThe secret is shown this once; keep it where the app finds it.", err=True)
