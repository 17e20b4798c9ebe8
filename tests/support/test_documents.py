"""Documents that name tests as their proof name tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)?(?:::(test_\w+))?`")


def references(document: str) -> list[tuple[str, str]]:
    """Return file and test of each reference; one without a file is about the file before it."""
    found: list[tuple[str, str]] = []
    for match in REFERENCE.finditer((ROOT / "docs" / document).read_text()):
        file, test = match[1] or (found[-1][0] if found else ""), match[2] or ""
        if match[0] != "``":
            found.append((file, test))
    return found


@pytest.mark.parametrize("document", ["threats.md", "security.md"])
def test_every_test_that_a_document_names_exists(document: str) -> None:
    named = references(document)
    assert len(named) > 20
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert not test or re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE), (
            f"{file} has no {test}"
        )


def test_a_document_has_no_rest_of_a_merge() -> None:
    for file in (ROOT / "docs").rglob("*.md"):
        assert not re.search(r"^(<<<<<<<|>>>>>>>) ", file.read_text(), re.MULTILINE), file


def test_every_line_of_the_threats_has_a_test() -> None:
    rows = [
        line
        for line in (ROOT / "docs" / "threats.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith(("| Can try", "| Mistake"))
    ]
    assert len(rows) > 50
    assert [row for row in rows if "`tests/" not in row.split("|")[3]] == []
