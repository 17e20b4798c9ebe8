"""What the relying parties of these tests stand on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installing import in_ci
from tests.support.person import Person
from tests.support.running import Account

NODE = Path(__file__).parent / "node"


@pytest.fixture
def person(ada: Account) -> Iterator[Person]:
    """Ada at a browser of her own, not signed in."""
    with Person(ada) as found:
        yield found


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder with node_modules."""
    if (NODE / "node_modules").is_dir() and shutil.which("node"):
        return NODE
    reason = "Node.js or its packages are missing: npm ci --prefix tests/clients/node"
    if in_ci():
        pytest.fail(f"CI must run the Node.js relying parties. {reason}")
    pytest.skip(reason)
