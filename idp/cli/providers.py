"""`idp provider`: other providers that people may sign in with."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.context import AsJson, Yes, confirm, open_database, print_fields, print_json, print_table, run
from idp.cli.context import settings as read_settings
from idp.errors import ConfigurationError, InvalidValue, NotFound

if TYPE_CHECKING:
    from idp.config import Settings, UpstreamSettings
    from idp.crypto import MasterKey
    from idp.federation.upstream import Upstream as BuiltUpstream
    from idp.storage.database import Database

app = typer.Typer(help="Other providers that people may sign in with.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name; part of the callback.")]


@app.command()
def add(
    name: Name,
    kind: Annotated[
        str | None,
        typer.Option(
            "--type",
            help="oidc, google, github, entra, gitlab, apple, auth0, okta or keycloak; none goes by the name.",
        ),
    ] = None,
    client_id: Annotated[str, typer.Option("--client-id", help="The client id there.")] = "",
    client_secret: Annotated[
        str | None, typer.Option("--client-secret", help="The client secret there.")
    ] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", help="The issuer of an OpenID provider.")] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="A GitHub Enterprise server.")] = None,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="A scope to ask for.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="The name on the button.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any other setting, as name=value: auto_link=true. idp config lists them."
        ),
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option("--private-key", help="A file with our private key there, in PEM form.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a provider. The running server offers it within seconds."""
    from idp.config import PROVIDER_NAME
    from idp.federation.registry import seal
    from idp.storage.models import UpstreamProvider

    if PROVIDER_NAME.fullmatch(name) is None or name in {"allow_private_addresses", "domains"}:
        raise InvalidValue(
            f"{name[:60]!a} is no name: a-z, 0-9, _ and - (at most 40 characters).", field="name"
        )
    settings = read_settings()
    values: dict[str, Any] = {
        "type": kind,
        "client_id": client_id,
        "client_secret": client_secret,
        "issuer": issuer,
        "base_url": base_url,
        "scopes": [part for text in scope or () for part in text.split()],
        "label": label,
        "private_key": None if private_key is None else _read(private_key),
        **_options(option or []),
    }
    upstream = _parse(values)
    built = _built(settings, name, upstream)  # says what is missing
    if name in settings.federation.providers:
        raise InvalidValue(
            f"The configuration has a provider {name} already; choose another name.", field="name"
        )

    async def work() -> None:
        async with open_database(settings) as database, database.unit_of_work() as uow:
            sealed = seal(name, upstream, _master_key(settings))
            await uow.upstreams.add(
                UpstreamProvider(name=name, sealed_settings=sealed, created_at=time.time())
            )

    run(work())
    described = _describe(settings, name, upstream, built.label, source="database")
    if as_json:
        print_json(described)
    else:
        print_fields(described)
        typer.echo(f"Register the redirect URI there, then try it: idp provider test {name}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the providers, without their secrets."""
    settings = read_settings()
    found = run(_all(settings))
    rows = [
        _describe(settings, name, upstream, _label(settings, name, upstream), source=source)
        for name, (upstream, source) in found.items()
    ]
    if as_json:
        print_json({"providers": rows})
    else:
        print_table(rows, ("name", "type", "client_id", "redirect_uri", "source"))


@app.command("test")
def try_(name: Name, as_json: AsJson = False) -> None:
    """Ask the provider what it is, and say what is wrong. The exit code is 1 when something is."""
    from idp.clock import SystemClock
    from idp.federation.registry import build_upstream, way_out

    settings = read_settings()

    async def work() -> tuple[dict[str, Any], list[str]]:
        found = (await _all(settings)).get(name)
        if found is None:
            raise NotFound(f"There is no provider {ascii(name[:60])[1:-1]}; idp provider list shows them.")
        outgoing = way_out(settings.federation)
        try:
            built = build_upstream(name, found[0], outgoing, SystemClock())
            report = await built.check()
        finally:
            await outgoing.aclose()
        described = _describe(settings, name, found[0], built.label, source=found[1])
        return {**described, **report.facts}, list(report.faults)

    described, faults = run(work())
    if as_json:
        print_json({**described, "ok": not faults, "faults": faults})
    else:
        print_fields(described)
        for fault in faults:
            typer.echo(f"FAIL  {fault}")
        if not faults:
            typer.echo(
                "ok    It answers as it should. Its side must know the redirect_uri above, letter by letter."
            )
    if faults:
        raise typer.Exit(1)


@app.command()
def remove(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a provider. Links to it stay, for the day when it comes back under its name and issuer."""
    settings = read_settings()
    if name in settings.federation.providers:
        raise InvalidValue(f"The provider {name} is in the configuration; remove it there.", field="name")
    confirm(
        f"Remove the provider {name}? People who sign in with nothing else cannot until it is back.", yes=yes
    )

    async def work() -> int | None:
        async with open_database(settings) as database, database.unit_of_work() as uow:
            removed = await uow.upstreams.delete(name)
            return await uow.identities.count_at(name) if removed else None

    links = run(work())
    if links is None:
        raise NotFound(f"There is no provider {ascii(name[:60])[1:-1]}; idp provider list shows them.")
    if as_json:
        print_json({"name": name, "removed": True, "links_kept": links})
        return
    typer.echo(f"The provider {name} is removed.")
    if links:
        typer.echo(
            f"Accounts that are linked to it: {links}. The links are kept and work again when it is back under "
            "its name and issuer; their owners see them under Connections and can unlink them. Who has no "
            "other way in can set a password by mail, under Forgot your password."
        )


async def _all(settings: "Settings") -> dict[str, "tuple[UpstreamSettings, str]"]:
    """Return every provider's settings and where they come from; the configuration wins."""
    from idp.federation.registry import unseal

    found: dict[str, tuple[UpstreamSettings, str]] = {}
    database: Database
    async with open_database(settings) as database, database.reading() as uow:
        for row in await uow.upstreams.all():
            found[row.name] = (unseal(row, _master_key(settings)), "database")
    for name, upstream in settings.federation.providers.items():
        found[name] = (upstream, "configuration")
    return dict(sorted(found.items()))


def _describe(
    settings: "Settings", name: str, upstream: "UpstreamSettings", label: str, *, source: str
) -> dict[str, Any]:
    kind = _kind(name, upstream)
    return {
        "name": name,
        "type": kind,
        "label": label,
        "client_id": upstream.client_id,
        "issuer": upstream.issuer,
        "base_url": upstream.base_url,
        "redirect_uri": settings.url(f"/federation/{name}/callback"),
        "source": source,
    }


def _kind(name: str, upstream: "UpstreamSettings") -> str:
    from idp.federation.registry import TYPES

    return upstream.type or (name if name in TYPES else "oidc")


def _label(settings: "Settings", name: str, upstream: "UpstreamSettings") -> str:
    try:
        return _built(settings, name, upstream).label
    except ConfigurationError as error:
        return f"unusable: {error.sentence}"


def _built(settings: "Settings", name: str, upstream: "UpstreamSettings") -> "BuiltUpstream":
    from idp.clock import SystemClock
    from idp.federation.registry import build_upstream, way_out

    return build_upstream(name, upstream, way_out(settings.federation), SystemClock())


def _master_key(settings: "Settings") -> "MasterKey":
    from idp.keys.master import load_master_key

    return load_master_key(settings)


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


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}.", field="private_key") from error
