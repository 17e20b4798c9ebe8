"""Where Chromium is, and how a machine without one gets it.

`make test` runs this file before the tests; the browser fixtures ask `find()` again, so nothing is kept.
"""

import os
import platform
import shutil
import sys
from pathlib import Path

from tests.support.installing import in_ci, install_debian_packages, run

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Below Playwright's cache, for each of the systems that it supports.
PLAYWRIGHT_PATTERNS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium_headless_shell-*/chrome*/*headless*shell",
)


def playwright_cache() -> Path:
    if configured := os.environ.get("PLAYWRIGHT_BROWSERS_PATH"):
        return Path(configured)
    caches = "Library/Caches" if platform.system() == "Darwin" else ".cache"
    return Path.home() / caches / "ms-playwright"


def find() -> Path | None:
    """The program to start, or None where no Chromium is installed."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    for pattern in PLAYWRIGHT_PATTERNS:
        if found_in_cache := sorted(playwright_cache().glob(pattern)):
            return found_in_cache[-1]
    return None


def launch_arguments() -> list[str]:
    """What keeps Chromium from calling out by itself and, for root, what lets it start."""
    quiet = [
        "--disable-background-networking",
        "--disable-gpu",
        "--disable-component-update",
        "--disable-quic",
        "--disable-sync",
        "--no-first-run",
    ]
    return [*quiet, "--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else quiet


def install() -> None:
    """Try the ways this machine offers; whether one worked is for `find()` to say."""
    install_debian_packages("chromium")
    if find() is None:
        run([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ))


def main() -> int:
    if find() is None:
        print("Installing Chromium for the browser tests", flush=True)  # noqa: T201 - this is a command
        install()
    if find() is not None:
        return 0
    if in_ci():
        print("CI must run the browser tests, and no Chromium could be installed.", file=sys.stderr)  # noqa: T201
        return 1
    print("No Chromium here, and none could be installed: the browser tests will be skipped.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
