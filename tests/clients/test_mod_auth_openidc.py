"""Apache with mod_auth_openidc: in front of an application that reads headers, and in front of an API."""

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from idp.administration.applications import application_named
from tests.support import apache
from tests.support.installing import in_ci
from tests.support.person import Person
from tests.support.running import ServedProvider, running
from tests.support.servers import free_port

AUDIENCE = "https://api.behind-apache.example.com"

# Where the parent process is root, the children that answer requests run as User and Group.
SERVER = """
ServerRoot "{directory}"
ServerName localhost:{port}
Listen 127.0.0.1:{port}
PidFile "{directory}/apache.pid"
DefaultRuntimeDir "{directory}"
ErrorLog /dev/stderr
User nobody
Group {group}
StartServers 1
ThreadsPerChild 8
MinSpareThreads 1
MaxRequestWorkers 8

{modules}
ProxyPass / http://127.0.0.1:{behind}/
"""

# OIDCOAuthIntrospectionEndpoint takes https URLs only; the metadata may name one with http.
PROTECTED = """
<Location /admin>
    AuthzSendForbiddenOnFailure On
    Require claim roles:admin
</Location>

OIDCOAuthServerMetadataURL {issuer}/.well-known/oauth-authorization-server
OIDCOAuthClientID {client_id}
OIDCOAuthClientSecret {client_secret}
OIDCOAuthTokenIntrospectionInterval -1

<Location /api>
    AuthType oauth20
    Require valid-user
</Location>
"""

MODULES = ("mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc")


class HeaderReader(BaseHTTPRequestHandler):
    """The application behind Apache: answers with the request's headers, as JSON."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers.items())).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    """The port of the application behind Apache."""
    with ThreadingHTTPServer(("127.0.0.1", 0), HeaderReader) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def api(running_provider: ServedProvider) -> Mapping[str, Any]:
    """The API's own registration, with which Apache introspects the tokens for it."""
    return running_provider.create_client("API", "--grant", "client_credentials", "--audience", AUDIENCE)


@pytest.fixture(scope="module")
def site(
    running_provider: ServedProvider,
    behind: int,
    api: Mapping[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The URL of a site behind Apache, configured as the preset's page says."""
    program = apache.find()
    if program is None:
        if in_ci():
            pytest.fail(f"CI must run the tests of mod_auth_openidc. {apache.MISSING}")
        pytest.skip(apache.MISSING)
    directory, port = tmp_path_factory.mktemp("apache"), free_port()
    url = f"http://localhost:{port}"
    configuration = directory / "httpd.conf"
    configuration.touch(0o600)
    configuration.write_text(
        server_settings(directory, port, behind)
        + relying_party_settings(running_provider, url)
        + PROTECTED.format(issuer=running_provider.issuer, **api)
    )
    command = [program, "-DFOREGROUND", "-f", configuration]
    with running(command, f"{url}/", directory, {"NO_PROXY": "localhost,127.0.0.1"}):
        yield url


def server_settings(directory: Path, port: int, behind: int) -> str:
    modules = "\n".join(
        f"<IfModule !{name}_module>\nLoadModule {name}_module {apache.MODULES}/mod_{name}.so\n</IfModule>"
        for name in MODULES
    )
    group = "nogroup" if "nogroup:" in Path("/etc/group").read_text() else "nobody"
    return SERVER.format(directory=directory, port=port, behind=behind, modules=modules, group=group)


def relying_party_settings(provider: ServedProvider, url: str) -> str:
    client = provider.create_client("Apache", "--for", "mod_auth_openidc", "--url", url)
    settings = application_named("mod_auth_openidc").settings_for(
        url=url,
        issuer=provider.issuer,
        client_id=client["client_id"],
        client_secret=client["client_secret"],
    )
    return settings.replace("a long random text", secrets.token_urlsafe(32))


@pytest.fixture(scope="module")
def app(running_provider: ServedProvider) -> Mapping[str, Any]:
    """A client that calls the API in its own name."""
    return running_provider.create_client(
        "Nightly job", "--grant", "client_credentials", "--scope", "reports", "--audience", AUDIENCE
    )


def ask(provider: ServedProvider, path: str, client: Mapping[str, Any], **form: str) -> httpx.Response:
    credentials = (client["client_id"], client["client_secret"])
    return httpx.post(f"{provider.issuer}{path}", data=form, auth=credentials, trust_env=False)


def call_api(site: str, token: str) -> httpx.Response:
    return httpx.get(f"{site}/api", headers={"Authorization": f"Bearer {token}"}, trust_env=False)


def test_the_application_behind_reads_the_claims_in_headers(site: str, person: Person) -> None:
    page = person.open(f"{site}/reports")
    headers = page.json()
    assert str(page.url) == f"{site}/reports"
    assert "login" in person.asked
    assert headers["OIDC_CLAIM_sub"] == person.account.id
    assert (headers["OIDC_CLAIM_email"], headers["OIDC_CLAIM_name"]) == (
        person.account.email,
        person.account.name,
    )


def test_admits_by_role(site: str, running_provider: ServedProvider, person: Person) -> None:
    admin = running_provider.create_user("admin@behind-apache.example.com")
    running_provider.cli("user", "roles", admin.id, "--add", "admin", "--add", "editor")
    with Person(admin) as entitled:
        admitted = entitled.open(f"{site}/admin")
    refused = person.open(f"{site}/admin")
    assert admitted.status_code == 200
    assert set(admitted.json()["OIDC_CLAIM_roles"].split(",")) == {"admin", "editor"}
    assert refused.status_code == 403
    assert person.open(f"{site}/").status_code == 200, "the same session is good elsewhere"


def test_signs_out_here_and_at_the_provider(site: str, person: Person) -> None:
    person.open(f"{site}/")
    goodbye = f"{site}/oidc/callback?logout={quote(f'{site}/', safe='')}"
    assert person.open(goodbye, until=f"{site}/").headers["location"] == f"{site}/"
    person.asked.clear()
    assert person.open(f"{site}/").status_code == 200
    assert person.asked == ["login"], "both sessions have ended, and consent is remembered"


def test_an_api_accepts_a_token_until_it_is_revoked(
    site: str, running_provider: ServedProvider, app: Mapping[str, Any]
) -> None:
    form = {"grant_type": "client_credentials", "scope": "reports"}
    token = ask(running_provider, "/token", app, **form).json()["access_token"]
    accepted = call_api(site, token)
    assert accepted.status_code == 200
    assert accepted.json()["OIDC_CLAIM_client_id"] == app["client_id"]
    assert ask(running_provider, "/revoke", app, token=token).status_code == 200
    refused = call_api(site, token)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_an_api_refuses_a_token_for_another(site: str, running_provider: ServedProvider) -> None:
    stranger = running_provider.create_client(
        "Other job",
        "--grant",
        "client_credentials",
        "--scope",
        "reports",
        "--audience",
        "https://other.example.com",
    )
    form = {"grant_type": "client_credentials", "scope": "reports"}
    token = ask(running_provider, "/token", stranger, **form).json()["access_token"]
    assert call_api(site, token).status_code == 401
