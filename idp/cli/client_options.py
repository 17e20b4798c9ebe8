"""The options of `idp client`, made from the table of client metadata."""

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from idp.errors import InvalidValue
from idp.oauth.client_metadata import ATTRIBUTES, MANY, Attribute

_TYPES: Mapping[str, Any] = {
    "text": str | None,
    "texts": list[str] | None,
    "scope": list[str] | None,
    "flag": bool | None,
    "document": Path | None,
}

Command = Callable[..., None]


def metadata_options() -> Callable[[Command], Command]:
    """Give a command an option for each attribute; it takes what was given as `**given`."""

    def decorate(command: Command) -> Command:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        options = [_option(attribute) for attribute in ATTRIBUTES]
        parameters = options + [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def _option(attribute: Attribute) -> inspect.Parameter:
    return inspect.Parameter(
        attribute.field,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[_TYPES[attribute.kind], typer.Option(attribute.option, help=attribute.help)],
    )


def given_metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `ClientMetadata` that were given. One empty value (`''`) empties a list."""
    fields: dict[str, Any] = {}
    for attribute in ATTRIBUTES:
        value = given.get(attribute.field)
        if value is None:
            continue
        if attribute.kind == "document":
            value = _read_document(value, attribute.name)
        elif attribute.kind == "scope":  # --scope "a b" as for --scope a --scope b
            value = tuple(scope for text in value for scope in text.split())
        elif attribute.kind in MANY:
            value = tuple(text for text in value if text)
        fields[attribute.field] = value
    return fields


def _read_document(path: Path, name: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise InvalidValue(f"The file {path} cannot be read: {error.strerror}.", field=name) from error
    except ValueError as error:
        raise InvalidValue(f"The file {path} is not JSON.", field=name) from error
    if not isinstance(document, dict):
        raise InvalidValue(f"The file {path} is not a JSON object.", field=name)
    return document
