"""The wheel holds all that the program needs: installed elsewhere it runs, far from this checkout."""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.support.apart import ROOT
from tests.support.running import CHEAP_PASSWORDS, outside_environment, running
from tests.support.servers import free_port

SOURCES = ("idp", "migrations", "templates", "translations", "setup.py", "pyproject.toml")
NOT_SOURCE = shutil.ignore_patterns("__pycache__", "*.pyc")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources: a build leaves its traces there and not in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=NOT_SOURCE)
        else:
            shutil.copy(ROOT / name, copy)
    return copy


def build(kind: str, source: Path, directory: Path) -> Path:
    """Build a wheel or an sdist as an installer does, from what is installed here, and return its path."""
    command = f"from setuptools.build_meta import build_{kind} as build; build({str(directory)!r})"
    subprocess.run([sys.executable, "-c", command], cwd=source, check=True, capture_output=True)
    [built] = directory.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`idp` in an environment that holds the wheel and, of this one, only the libraries."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True)
    [site] = environment.glob("lib/python*/site-packages")
    # A directory that a .pth file names is not searched for .pth files, so the checkout is not found through it.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin" / "idp"


def resources() -> set[str]:
    """The files beside the package that the program reads."""
    found = [*(ROOT / "templates").rglob("*"), *(ROOT / "translations").glob("*.po")]
    found += [*(ROOT / "migrations").rglob("*.py"), *(ROOT / "migrations").glob("*.mako")]
    return {str(path.relative_to(ROOT)) for path in found if path.is_file()}


def test_the_wheel_holds_every_template_translation_and_migration(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"idp/{name}" for name in resources()} <= names
    assert not [name for name in names if not name.startswith(("idp/", "idp-"))]


def test_a_wheel_can_be_built_from_the_source_distribution(source: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", source, tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert resources() | {"setup.py", "pyproject.toml"} <= names


def test_the_installed_program_migrates_a_database(program: Path, tmp_path: Path) -> None:
    environment = outside_environment() | {"IDP_DATABASE_URL": f"sqlite:///{tmp_path}/idp.db"}
    for _ in range(2):
        command = [program, "migrate"]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    code = "import idp, idp.resources as files; print(idp.__file__, files.MIGRATIONS)"
    command = [program.with_name("python"), "-c", code]
    places = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split()
    assert all(place.startswith(str(program.parents[1])) for place in places), places


def test_the_installed_program_shows_the_demo_with_its_styles_and_languages(
    program: Path, tmp_path: Path
) -> None:
    port, demo_port = free_port(), free_port()
    command = [program, "dev", "--port", str(port), "--demo-port", str(demo_port)]
    base = f"http://localhost:{port}"
    with (
        running(command, f"{base}/readyz", tmp_path, CHEAP_PASSWORDS),
        httpx.Client(trust_env=False) as client,
    ):
        page = client.get(f"{base}/login", headers={"Accept-Language": "de"})
        assert 'lang="de"' in page.text
        assert client.get(f"{base}/static/style.css").status_code == 200
        app = client.get(f"http://localhost:{demo_port}/")
        assert "Sign in" in app.text
        assert client.get(f"http://localhost:{demo_port}/static/style.css").status_code == 200
