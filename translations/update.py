"""Collect the sentences of the provider and bring every catalogue up to date (`make messages`).

Run from the top of the repository. `messages.pot` is the English source, one entry for each sentence; each
LANGUAGE.po beside it keeps its translations, gets what is new without one, and loses what is gone.
"""

import ast
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import zxcvbn.feedback
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "translations" / "messages.pot"

FOR_OPERATORS = (
    "idp/administration",
    "idp/cli",
    "idp/config",
    "idp/dev",
    "idp/endpoints/edge.py",
    "idp/endpoints/token.py",
    "idp/keys",
    "idp/oauth",
    "idp/storage/migrations.py",
    "idp/storage/repositories",
)
"""What these say is read by those who run the provider and by developers of apps, in English."""

KEYWORDS: dict[str, tuple[int, ...]] = dict.fromkeys(
    ("Text", "FlowError", "InvalidValue", "NotFound", "Conflict", "Unavailable", "Throttled"), (1,)
)
"""Calls whose first argument is a sentence for people."""

IN_TEMPLATES: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2)}


def sentences() -> Catalog:
    """Return the sentences of code and templates, without a translation."""
    catalogue = Catalog(project="idp", charset="utf-8", fuzzy=False)
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.suffix in {".html", ".txt"}:
            _collect(catalogue, path, "jinja2", IN_TEMPLATES, {"trim_blocks": "true"})
    # What would make a password stronger is told by a library, whose sentences are marked as ours are.
    _collect(catalogue, Path(zxcvbn.feedback.__file__), "python", {"_": (1,)}, {})
    for path in python_files():
        _collect(catalogue, path, "python", KEYWORDS, {})
    return catalogue


def python_files() -> Iterator[Path]:
    """Yield the modules whose sentences people read."""
    for path in sorted((ROOT / "idp").rglob("*.py")):
        if not path.relative_to(ROOT).as_posix().startswith(FOR_OPERATORS):
            yield path


def _collect(
    catalogue: Catalog,
    path: Path,
    method: str,
    keywords: dict[str, tuple[int, ...] | None] | dict[str, tuple[int, ...]],
    options: dict[str, str],
) -> None:
    found = extract_from_file(method, path, keywords, ["Translators:"], options, strip_comment_tags=True)
    # Babel's reader of Python takes any string in the argument, such as the key in `Text(kept["message"])`.
    own = _first_arguments(path) if method == "python" else None
    for _line, message, comments, context in found:
        if own is not None and message not in own:
            continue
        # The file without the line, or every change of code would be a change of every catalogue.
        place = (path.relative_to(_home_of(path)).as_posix(), 0)
        catalogue.add(message, None, [place], auto_comments=comments, context=context)


def _first_arguments(path: Path) -> set[object]:
    calls = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args
    ]
    return {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}


def _home_of(path: Path) -> Path:
    return (
        ROOT
        if path.is_relative_to(ROOT / "idp") or path.is_relative_to(ROOT / "templates")
        else path.parents[1]
    )


def read(path: Path) -> Catalog:
    """Read a catalogue."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem.replace("-", "_"))


def updated(path: Path, source: Catalog) -> bytes:
    """Return what a catalogue has to be."""
    catalogue = read(path)
    catalogue.update(source, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return written(catalogue)


def written(catalogue: Catalog) -> bytes:
    """Return a catalogue as a file, the same each time: sorted, and without a date."""
    buffer = BytesIO()
    write_po(buffer, catalogue, width=100, sort_by_file=True, include_lineno=False, omit_header=True)
    header = f'msgid ""\nmsgstr ""\n"Language: {catalogue.locale_identifier or "en"}\\n"\n'
    header += '"Content-Type: text/plain; charset=utf-8\\n"\n'
    if catalogue.locale is not None:
        header += f'"Plural-Forms: {catalogue.plural_forms}\\n"\n'
    return header.encode() + b"\n" + buffer.getvalue()


def untranslated(catalogue: Catalog) -> list[Message]:
    """Return the entries without a translation, or without one of its forms."""
    return [m for m in catalogue if m.id and not (all(m.string) if m.pluralizable else m.string)]


def main() -> None:
    """Write the files, and say what is missing."""
    source = sentences()
    TEMPLATE.write_bytes(written(source))
    for path in sorted(TEMPLATE.parent.glob("*.po")):
        path.write_bytes(updated(path, source))
        missing = untranslated(read(path))
        sys.stdout.write(f"{path.name}: {len(source) - len(missing)} of {len(source)} sentences\n")


if __name__ == "__main__":
    main()
