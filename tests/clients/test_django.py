"""mozilla-django-oidc in a Django server of its own."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.person import Person
from tests.support.running import ServedProvider
from tests.support.servers import free_port

SERVER = Path(__file__).with_name("django_app.py")


def start_django(
    provider: ServedProvider,
    application: Callable[..., None],
    *,
    renew_after: int = 900,
    after_login: str = "/",
) -> str:
    """Return the URL of a Django site whose people sign in at the provider."""
    port = free_port()
    base_url = f"http://localhost:{port}"
    client = provider.create_client(
        "Django",
        *("--redirect-uri", f"{base_url}/oidc/callback/"),
        *("--post-logout-redirect-uri", f"{base_url}/"),
    )
    given = {
        "issuer": provider.issuer,
        "port": port,
        "renew_after": renew_after,
        "after_login": after_login,
    } | client
    application([sys.executable, SERVER, json.dumps(given)], ready=f"http://127.0.0.1:{port}/health")
    return base_url


def test_signs_in_and_out(
    running_provider: ServedProvider, application: Callable[..., None], person: Person
) -> None:
    site = start_django(running_provider, application)
    home = person.open(f"{site}/oidc/authenticate/")
    assert str(home.url) == f"{site}/"
    assert person.account.email in home.text
    goodbye = person.press(home, "/oidc/logout/")
    assert str(goodbye.url) == f"{site}/"
    assert "nobody" in goodbye.text
    person.asked.clear()
    person.open(f"{site}/oidc/authenticate/")
    assert person.asked == ["login"], "the provider's session has ended too, and consent is remembered"


def test_renews_its_session_silently(
    running_provider: ServedProvider, application: Callable[..., None], person: Person
) -> None:
    site = start_django(running_provider, application, renew_after=-1, after_login="/health")
    assert person.open(f"{site}/oidc/authenticate/").json() == {"ok": True}
    person.asked.clear()
    renewing = person.open(f"{site}/", until=f"{site}/oidc/callback/")
    assert "code=" in renewing.headers["location"]
    assert person.asked == []
