"""The results that `idp doctor` reports about each part of an installation."""

from dataclasses import dataclass
from typing import Final, Literal

PATIENCE: Final = 5.0
"""Seconds that a server may take to answer."""

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """The result of checking one part."""

    part: str
    state: State
    text: str
