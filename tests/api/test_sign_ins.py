"""Sign-ins by the API and the password grant, as the operator sees them."""

import pytest

from tests.support.api import Api
from tests.support.identity import audit_events
from tests.support.provider import EMAIL, PASSWORD, RunningProvider

CREDENTIALS = {"email": EMAIL, "password": PASSWORD}


@pytest.mark.parametrize("path", ["/auth/login", "/auth/access-token"])
async def test_a_sign_in_is_in_the_audit_trail_with_its_address(provider: RunningProvider, path: str) -> None:
    person = await provider.create_user()
    api = Api(provider, "192.0.2.77")
    if path == "/auth/login":
        assert (await api.post(path, CREDENTIALS)).status_code == 200
    else:
        form = {"username": EMAIL, "password": PASSWORD}
        assert (await api.ask("POST", path, data=form)).status_code == 200
    [event] = [each for each in await audit_events(provider.database) if each.name == "grant.signed_in"]
    assert (event.user_id, event.client_id, event.address) == (person.id, "idp-api", "192.0.2.77")
    assert event.detail["amr"] == ["pwd"]
