"""Who walks through the demo, and what checks the pages on the way."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.newcomer import Newcomer
from tests.support.installing import in_ci
from tests.support.running import RunningDemo

AXE = Path(__file__).parents[1] / "clients/node/node_modules/axe-core/axe.min.js"


@pytest.fixture
def newcomer(page: Page, demo: RunningDemo) -> Newcomer:
    return Newcomer(page, demo)


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's source."""
    if AXE.is_file():
        return AXE.read_text()
    reason = "axe-core is missing: npm ci --prefix tests/clients/node"
    if in_ci():
        pytest.fail(f"CI must run the accessibility checks. {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def gallery() -> Path | None:
    """Where the pictures of the pages go: the directory that GALLERY names. Without it none are made."""
    if not (named := os.environ.get("GALLERY")):
        return None
    directory = Path(named)
    directory.mkdir(parents=True, exist_ok=True)
    return directory
