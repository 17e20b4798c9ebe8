"""The fixtures of keys and people."""

from tests.support.identity import (  # noqa: F401  fixtures are found by being here
    accounts,
    clock,
    database,
    hasher,
    keyring,
    login,
    master_key,
    new_keyring,
    sessions,
    settings,
    throttle,
)
