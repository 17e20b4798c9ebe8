"""Where fixtures come from: one line per module of `tests/support/`."""

import pytest
from hypothesis import HealthCheck, settings

# An example has no time limit: how long one takes is the machine's, and speed is the benchmark's business.
settings.register_profile("idp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("idp")

pytest_plugins = [
    "tests.support.apart",  # first: what is imported later sees a clean environment
    "tests.support.rsa_keys",  # before modules that make keys as they are imported
    "tests.support.servers",
    "tests.support.databases",  # after the servers that it uses, as pytest imports in this order
    "tests.support.smtp",
    "tests.support.provider",
    "tests.support.upstreams",
    "tests.support.running",
    "tests.support.browser",
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The server runs on asyncio alone; session scope lets async fixtures of any scope share its loop."""
    return "asyncio"
