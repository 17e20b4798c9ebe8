"""`idp client`: relying apps and resource servers. The options are those of the table of client metadata."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.client_options import given_metadata, metadata_options
from idp.cli.client_reference import render_applications, render_markdown
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
from idp.cli.files import SecretFile, read_clients, read_secret
from idp.errors import InvalidValue
from idp.oauth.client_metadata import ATTRIBUTES, PUBLIC, ClientMetadata

if TYPE_CHECKING:
    from idp.administration.clients import ClientAdministration
    from idp.config import Settings
    from idp.storage.models import ClientRecord

app = typer.Typer(help="Relying apps and resource servers.", rich_markup_mode=None)

ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client id.")]


@app.command()
@metadata_options()
def create(
    preset: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="An application of docs/integrations: grafana, gitlab, ... Other options override its values.",
        ),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="The URL of that application, with --for.")] = None,
    client_id: Annotated[
        str | None, typer.Option("--client-id", help="The client id. If unset, one is generated.")
    ] = None,
    client_secret_file: SecretFile = None,
    public: Annotated[
        bool,
        typer.Option(
            "--public", help="The app cannot keep a secret: it runs in a browser or on users' devices."
        ),
    ] = False,
    as_json: AsJson = False,
    **given: Any,
) -> None:
    """Register a client. Its secret is shown only now."""
    from idp.administration.applications import application_named
    from idp.administration.clients import NewClient

    application = None if preset is None else application_named(preset)
    fields = {} if application is None else application.metadata_at(url)
    fields |= given_metadata(given)
    if public and fields.setdefault("token_endpoint_auth_method", PUBLIC) != PUBLIC:
        raise InvalidValue(
            "A public client cannot keep a secret, so it does not authenticate: leave out --auth-method.",
            field="token_endpoint_auth_method",
        )
    if "client_name" not in fields:
        raise typer.TyperException("The app needs a name, which people see: give it with --name")
    new = NewClient(ClientMetadata(**fields), client_id, read_secret(client_secret_file))
    settings = read_settings()

    async def work() -> tuple["ClientRecord", str | None, str]:
        async with _open() as clients:
            return *await clients.create(new), clients.demands(new.metadata)

    record, secret, demands = run(work())
    texts = {}
    if application is not None:
        texts["settings"] = application.settings_for(
            url=url, issuer=settings.issuer, client_id=record.client_id, client_secret=secret
        )
    _show(record, secret, as_json=as_json, more=texts if as_json else {})
    if as_json:
        return
    typer.echo(f"\n{demands}", err=True)
    for hint in _hints(settings, new.metadata):
        typer.echo(hint, err=True)
    if application is not None:
        typer.echo(f"\n{application.label}, {application.place}:\n\n{texts['settings']}")


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="JSON or TOML with a list `clients` of metadata. Each may also have client_id and client_secret.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Register several clients. If one is refused, no client is registered. Generated secrets are shown only now."""
    from idp.administration.clients import client_information

    clients_read = read_clients(file)

    async def work() -> list[tuple["ClientRecord", str | None]]:
        async with _open() as clients:
            return await clients.create_all(clients_read)

    rows = [_with_secret(client_information(record), secret) for record, secret in run(work())]
    if as_json:
        print_json({"clients": rows})
    else:
        print_table(rows, ("client_id", "client_name", "client_secret"))


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
@metadata_options()
def update(
    client_id: ClientId,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether the client may be used.")
    ] = None,
    as_json: AsJson = False,
    **given: Any,
) -> None:
    """Change a client. A list that you give replaces the old one; one empty value ('') empties it."""
    changes = given_metadata(given)

    async def work() -> tuple["ClientRecord", str | None]:
        async with _open() as clients:
            return await clients.change(client_id, changes, enabled=enabled)

    _show(*run(work()), as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(
    client_id: ClientId, client_secret_file: SecretFile = None, as_json: AsJson = False
) -> None:
    """Give a client a new secret, which is shown only now. The old one stops working at once."""

    async def work() -> tuple["ClientRecord", str]:
        async with _open() as clients:
            return await clients.rotate_secret(client_id, read_secret(client_secret_file))

    _show(*run(work()), as_json=as_json)


@app.command()
def delete(client_id: ClientId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a client with its grants and consents."""
    confirm(f"Delete the client {client_id} with its grants and the consents of its users?", yes=yes)

    async def work() -> None:
        async with _open() as clients:
            await clients.delete(client_id)

    run(work())
    if as_json:
        print_json({"client_id": client_id, "deleted": True})
    else:
        say(f"The client {client_id} is deleted.")


@app.command()
def presets(
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write a page for each application to this directory.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the applications that `idp client create --for` knows."""
    from idp.administration.applications import APPLICATIONS

    if markdown is not None:
        for name, page in render_applications().items():
            (markdown / name).write_text(page)
        return
    rows = [
        {"name": name, "application": application.label, "tried": application.tried is not None}
        for name, application in APPLICATIONS.items()
    ]
    if as_json:
        print_json({"presets": rows})
    else:
        print_table(rows, ("name", "application", "tried"))


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


def _show(
    record: "ClientRecord", secret: str | None, *, as_json: bool, more: Mapping[str, str] | None = None
) -> None:
    from idp.administration.clients import client_information

    fields = _with_secret(client_information(record), secret)
    if as_json:
        print_json({**fields, **(more or {})})
        return
    print_fields(fields)
    if secret is not None:
        typer.echo("\nThe secret is shown only now; keep it where the app finds it.", err=True)


def _with_secret(fields: dict[str, Any], secret: str | None) -> dict[str, Any]:
    if secret is None:
        return fields
    return {"client_id": fields.pop("client_id"), "client_secret": secret, **fields}


def _hints(settings: "Settings", metadata: ClientMetadata) -> list[str]:
    """Return what the operator should know before trying the app."""
    hints = [f"Its issuer is {settings.issuer} (IDP_ISSUER)."]
    if "authorization_code" in metadata.grant_types and not metadata.id_token_claims:
        hints.append(
            "The app gets name and address from userinfo. If it reads only the ID token, add --id-token-claims."
        )
    return hints
