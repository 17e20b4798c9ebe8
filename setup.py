"""What pyproject.toml cannot say: a wheel carries inside `idp` the directories that lie beside it here.

`idp/resources.py` finds them in both places. An editable install leaves them where they are.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RESOURCES = {
    "migrations": ("env.py", "script.py.mako", "versions/*.py"),
    "templates": ("**/*",),
    "translations": ("*.po",),
}


def resources() -> list[Path]:
    """Return the files to carry, relative to this directory."""
    here = Path(__file__).parent
    found = (
        path
        for name, patterns in RESOURCES.items()
        for pattern in patterns
        for path in (here / name).glob(pattern)
    )
    return sorted(path.relative_to(here) for path in found if path.is_file())


class BuildWithResources(build_py):
    """Copies the package, then the files beside it."""

    def run(self) -> None:
        """Build the tree that becomes the wheel."""
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib) / "idp"
        for name in RESOURCES:
            shutil.rmtree(package / name, ignore_errors=True)  # an earlier build may have left files
        for file in resources():
            target = package / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)

    def get_source_files(self) -> list[str]:
        """Name what a source distribution has to hold, so that a wheel can be built from it too."""
        return [*super().get_source_files(), *map(str, resources())]


setup(cmdclass={"build_py": BuildWithResources})
