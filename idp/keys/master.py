"""Where the master key comes from."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from idp.config import Settings
from idp.crypto import MasterKey
from idp.errors import ConfigurationError

FILE_NAME = "master.key"


def load_master_key(settings: Settings) -> MasterKey:
    """Return the master key from IDP_MASTER_KEY, or from `master.key` in the keys directory.

    In development the file is made when it is missing. Elsewhere it never is: a container that starts
    without its volume would otherwise make a new key and be unable to read its own database.
    """
    if settings.master_key is not None:
        return MasterKey.parse(settings.master_key.get_secret_value())
    path = settings.keys.directory / FILE_NAME
    if settings.dev:
        _create(path)
    try:
        return MasterKey.parse(path.read_text().strip())
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"There is no master key: set IDP_MASTER_KEY (or IDP_MASTER_KEY_FILE) to the output of "
            f"idp keys generate-master, or put that in {path}."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The master key in {path} cannot be read: {error}.") from error


def _create(path: Path) -> None:
    """Make the file unless it is there. Of several workers at once one wins, and all read the same."""
    if path.exists():
        return
    draft = path.with_name(f".{FILE_NAME}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(MasterKey.generate() + "\n")
            # A link appears with its whole content, and fails where another worker was faster.
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The master key cannot be written to {path}: {error.strerror}; "
            "make that directory writable or set IDP_MASTER_KEY."
        ) from error
