"""`idp provider`: adding, listing, trying and removing other providers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import connect
from threading import Thread

import pytest
import uvicorn

from idp.dev.upstreams import CLIENT_ID, CLIENT_SECRET, GITHUB_PATH, GOOGLE_PATH, create_app
from tests.cli.conftest import Idp
from tests.support.servers import free_port

OIDC = ("--type", "oidc", "--client-id", "abc", "--client-secret", "a-secret-of-ours")


@contextmanager
def serving(port: int) -> Iterator[str]:
    """Serve the stand-ins on loopback."""
    base_url = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(
        # Without log_config it leaves the logging of this process alone.
        uvicorn.Config(create_app(base_url), port=port, log_config=None, lifespan="off", ws="none")
    )
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield base_url
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[str]:
    """Google and GitHub on loopback."""
    with serving(free_port()) as base_url:
        yield base_url


@pytest.fixture
def migrated(idp: Idp) -> Idp:
    """The command line on a database that is set up."""
    assert idp("migrate").code == 0
    return idp


def test_a_provider_is_added_listed_and_removed(migrated: Idp, installation: Path) -> None:
    added = migrated("provider", "add", "corp", *OIDC, "--issuer", "https://id.corp.example", "--json").json
    assert added["redirect_uri"] == "http://localhost:8000/federation/corp/callback"
    listed = migrated("provider", "list", "--json")
    assert [row["name"] for row in listed.json["providers"]] == ["corp"]
    assert "a-secret-of-ours" not in listed.out
    assert b"a-secret-of-ours" not in (installation / "idp.db").read_bytes()
    assert migrated("provider", "add", "corp", *OIDC, "--issuer", "https://other.example").code == 1
    removed = migrated("provider", "remove", "corp", "--yes", "--json").json
    assert removed == {"name": "corp", "removed": True, "links_kept": 0}
    assert migrated("provider", "list", "--json").json["providers"] == []
    assert migrated("provider", "remove", "corp", "--yes").code == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_provider_in_our_own_network_is_not_reached_unless_that_is_allowed(
    migrated: Idp, stand_ins: str, host: str
) -> None:
    """A name is judged by where it leads."""
    port = stand_ins.rpartition(":")[2]
    migrated("provider", "add", "corp", *OIDC, "--issuer", f"https://{host}:{port}{GOOGLE_PATH}")
    tried = migrated("provider", "test", "corp")
    assert tried.code == 1
    assert "is not public; IDP_FEDERATION__ALLOW_PRIVATE_ADDRESSES would allow it" in tried.out


def test_removing_a_provider_says_how_many_links_stay(migrated: Idp, installation: Path) -> None:
    migrated("provider", "add", "corp", *OIDC, "--issuer", "https://id.corp.example")
    migrated("user", "create", "--email", "vera@example.com", "--password", "correct horse battery")
    with connect(installation / "idp.db") as database:
        database.execute(
            "INSERT INTO federated_identities (id, user_id, provider, issuer, subject, linked_at, last_used_at) "
            "SELECT 'link', id, 'corp', 'https://id.corp.example', '1', 0, 0 FROM users"
        )
    removed = migrated("provider", "remove", "corp", "--yes")
    assert "Accounts that are linked to it: 1." in removed.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("corp", *OIDC), "needs its issuer"),
        (("google", "--client-secret", "x"), "needs a client_id"),
        (("github", "--client-id", "x"), "client_secret"),
        (("Corp!", *OIDC, "--issuer", "https://x.example"), "cannot name a provider"),
        (
            ("corp", "--type", "oicd", "--client-id", "x", "--issuer", "https://x.example"),
            "has the type oicd",
        ),
        (("corp", *OIDC, "--issuer", "https://x.example", "--set", "autolink=true"), "is not a setting"),
        (("corp", *OIDC, "--issuer", "https://x.example", "--set", "auto_link=perhaps"), "auto_link"),
    ],
)
def test_what_is_missing_or_wrong_is_one_sentence(
    migrated: Idp, arguments: tuple[str, ...], said: str
) -> None:
    outcome = migrated("provider", "add", *arguments)
    assert outcome.code == 1
    assert said in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


def test_the_configuration_goes_before_the_database(migrated: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    migrated("provider", "add", "google", "--client-id", "stored", "--client-secret", "s")
    monkeypatch.setenv("IDP_FEDERATION__GOOGLE__CLIENT_ID", "configured")
    monkeypatch.setenv("IDP_FEDERATION__GOOGLE__CLIENT_SECRET", "s")
    (row,) = migrated("provider", "list", "--json").json["providers"]
    assert (row["client_id"], row["source"]) == ("configured", "configuration")


def test_trying_a_provider_says_that_it_works_and_what_to_register(
    migrated: Idp, stand_ins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_FEDERATION__ALLOW_PRIVATE_ADDRESSES", "true")
    client = ("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
    migrated("provider", "add", "google", *client, "--issuer", stand_ins + GOOGLE_PATH)
    migrated("provider", "add", "github", *client, "--base-url", stand_ins + GITHUB_PATH)
    for name in ("google", "github"):
        tried = migrated("provider", "test", name, "--json").json
        assert tried["ok"] is True
        assert tried["redirect_uri"].endswith(f"/federation/{name}/callback")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--issuer", "{google}/"), "The issuer is wrong"),
        (("--issuer", "{base}/nothing"), "Discovery failed"),
        (("--issuer", "{google}", "--scope", "openid"), "The scope email is missing"),
        (("--issuer", "{google}", "--scope", "openid email extra"), "does not offer the scope extra"),
    ],
)
def test_trying_a_provider_says_what_is_wrong(
    migrated: Idp, stand_ins: str, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("IDP_FEDERATION__ALLOW_PRIVATE_ADDRESSES", "true")
    values = [option.format(google=stand_ins + GOOGLE_PATH, base=stand_ins) for option in options]
    assert migrated("provider", "add", "corp", *OIDC, *values).code == 0
    outcome = migrated("provider", "test", "corp")
    assert outcome.code == 1
    assert said in outcome.out


def test_trying_github_tells_a_wrong_secret(
    migrated: Idp, stand_ins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_FEDERATION__ALLOW_PRIVATE_ADDRESSES", "true")
    options = ("--client-id", CLIENT_ID, "--client-secret", "wrong", "--base-url", stand_ins + GITHUB_PATH)
    migrated("provider", "add", "github", *options)
    outcome = migrated("provider", "test", "github")
    assert outcome.code == 1
    assert "client_id or client_secret is wrong" in outcome.out


def test_a_loopback_provider_is_refused_unless_it_is_allowed(migrated: Idp, stand_ins: str) -> None:
    migrated("provider", "add", "corp", *OIDC, "--issuer", stand_ins + GOOGLE_PATH)
    outcome = migrated("provider", "test", "corp")
    assert outcome.code == 1
    assert "is not an https URL" in outcome.out


@pytest.mark.parametrize("source", ["file", "standard input"])
def test_a_secret_need_not_be_an_argument(migrated: Idp, tmp_path: Path, source: str) -> None:
    file = tmp_path / "secret"
    file.write_text("from-a-file\n")
    given = "-" if source == "standard input" else str(file)
    options = ("--type", "google", "--client-id", "abc", "--client-secret-file", given)
    outcome = migrated("provider", "add", "google", *options, stdin="from-a-file\n")
    assert outcome.code == 0, outcome.err
    assert "from-a-file" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--client-secret-file", "missing"), "cannot be read"),
        (("--client-secret-file", "-"), "no client secret"),
        (("--client-secret-file", "-", "--client-secret", "x"), "not both"),
    ],
)
def test_a_secret_that_cannot_be_read_is_a_sentence(
    migrated: Idp, options: tuple[str, ...], sentence: str
) -> None:
    outcome = migrated("provider", "add", "google", "--client-id", "abc", *options)
    assert outcome.code == 1
    assert sentence in outcome.err


def test_a_secret_is_asked_for_on_a_terminal(migrated: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def prompt(text: str, **options: object) -> str:
        assert options["hide_input"]
        asked.append(text)
        return "typed"

    monkeypatch.setattr("idp.cli.providers.has_terminal", lambda: True)
    monkeypatch.setattr("typer.prompt", prompt)
    assert migrated("provider", "add", "google", "--client-id", "abc").code == 0
    assert len(asked) == 1
