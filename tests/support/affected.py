"""Which tests a change concerns, for `make check`: prints their paths.

The change is what is not committed; in a clean tree it is the last commit, and `SINCE` names another one. The tests
are those that changed, those that name a changed module, and the folder that mirrors its package; always two
journeys through the whole provider. Real browsers, real clients and both databases are left to `make test`, unless
the tests there are what changed.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLOW = ("tests/browser/", "tests/clients/", "tests/contracts/")
JOURNEYS = ("tests/flows/test_sign_in.py", "tests/flows/test_refresh.py")
NOT_ALWAYS = (*SLOW, "tests/flows/", "tests/support/")
"""What does not run when a change concerns all tests: the journeys take a minute by themselves."""
FOR_FOLDERS = {
    "templates": ("tests/pages", "tests/i18n"),
    "translations": ("tests/i18n",),
    "migrations": ("tests/storage/test_migrations.py",),
    "docs": ("tests/cli/test_commands.py",),
}


def changed_files(since: str | None) -> list[str]:
    """Return the paths of the files that differ from a commit, also those that git does not know yet."""
    found = _git("diff", "--name-only", since or "HEAD") + _git("ls-files", "--others", "--exclude-standard")
    return found or _git("diff", "--name-only", "HEAD~1")


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def concerned(changed: Iterable[str]) -> list[str]:
    """Return the paths of the tests that changed files concern."""
    files = {path: (ROOT / path).read_text() for path in _test_files()}
    wanted = set(JOURNEYS)
    for path in changed:
        folder, _, rest = path.partition("/")
        if path in files:
            wanted.add(path)
        elif path in {"tests/conftest.py", "pyproject.toml"} or path.startswith("tests/support/"):
            wanted.update(file for file in files if not file.startswith(NOT_ALWAYS))
        elif folder == "idp" and path.endswith(".py"):
            wanted.update(_tests_of_module(path, files))
        elif folder == "tests" and not path.startswith(SLOW):
            wanted.add(f"tests/{rest.partition('/')[0]}")
        else:
            wanted.update(FOR_FOLDERS.get(folder, ()))
    existing = sorted(path for path in wanted if (ROOT / path).exists())
    return [path for path in existing if not any(path.startswith(f"{other}/") for other in existing)]


def _test_files() -> Iterator[str]:
    return (str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py"))


def _tests_of_module(path: str, files: dict[str, str]) -> set[str]:
    package, _, name = path.removesuffix(".py").removesuffix("/__init__").rpartition("/")
    package = package.replace("/", ".")
    names = (f"{package}.{name}", f"from {package} import {name}")
    found = {file for file, text in files.items() if any(each in text for each in names)}
    mirror = "tests/" + "/".join(path.split("/")[1:-1])
    return {file for file in found if not file.startswith(SLOW)} | ({mirror} if mirror != "tests/" else set())


if __name__ == "__main__":
    print(*concerned(changed_files(os.environ.get("SINCE"))))  # noqa: T201  this is a command
    sys.exit(0)
