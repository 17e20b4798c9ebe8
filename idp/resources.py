"""Where the program's own files are that are not code.

In a checkout they lie beside the package, at the top level; a wheel carries them inside it (`setup.py`).
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def directory(name: str) -> Path:
    """Return the directory of this name that belongs to the installed program."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


TEMPLATES = directory("templates")
TRANSLATIONS = directory("translations")
MIGRATIONS = directory("migrations")
