"""`idp client`: presets, chosen secrets, several clients from a file, and what an operator is told."""

import json
from pathlib import Path

import pytest

from idp.administration.applications import APPLICATIONS
from idp.cli.client_reference import render_applications
from idp.oauth.client_metadata import ClientMetadata
from idp.oauth.registration import check_metadata
from tests.cli.conftest import Idp
from tests.support.apart import ROOT

APP = ("client", "create", "--name", "App", "--redirect-uri", "https://app.example.com/cb")
SECRET = "a-secret-that-the-app-has-already"


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_preset_is_a_client_that_may_be_registered(name: str) -> None:
    application = APPLICATIONS[name]
    url = "https://app.example.com/" if application.needs_url else None
    check_metadata(ClientMetadata(**application.metadata_at(url)))
    text = application.settings_for(url=url, issuer="https://id", client_id="c-1", client_secret="s-1")
    assert "c-1" in text
    assert not {"<url>", "<issuer>", "<client_id>", "<client_secret>"} & set(text.split())
    if application.tried is not None:
        assert (ROOT / application.tried).is_file()


def test_the_pages_of_applications_are_those_in_the_documentation() -> None:
    directory = ROOT / "docs" / "integrations"
    written = {path.name: path.read_text() for path in directory.iterdir()}
    assert written == render_applications(), "run: idp client presets --markdown docs/integrations"


def test_a_preset_registers_the_client_and_says_what_to_enter_in_the_app(migrated: Idp) -> None:
    command = ("client", "create", "--for", "grafana", "--url", "https://grafana.example.com/")
    made = migrated(*command, "--json").json
    assert made["client_name"] == "Grafana"
    assert made["redirect_uris"] == ["https://grafana.example.com/login/generic_oauth"]
    assert made["require_pkce"] is True
    assert f"client_secret = {made['client_secret']}" in made["settings"]
    assert "auth_url = http://localhost:8000/authorize" in made["settings"]
    outcome = migrated(*command, "--name", "Charts", "--scope", "openid")
    assert "Charts" in outcome.out
    assert "[auth.generic_oauth]" in outcome.out


def test_a_preset_that_is_none_or_lacks_its_url_is_refused(migrated: Idp) -> None:
    assert "grafana" in migrated("client", "create", "--for", "nope").err
    assert "--url" in migrated("client", "create", "--for", "grafana").err
    assert migrated("client", "list", "--json").json == {"clients": []}
    assert {"name": "django", "application": "Django (mozilla-django-oidc)", "tried": True} in migrated(
        "client", "presets", "--json"
    ).json["presets"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "must use PKCE with S256, or send a nonce"),
        (("--public",), "must use PKCE with S256."),
        (("--require-pkce",), "must use PKCE with S256."),
        (("--no-require-pkce",), "may leave out PKCE"),
        (
            ("--grant", "client_credentials"),
            "authenticate at the token endpoint with client_secret_basic or client_secret_post.",
        ),
    ],
)
def test_creating_a_client_says_what_the_app_must_be_able_to_do(
    migrated: Idp, options: tuple[str, ...], sentence: str
) -> None:
    outcome = migrated(*APP, *options)
    assert sentence in outcome.err
    assert "Its issuer is http://localhost:8000" in outcome.err
    assert ("--id-token-claims" in outcome.err) is ("client_credentials" not in options)
    assert "--id-token-claims" not in migrated(*APP, "--id-token-claims").err


def test_a_client_without_a_name_is_refused_in_a_plain_sentence(migrated: Idp) -> None:
    outcome = migrated("client", "create", "--redirect-uri", "https://app.example.com/cb")
    assert outcome.err.startswith("The app needs a name, which people see: give it with --name. See:")
    assert outcome.code == 2


def test_the_strict_setting_is_told_and_leaves_no_exemption(
    migrated: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_CLIENTS__REQUIRE_PKCE", "true")
    assert "must use PKCE with S256." in migrated(*APP).err
    assert "IDP_CLIENTS__REQUIRE_PKCE" in migrated(*APP, "--no-require-pkce").err


def test_a_secret_is_read_from_a_file(migrated: Idp, installation: Path) -> None:
    (installation / "secret").write_text(f"{SECRET}\n")
    made = migrated(*APP, "--client-id", "app", "--client-secret-file", "secret", "--json").json
    assert made["client_secret"] == SECRET
    (installation / "secret").write_text("short")
    outcome = migrated("client", "rotate-secret", "app", "--client-secret-file", "secret")
    assert (outcome.code, "24 to 200" in outcome.err) == (1, True)
    assert "cannot be read" in migrated(*APP, "--client-secret-file", "missing").err


def test_several_clients_come_from_a_file(migrated: Idp, installation: Path) -> None:
    web = {"client_name": "Web", "redirect_uris": ["https://web.example.com/cb"], "scope": "openid email"}
    keyed = {"client_id": "service", "client_secret": SECRET, "client_name": "Service"}
    service = {**keyed, "grant_types": ["client_credentials"], "scope": "read"}
    (installation / "clients.json").write_text(json.dumps({"clients": [web, service]}))
    made = migrated("client", "import", "clients.json", "--json").json["clients"]
    assert [client["client_name"] for client in made] == ["Web", "Service"]
    assert (made[0]["scope"], bool(made[0]["client_secret"])) == ("openid email", True)
    assert (made[1]["client_id"], made[1]["client_secret"]) == ("service", SECRET)


def test_a_file_may_be_toml(migrated: Idp, installation: Path) -> None:
    (installation / "clients.toml").write_text(
        '[[clients]]\nclient_name = "Web"\nredirect_uris = ["https://web.example.com/cb"]\n'
    )
    assert "Web" in migrated("client", "import", "clients.toml").out


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("nonsense", "is not JSON"),
        ("[]", "no list"),
        ('{"clients": [1]}', "no list"),
        ('{"clients": [{}]}', "Client 1: client_name is missing"),
        ('{"clients": [{"client_name": 1}]}', "Client 1: client_name must be a text"),
        ('{"clients": [{"client_name": "x", "nope": 1}]}', "Client 1: 'nope' is not client metadata"),
        ('{"clients": [{"client_name": "x", "client_id": 1}]}', "Client 1: client_id must be a text"),
        ('{"clients": [{"client_name": "x"}]}', "redirect URI"),
    ],
)
def test_a_wrong_file_registers_nothing_and_names_the_fault(
    migrated: Idp, installation: Path, content: str, reason: str
) -> None:
    (installation / "clients.json").write_text(content)
    outcome = migrated("client", "import", "clients.json")
    assert (outcome.code, reason in outcome.err) == (1, True)
    assert migrated("client", "list", "--json").json == {"clients": []}


def test_clients_of_a_file_are_registered_all_or_none(migrated: Idp, installation: Path) -> None:
    client = {"client_id": "app", "client_name": "App", "redirect_uris": ["https://app.example.com/cb"]}
    (installation / "clients.json").write_text(
        json.dumps({"clients": [{**client, "client_id": "a"}, client]})
    )
    migrated(*APP, "--client-id", "app")
    assert "exists already" in migrated("client", "import", "clients.json").err
    assert [each["client_id"] for each in migrated("client", "list", "--json").json["clients"]] == ["app"]
