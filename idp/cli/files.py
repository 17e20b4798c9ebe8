"""Files that `idp client` and `idp user` read: a secret, several clients, several accounts."""

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.errors import InvalidValue
from idp.oauth.client_metadata import ClientMetadata, metadata_fields

if TYPE_CHECKING:
    from idp.administration.clients import NewClient

SecretFile = Annotated[
    Path | None,
    typer.Option(
        "--client-secret-file",
        help="A file with the secret that the app already has. If unset, one is generated.",
    ),
]


def read_secret(path: Path | None) -> str | None:
    """Return the secret in a file, without the line break at its end."""
    return None if path is None else read_text(path, "client_secret").rstrip("\r\n")


def read_text(path: Path, field: str) -> str:
    """Return the text of a file; raise `InvalidValue`."""
    try:
        return path.read_text()
    except OSError as error:
        raise InvalidValue(f"The file {path} cannot be read: {error.strerror}.", field=field) from error
    except UnicodeDecodeError as error:
        raise InvalidValue(f"The file {path} is not UTF-8.", field=field) from error


def read_clients(path: Path) -> "list[NewClient]":
    """Read a JSON or TOML file with a list `clients`; raise `InvalidValue` with the number of the client."""
    entries = read_list(path, "clients")
    return [_client(number, entry) for number, entry in enumerate(entries, start=1)]


def read_list(path: Path, name: str) -> list[dict[str, Any]]:
    """Return a list of objects in a JSON or TOML file; raise `InvalidValue`."""
    text = read_text(path, "file")
    try:
        document: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise InvalidValue(
            f"The file {path} is not {_kind(path)}.", field="file", detail=str(error)
        ) from error
    entries = document.get(name) if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidValue(f"The file {path} has no list `{name}`.", field="file")
    return entries


def _client(number: int, entry: dict[str, Any]) -> "NewClient":
    from idp.administration.clients import NewClient

    own = {name: entry.pop(name, None) for name in ("client_id", "client_secret")}
    try:
        for name, value in own.items():
            if value is not None and not isinstance(value, str):
                raise InvalidValue(f"{name} must be a text.", field=name)
        fields = metadata_fields(entry)
        if "client_name" not in fields:
            raise InvalidValue("client_name is missing.", field="client_name")
    except InvalidValue as error:
        raise InvalidValue(f"Client {number}: {error.sentence}", field=error.field) from error
    return NewClient(ClientMetadata(**fields), **own)


def _kind(path: Path) -> str:
    return "TOML" if path.suffix == ".toml" else "JSON"
