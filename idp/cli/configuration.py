"""`idp config`: the reference of the settings, read from where they are declared."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.context import AsJson, print_json

if TYPE_CHECKING:
    from pydantic import BaseModel

_INTRODUCTION = """# Configuration

<!-- Written by `idp config --markdown`; change idp/config/ instead. -->

Every setting is an environment variable. The same name with `_FILE` reads the value from a file, as container
secrets want it. Settings may also be in a file `idp.toml` (or the one that `IDP_CONFIG` names):
`IDP_TOKENS__CODE_TTL` is `code_ttl` in its table `[tokens]`.
The environment overrides the file. An unknown name is refused.
"""


def config(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference as Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print every setting with its default and its meaning."""
    entries = list(_entries())
    if as_json:
        print_json({"settings": [entry for _, entry in entries]})
    elif markdown:
        typer.echo(render_markdown(), nl=False)
    else:
        for _, entry in entries:
            default = "" if entry["default"] is None else f" [{entry['default']}]"
            typer.echo(f"{entry['name']}{default}\n    {entry['description']}")


def render_markdown() -> str:
    """Return the reference as it stands in the documentation."""
    lines = [_INTRODUCTION]
    title = None
    for section, entry in _entries():
        if section != title:
            title = section
            lines.append(f"\n## {section}\n\n| Name | Default | |\n|---|---|---|\n")
        default = "" if entry["default"] is None else f"`{entry['default']}`"
        description = entry["description"].replace("|", "\\|")
        lines.append(f"| `{entry['name']}` | {default} | {description} |\n")
    return "".join(lines)


def _entries() -> Iterator[tuple[str, dict[str, Any]]]:
    from idp.config import ENVIRONMENT_PREFIX, Settings, UpstreamSettings

    yield from _plain_fields(Settings, ENVIRONMENT_PREFIX, "General")
    yield from _sections(Settings, ENVIRONMENT_PREFIX)
    yield from _plain_fields(
        UpstreamSettings, f"{ENVIRONMENT_PREFIX}FEDERATION__NAME__", "A provider to sign in with"
    )


def _sections(model: "type[BaseModel]", prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in model.model_fields.items():
        section = _section_of(field)
        if section is not None:
            inner = f"{prefix}{name.upper()}__"
            yield from _plain_fields(section, inner, (field.description or name).rstrip("."))
            yield from _sections(section, inner)


def _plain_fields(model: "type[BaseModel]", prefix: str, title: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in model.model_fields.items():
        if _section_of(field) is None:
            entry = {
                "name": prefix + name.upper(),
                "default": _shown(field.default),
                "description": field.description or "",
            }
            yield title, entry


def _section_of(field: Any) -> "type[BaseModel] | None":
    from pydantic import BaseModel

    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _shown(default: Any) -> str | None:
    if default is None or default in ((), {}, ""):
        return None
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
