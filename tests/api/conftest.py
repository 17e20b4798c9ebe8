"""Apps that use the API."""

import pytest

from idp.storage.models import User
from tests.support.api import Api
from tests.support.provider import RunningProvider

OTHER_EMAIL = "mallory@example.com"


@pytest.fixture
def api(provider: RunningProvider) -> Api:
    """An app at which nobody is signed in."""
    return Api(provider)


@pytest.fixture
async def alice(api: Api, person: User) -> Api:
    """An app at which `person` is signed in."""
    return await api.log_in()


@pytest.fixture
async def mallory(provider: RunningProvider) -> Api:
    """Somebody else's app, at another address."""
    await provider.create_user(OTHER_EMAIL)
    return await Api(provider, "192.0.2.7").log_in(OTHER_EMAIL)
