"""Where settings come from: keyword arguments, the environment, files."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from idp.config.settings import Settings
from idp.errors import ConfigurationError

ENVIRONMENT_PREFIX = "IDP_"
FILE_SUFFIX = "_FILE"


def load_settings(
    environ: Mapping[str, str] | None = None, file: Path | None = None, **overrides: Any
) -> Settings:
    """Read the settings, or raise `ConfigurationError` with one sentence for each fault."""
    environ = os.environ if environ is None else environ
    file = file or Path(environ.get("IDP_CONFIG", "idp.toml"))
    values: dict[str, Any] = {}
    try:
        if file.is_file():
            values = tomllib.loads(file.read_text())
        elif "IDP_CONFIG" in environ:
            raise ConfigurationError(f"IDP_CONFIG names {file}, which is not a file.")
        values = _merge(_merge(values, _from_environment(environ)), overrides)
        return Settings.model_validate(values)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise ConfigurationError(" ".join(_sentence(fault) for fault in error.errors())) from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name == "IDP_CONFIG":
            continue
        value = text
        if name.endswith(FILE_SUFFIX):
            name = name.removesuffix(FILE_SUFFIX)  # noqa: PLW2901  the setting that the file is for
            try:
                value = Path(text).read_text().strip()
            except OSError as error:
                raise ConfigurationError(
                    f"{name}{FILE_SUFFIX} names {text}, which cannot be read: {error.strerror}."
                ) from error
        *sections, last = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        target = values
        for section in sections:
            target = target.setdefault(section, {})
        target[last] = value
    return values


def _merge(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(weak)
    for key, value in strong.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _sentence(fault: Any) -> str:
    path = [str(part) for part in fault["loc"]]
    variable = ENVIRONMENT_PREFIX + "__".join(path).upper()
    if fault["type"] == "extra_forbidden":
        return f"{variable} is not a setting; idp config lists them all."
    reason = fault["msg"].removeprefix("Value error, ")
    return f"{variable}: {reason}."
