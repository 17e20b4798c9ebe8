"""`idp provider`: other providers that users may sign in with."""

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.context import (
    AsJson,
    Yes,
    confirm,
    has_terminal,
    open_database,
    print_fields,
    print_json,
    print_table,
    run,
    say,
)
from idp.cli.context import settings as read_settings
from idp.errors import InvalidValue

if TYPE_CHECKING:
    from idp.administration.providers import KnownProvider, ProviderAdministration
    from idp.config import Settings, UpstreamSettings

app = typer.Typer(help="Other providers that users may sign in with.", rich_markup_mode=None)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The name of the provider here; it is part of the redirect URI.")
]


@app.command()
def add(
    name: Name,
    kind: Annotated[
        str | None,
        typer.Option(
            "--type",
            help="oidc for any OpenID provider, or one of those in docs/providers. If unset, NAME if it is one of "
            "those, else oidc.",
        ),
    ] = None,
    client_id: Annotated[
        str, typer.Option("--client-id", help="The client id that the provider issued.")
    ] = "",
    client_secret: Annotated[
        str | None,
        typer.Option(
            "--client-secret",
            help="The client secret that the provider issued. Other users of this machine see it while the command "
            "runs. If neither this nor --client-secret-file is given, it is asked for on the terminal.",
        ),
    ] = None,
    client_secret_file: Annotated[
        Path | None,
        typer.Option("--client-secret-file", help="A file with the client secret; - is standard input."),
    ] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", help="The issuer of an OpenID provider.")] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="The URL of a GitHub Enterprise server.")
    ] = None,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="A scope to ask for.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="The name on the button.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any other setting, as name=value: auto_link=true. idp config lists them."
        ),
    ] = None,
    private_key: Annotated[
        Path | None,
        typer.Option(
            "--private-key", help="A file with the private key (PEM) whose public key the provider has."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a provider. The running server offers it within seconds."""
    settings = read_settings()
    upstream = _parse(
        {
            "type": kind,
            "client_id": client_id,
            "client_secret": _secret(client_secret, client_secret_file, needed=private_key is None),
            "issuer": issuer,
            "base_url": base_url,
            "scopes": [part for text in scope or () for part in text.split()],
            "label": label,
            "private_key": None if private_key is None else _read(private_key, "private_key"),
            **_options(option or []),
        }
    )

    async def work() -> dict[str, Any]:
        async with _open(settings) as providers:
            return _description(settings, providers, await providers.add(name, upstream))

    described = run(work())
    if as_json:
        print_json(described)
    else:
        print_fields(described)
        typer.echo(f"Register the redirect URI at the provider, then try it: idp provider test {name}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the providers, without their secrets."""
    settings = read_settings()

    async def work() -> list[dict[str, Any]]:
        async with _open(settings) as providers:
            found = await providers.all()
            return [_description(settings, providers, provider) for provider in found.values()]

    rows = run(work())
    if as_json:
        print_json({"providers": rows})
    else:
        print_table(rows, ("name", "type", "client_id", "redirect_uri", "source"))


@app.command("test")
def try_(name: Name, as_json: AsJson = False) -> None:
    """Ask the provider for its metadata and report faults. The exit code is 1 if there are any."""
    settings = read_settings()

    async def work() -> tuple[dict[str, Any], list[str]]:
        async with _open(settings) as providers:
            provider = await providers.get(name)
            report = await providers.check(provider)
            return {**_description(settings, providers, provider), **report.facts}, list(report.faults)

    described, faults = run(work())
    if as_json:
        print_json({**described, "ok": not faults, "faults": faults})
    else:
        print_fields(described)
        for fault in faults:
            say(f"FAIL  {fault}")
        if not faults:
            typer.echo(
                "ok    It answers as it should. The redirect_uri above must be registered there, letter by letter."
            )
    if faults:
        raise typer.Exit(1)


@app.command()
def remove(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a provider. The links of accounts to it are kept, and work again if it is added again."""
    settings = read_settings()

    async def work() -> int:
        async with _open(settings) as providers:
            providers.check_removable(name)
            confirm(
                f"Remove the provider {name}? Users without another way to sign in cannot sign in until it is back.",
                yes=yes,
            )
            return await providers.remove(name)

    links = run(work())
    if as_json:
        print_json({"name": name, "removed": True, "links_kept": links})
        return
    say(f"The provider {name} is removed.")
    if links:
        typer.echo(
            f"Accounts that are linked to it: {links}. The links are kept and work again when the provider is added "
            "again with the same name and issuer. Their owners see them under Connections and can unlink them. People "
            "without another way to sign in can set a password by mail, under Forgot your password."
        )


@asynccontextmanager
async def _open(settings: "Settings") -> AsyncIterator["ProviderAdministration"]:
    from idp.app.administration import provider_administration

    async with open_database(settings) as database:
        yield provider_administration(settings, database)


def _description(
    settings: "Settings", providers: "ProviderAdministration", provider: "KnownProvider"
) -> dict[str, Any]:
    return {
        "name": provider.name,
        "type": provider.kind,
        "label": providers.label(provider),
        "client_id": provider.settings.client_id,
        "issuer": provider.settings.issuer,
        "base_url": provider.settings.base_url,
        "redirect_uri": settings.url(f"/federation/{provider.name}/callback"),
        "source": provider.source,
    }


def _options(options: list[str]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    for name, sign, _ in pairs:
        if not sign or not re.fullmatch(r"[a-z_]+", name):
            raise InvalidValue(f"--set takes name=value, not {name[:60]!a}.", field="set")
    return {name: value for name, _, value in pairs}


def _parse(values: dict[str, Any]) -> "UpstreamSettings":
    from pydantic import ValidationError

    from idp.config import UpstreamSettings

    try:
        return UpstreamSettings.model_validate(
            {name: value for name, value in values.items() if value is not None}
        )
    except ValidationError as error:
        fault = error.errors()[0]
        field = str(fault["loc"][0]) if fault["loc"] else ""
        if fault["type"] == "extra_forbidden":
            raise InvalidValue(f"{field} is not a setting of a provider; idp config lists them.") from error
        raise InvalidValue(f"{field}: {fault['msg'].removeprefix('Value error, ')}.", field=field) from error


def _secret(given: str | None, file: Path | None, *, needed: bool) -> str | None:
    if given is not None and file is not None:
        raise InvalidValue("Give --client-secret or --client-secret-file, not both.", field="client_secret")
    if file is not None:
        secret = (sys.stdin.read() if str(file) == "-" else _read(file, "client_secret_file")).strip()
        if not secret:
            raise InvalidValue(f"There is no client secret in {file}.", field="client_secret_file")
        return secret
    if given is None and needed and has_terminal():
        asked: str = typer.prompt(
            "Client secret (empty for none)", default="", hide_input=True, show_default=False, err=True
        )
        return asked or None
    return given


def _read(path: Path, field: str) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}.", field=field) from error
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{path} is not text.", field=field) from error
