"""What keeps a run apart from the machine that it is on: its environment, working directory, umask and ports.

`make run` may be going in another terminal, a developer may have an `idp.toml`, a proxy or a strict umask: the tests
do the same.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

ROOT = Path(__file__).resolve().parents[2]


def is_ours(name: str) -> bool:
    """Tell whether an environment variable would change what the provider or its tests do."""
    return (
        name.startswith(("IDP_", "PG", "OAUTHLIB_", "AUTHLIB_", "UVICORN_"))
        or name.lower().endswith("_proxy")
        or name in {"PROMETHEUS_MULTIPROC_DIR", "DEMO_STARTED", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    )


for name in filter(is_ours, list(os.environ)):
    del os.environ[name]
# PostgreSQL runs under another account when the tests are root's, and has to read what they made.
os.umask(0o022)
set_hypothesis_home_dir(ROOT / ".hypothesis")


@pytest.fixture(scope="session", autouse=True)
def _directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty working directory: the provider looks for `idp.toml` and `keys/` in it."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(before)
