"""Where Apache with mod_auth_openidc is, and how a Debian machine without it gets it.

`make test` runs this file before the tests. It installs `apache2-bin`, which has the program and no service:
nothing starts, and nothing listens.
"""

import shutil
import sys
from pathlib import Path

from tests.support.installing import in_ci, install_debian_packages

MODULES = Path("/usr/lib/apache2/modules")
MISSING = "Apache with mod_auth_openidc is missing: apt-get install apache2-bin libapache2-mod-auth-openidc"


def find() -> Path | None:
    """Return the program to start, or None where it or mod_auth_openidc is not installed."""
    program = shutil.which("apache2") or shutil.which("apache2", path="/usr/sbin")
    return Path(program) if program and (MODULES / "mod_auth_openidc.so").is_file() else None


def main() -> int:
    """Install Apache where it is missing; return 1 where CI ends up without it."""
    if find() is None:
        print("Installing Apache for the tests of mod_auth_openidc", flush=True)  # noqa: T201 - this is a command
        install_debian_packages("apache2-bin", "libapache2-mod-auth-openidc")
    if find() is not None:
        return 0
    if in_ci():
        print(f"CI must run the tests of mod_auth_openidc. {MISSING}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"The tests of mod_auth_openidc will be skipped. {MISSING}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
