"""Installing the programs outside Python that some tests drive."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping


def in_ci() -> bool:
    """Return whether this is a CI run, in which no test may be skipped for want of a program."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def install_debian_packages(*packages: str) -> None:
    """Install packages with apt where this process is root and there is an apt; a failure is only printed."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    run([*apt, "update"], environment)
    run([*apt, "install", "-y", "--no-install-recommends", *packages], environment)


def run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run a command; print the end of its output where it fails."""
    done = subprocess.run(
        command,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(f"{' '.join(command)} failed:\n{done.stdout[-1000:]}", file=sys.stderr)  # noqa: T201 - commands call this
