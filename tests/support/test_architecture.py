"""What the documents say of the code's files is so."""

import re

import pytest

from tests.support.apart import ROOT

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PLANNED = ARCHITECTURE[ARCHITECTURE.index("## Six additions") :]
"""Names files that do not exist yet."""
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_a_document_names_exists(name: str) -> None:
    text = (ROOT / name).read_text().replace(PLANNED, "")
    named = set(re.findall(r"`((?:idp|tests|migrations|templates|translations|benchmarks)/[\w/.-]+)`", text))
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_the_drawing_shows_every_room() -> None:
    drawing = ARCHITECTURE[: ARCHITECTURE.index("## The flow")]
    rooms = {path.name.removesuffix(".py") for path in (ROOT / "idp").iterdir() if path.suffix in {"", ".py"}}
    shown = set(re.findall(r"\w+", drawing))
    assert sorted(rooms - shown - {"__init__", "__pycache__"}) == []
