"""What every command uses: settings, a migrated database, an event loop, output."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from idp.errors import ConfigurationError, InvalidValue

if TYPE_CHECKING:
    from idp.app import Provider
    from idp.config import Settings
    from idp.storage.database import Database

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def settings() -> "Settings":
    """Read the settings; libraries' warnings go to standard error from here on."""
    from idp.config import LogSettings, load_settings
    from idp.ops.logging import configure_logging

    configure_logging(LogSettings(level="warning", format="text"))
    return load_settings()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work to its end."""
    return asyncio.run(work)


@asynccontextmanager
async def open_database(settings: "Settings") -> AsyncIterator["Database"]:
    """Open the database; raise `ConfigurationError` unless it is migrated."""
    from idp.storage.database import Database
    from idp.trust import Trust

    database = Database(settings.database_url, settings.database, Trust(settings.outgoing.ca))
    try:
        await require_migrated(database)
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_provider(settings: "Settings") -> AsyncIterator["Provider"]:
    """Make the provider's parts; raise `ConfigurationError` unless the database is migrated."""
    from idp.app import build_provider

    provider = build_provider(settings)
    try:
        await require_migrated(provider.database)
        yield provider
    finally:
        await provider.database.close()


async def require_migrated(database: "Database") -> None:
    """Raise `ConfigurationError` unless the schema is the one that this program needs."""
    from idp.storage import migrations

    revision = None if _is_missing_file(database) else await migrations.current(database)
    if revision is None:
        raise ConfigurationError("The database is not set up yet; run: idp migrate")
    if revision != migrations.head():
        raise ConfigurationError(
            f"The database is at revision {revision} and this program needs {migrations.head()}; "
            "run: idp migrate"
        )


def _is_missing_file(database: "Database") -> bool:
    """Tell whether the SQLite file is missing. Connecting to it would make it."""
    file = database.url.database
    return database.is_sqlite and file not in {None, "", ":memory:"} and not Path(str(file)).exists()


def say(text: str, *, err: bool = False) -> None:
    """Print text. Parts of it may come from outside, and a terminal obeys control characters: they are
    printed as escapes."""
    from idp.ops.redaction import escaped

    typer.echo(escaped(text, keep="\n"), err=err)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object, the whole of the output."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    typer.echo("".join(c if c.isprintable() or c == "\n" else _json_escape(c) for c in text))


def _json_escape(character: str) -> str:
    return f"\\u{ord(character):04x}" if character == "\x7f" else json.dumps(character)[1:-1]


def print_fields(value: Mapping[str, Any]) -> None:
    """Print a record for a person."""
    width = max(map(len, value), default=0)
    for name, item in value.items():
        typer.echo(f"{name:<{width}}  {_shown(item)}")


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print records for a person, one in a line."""
    cells = [[_shown(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in cells), 0) for i, column in enumerate(columns)]
    for line in [list(columns), *cells]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def has_terminal() -> bool:
    """Tell whether there is a user to ask."""
    return sys.stdin.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal; raise `InvalidValue` without a terminal, `typer.Abort` for a no."""
    if yes:
        return
    if not has_terminal():
        raise InvalidValue(f"{question} Confirm it with --yes.")
    typer.confirm(question, abort=True, err=True)


def _shown(item: Any) -> str:
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, list | tuple):
        return " ".join(map(str, item)) or "-"
    if isinstance(item, dict):
        return json.dumps(item, ensure_ascii=False)
    from idp.ops.redaction import escaped

    return escaped("-" if item is None or item == "" else str(item))  # names come from outside
