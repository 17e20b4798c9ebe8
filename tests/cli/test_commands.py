"""Every command, and every failure as a sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from redis import Redis

from idp.cli import main, server
from idp.cli.client_reference import render_markdown as render_client_metadata
from idp.cli.configuration import render_markdown
from idp.crypto import MasterKey
from idp.oauth.client_metadata import ATTRIBUTES
from tests.cli.conftest import Idp
from tests.support.apart import ROOT
from tests.support.servers import RedisServer

APP = ("client", "create", "--name", "App", "--redirect-uri", "https://app.example.com/cb")
PERSON = ("user", "create", "--email", "ada@example.com", "--password", "correct horse battery")


def test_without_a_command_the_help_is_printed(idp: Idp) -> None:
    assert "serve" in idp().out
    assert idp("--version").out.strip()


def test_help_loads_neither_the_database_nor_the_server() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from idp.cli.main import run; run(['--help']); run(['client', 'create', '--help']);"
            "print(sorted({'sqlalchemy', 'uvicorn', 'authlib', 'starlette', 'structlog'} & set(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nope",), "No such command"),
        (("client",), "Missing command"),
        (("client", "create"), "--name"),
        (("serve", "--port", "0"), "--port"),
        (("user", "show", "--nope"), "--nope"),
    ],
)
def test_a_wrong_use_is_a_sentence_that_points_to_the_help(
    idp: Idp, arguments: tuple[str, ...], sentence: str
) -> None:
    outcome = idp(*arguments)
    assert outcome.code == 2
    assert sentence in outcome.err
    assert "--help" in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("client", "list"),
        ("user", "list"),
        ("keys", "list"),
        ("keys", "rotate"),
        APP,
        PERSON,
        ("serve",),
    ],
)
def test_a_database_that_is_not_migrated_is_a_sentence_and_no_file(
    idp: Idp, installation: Path, arguments: tuple[str, ...]
) -> None:
    outcome = idp(*arguments)
    assert outcome.code == 1
    assert outcome.err.strip() == "The database is not set up yet; run: idp migrate"
    assert not (installation / "idp.db").exists()


def test_an_unreachable_database_is_a_sentence(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_DATABASE_URL", "postgresql://idp:topsecret@127.0.0.1:1/idp")
    for arguments in (("client", "list"), ("serve",), ("migrate",)):
        outcome = idp(*arguments)
        assert outcome.code == 1
        assert "Nothing answers at 127.0.0.1:1" in outcome.err
        assert "topsecret" not in outcome.err


def test_a_misspelt_setting_is_a_sentence(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_ISUER", "https://id.example.com")
    assert "IDP_ISUER is not a setting" in idp("client", "list").err


def test_the_unexpected_is_a_sentence_too_and_a_traceback_on_demand(
    migrated: Idp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("topsecret")

    monkeypatch.setattr("idp.cli.clients.run", broken)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        outcome = migrated("client", "list")
    assert outcome.code == 1
    assert "ZeroDivisionError" in outcome.err
    assert "topsecret" not in outcome.err
    with pytest.warns(RuntimeWarning, match="never awaited"):
        assert main.run(["client", "list", "--traceback"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_migrate_goes_forward_and_back(idp: Idp) -> None:
    assert "from revision base" in idp("migrate").out
    assert "already" in idp("migrate").out
    assert "to base" in idp("migrate", "--to", "base").out
    assert "no migration" in idp("migrate", "--to", "zzz").err


# Clients ------------------------------------------------------------------------------------------------


def test_client_create_prints_one_json_object_with_the_secret(migrated: Idp) -> None:
    made = migrated(*APP, "--json").json
    assert made["client_id"]
    assert made["client_secret"]
    assert made["grant_types"] == ["authorization_code", "refresh_token"]
    assert made["scope"] == "openid profile email address phone offline_access"
    shown = migrated("client", "show", made["client_id"], "--json").json
    assert "client_secret" not in shown
    assert made["client_secret"] not in str(shown)


def test_client_create_takes_every_option(migrated: Idp, installation: Path) -> None:
    made = migrated(
        *APP,
        *("--client-id", "app", "--post-logout-redirect-uri", "https://app.example.com/"),
        *("--auth-method", "client_secret_post", "--grant", "authorization_code", "--grant", "password"),
        *("--scope", "openid email", "--scope", "read", "--audience", "https://api.example.com"),
        *("--first-party", "--origin", "https://spa.example.com", "--no-require-pkce"),
        *("--jwks-uri", "https://app.example.com/jwks", "--id-token-alg", "ES256", "--keep-grants-on-logout"),
        *("--logo-uri", "https://app.example.com/logo.png", "--client-uri", "https://app.example.com/"),
        *("--policy-uri", "https://app.example.com/p", "--tos-uri", "https://app.example.com/t", "--json"),
    ).json
    assert made["client_id"] == "app"
    assert made["token_endpoint_auth_method"] == "client_secret_post"
    assert made["scope"] == "openid email read"
    assert made["first_party"] is True
    assert made["require_pkce"] is False
    assert made["end_grants_on_logout"] is False
    assert made["id_token_signed_response_alg"] == "ES256"
    assert made["allowed_origins"] == ["https://spa.example.com"]


def test_the_reference_of_client_metadata_is_the_one_in_the_documentation() -> None:
    written = (ROOT / "docs" / "client-metadata.md").read_text()
    assert written == render_client_metadata(), (
        "run: idp client metadata --markdown > docs/client-metadata.md"
    )


def test_every_attribute_has_an_option_for_create_and_for_update(idp: Idp) -> None:
    for command in ("create", "update"):
        text = idp("client", command, "--help").out
        for attribute in ATTRIBUTES:
            assert attribute.option.split("/")[0] in text


def test_a_public_client_has_no_secret(migrated: Idp) -> None:
    made = migrated(*APP, "--public", "--json").json
    assert "client_secret" not in made
    assert made["token_endpoint_auth_method"] == "none"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--redirect-uri", "https://app.example.com/#x"), "fragment"),
        (("--redirect-uri", "http://app.example.com/"), "http"),
        (("--grant", "implicit"), "cannot be 'implicit'"),
        (("--jwks", "missing.json"), "cannot be read"),
        (("--jwks", "."), "cannot be read"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(
    migrated: Idp, options: tuple[str, ...], sentence: str
) -> None:
    outcome = migrated(*APP, *options, "--json")
    assert outcome.code == 1
    assert sentence in outcome.err
    assert outcome.out == ""
    assert migrated("client", "list", "--json").json == {"clients": []}


def test_an_algorithm_that_has_no_keys_here_is_refused(
    migrated: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client would get an error for every code, and discovery does not name it."""
    monkeypatch.setenv("IDP_KEYS__ALGORITHMS", "RS256,ES256")
    migrated(*APP, "--client-id", "app", "--id-token-alg", "ES256")
    for command in (APP, ("client", "update", "app")):
        outcome = migrated(*command, "--id-token-alg", "EdDSA", "--json")
        assert outcome.code == 1
        assert "the choices are RS256, ES256." in outcome.err
    assert migrated("client", "show", "app", "--json").json["id_token_signed_response_alg"] == "ES256"


@pytest.mark.parametrize("content", ["nonsense", "[]"])
def test_a_jwks_file_that_is_none_is_refused(migrated: Idp, installation: Path, content: str) -> None:
    (installation / "jwks.json").write_text(content)
    assert migrated(*APP, "--jwks", "jwks.json").code == 1


def test_a_client_id_is_taken_once(migrated: Idp) -> None:
    assert migrated(*APP, "--client-id", "app").code == 0
    assert "exists already" in migrated(*APP, "--client-id", "app").err


def test_a_client_is_changed_and_its_secret_rotated(migrated: Idp) -> None:
    made = migrated(*APP, "--client-id", "app", "--json").json
    changed = migrated(
        "client", "update", "app", "--name", "New", "--scope", "openid", "--disable", "--json"
    ).json
    assert (changed["client_name"], changed["scope"], changed["disabled"]) == ("New", "openid", True)
    assert changed["redirect_uris"] == made["redirect_uris"]
    assert migrated("client", "update", "app", "--enable", "--json").json["disabled"] is False
    rotated = migrated("client", "rotate-secret", "app", "--json").json
    assert rotated["client_secret"] != made["client_secret"]
    public = migrated("client", "update", "app", "--auth-method", "none", "--json").json
    assert public["token_endpoint_auth_method"] == "none"
    assert "has no secret" in migrated("client", "rotate-secret", "app").err
    keyed = ("--auth-method", "private_key_jwt", "--jwks-uri", "https://app.example.com/jwks")
    assert migrated("client", "update", "app", *keyed).code == 0
    assert "needs a redirect URI" in migrated("client", "update", "app", "--redirect-uri", "").err


def test_a_client_is_listed_and_deleted(migrated: Idp) -> None:
    migrated(*APP, "--client-id", "app")
    assert "app" in migrated("client", "list").out
    assert "App" in migrated("client", "show", "app").out
    assert "--yes" in migrated("client", "delete", "app").err
    assert migrated("client", "delete", "app", "--yes", "--json").json["deleted"] is True
    for arguments in (
        ("show", "app"),
        ("delete", "app", "--yes"),
        ("update", "app"),
        ("rotate-secret", "app"),
    ):
        assert "There is no client app" in migrated("client", *arguments).err
    migrated(*APP, "--client-id", "app")
    assert "is deleted" in migrated("client", "delete", "app", "--yes").out


# Users --------------------------------------------------------------------------------------------------


def test_user_create_prints_one_json_object(migrated: Idp) -> None:
    made = migrated(*PERSON, "--name", "Ada", "--verified", "--admin", "--json").json
    assert made["id"]
    assert made["email"] == "ada@example.com"
    assert made["email_verified"] is True
    assert made["roles"] == ["admin"]
    assert made["name"] == "Ada"
    assert "correct horse" not in str(made)


def test_a_password_comes_from_standard_input_or_a_terminal(
    migrated: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ("user", "create", "--email", "ada@example.com")
    assert "no terminal" in migrated(*create).err
    assert "not both" in migrated(*PERSON, "--password-stdin").err
    assert migrated(*create, "--password-stdin", stdin="correct horse battery\n").code == 0
    monkeypatch.setattr("idp.cli.users.has_terminal", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "another long password")
    assert migrated("user", "set-password", "ada@example.com").code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--email", "nonsense", "--password", "correct horse battery"), ""),
        (("--email", "ada@example.com", "--password", "short"), "at least"),
    ],
)
def test_a_wrong_account_is_refused(migrated: Idp, arguments: tuple[str, ...], sentence: str) -> None:
    outcome = migrated("user", "create", *arguments)
    assert outcome.code == 1
    assert sentence in outcome.err
    assert migrated("user", "list", "--json").json == {"users": []}


def test_an_account_is_changed_by_address_or_id(migrated: Idp) -> None:
    made = migrated(*PERSON, "--json").json
    assert "exists already" in migrated(*PERSON).err
    roles = ("user", "roles", made["id"], "--json")
    assert migrated(*roles, "--add", "editor", "--add", "admin").json["roles"] == ["editor", "admin"]
    assert migrated(*roles, "--remove", "admin").json["roles"] == ["editor"]
    assert migrated(*roles).json["roles"] == ["editor"]
    assert "is not a role" in migrated(*roles, "--add", "Not a role").err
    assert migrated("user", "disable", "Ada@example.com", "--json").json["disabled"] is True
    assert migrated("user", "enable", made["id"], "--json").json["disabled"] is False
    assert migrated("user", "set-password", made["id"], "--password", "another password").code == 0
    assert "ada@example.com" in migrated("user", "show", made["id"]).out
    assert "ada@example.com" in migrated("user", "list").out
    migrated("user", "username", made["id"], "countess")
    assert migrated("user", "list").out.split()[:4] == ["id", "email", "username", "name"]
    assert "countess" in migrated("user", "list").out
    assert "--yes" in migrated("user", "delete", made["id"]).err
    assert migrated("user", "delete", made["id"], "--yes", "--json").json["deleted"] is True
    assert "There is no account" in migrated("user", "delete", "ada@example.com", "--yes").err
    migrated(*PERSON)
    assert "is deleted" in migrated("user", "delete", "ada@example.com", "--yes").out


# Keys ---------------------------------------------------------------------------------------------------


def test_keys_are_made_rotated_and_dropped(migrated: Idp) -> None:
    made = migrated("keys", "rotate", "--alg", "ES256", "--json").json["keys"]
    assert [(key["alg"], key["state"]) for key in made] == [("ES256", "published")]
    states = {key["state"] for key in migrated("keys", "list", "--json").json["keys"]}
    assert states == {"signing", "published"}
    migrated("keys", "rotate", "--alg", "ES256", "--emergency")
    listed = migrated("keys", "list", "--json").json["keys"]
    assert sorted(k["state"] for k in listed if k["alg"] == "ES256") == ["expired", "expired", "signing"]
    assert "signing" in migrated("keys", "list").out
    assert "There are no keys for HS256" in migrated("keys", "rotate", "--alg", "HS256").err


def test_a_key_of_ones_own_is_imported_once(migrated: Idp, installation: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (installation / "own.pem").write_bytes(pem)
    (key,) = migrated("keys", "import", "own.pem", "--json").json["keys"]
    assert (key["alg"], key["state"]) == ("EdDSA", "signing")
    assert "known already" in migrated("keys", "import", "own.pem").out
    assert "missing.pem" in migrated("keys", "import", "missing.pem").err


def test_a_generated_master_key_is_one(idp: Idp) -> None:
    MasterKey.parse(idp("keys", "generate-master").out.strip())


def test_a_missing_master_key_is_a_sentence(migrated: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDP_MASTER_KEY")
    for arguments in (("keys", "rotate"), ("serve",)):
        assert "idp keys generate-master" in migrated(*arguments).err


# Configuration and server -------------------------------------------------------------------------------


def test_config_prints_every_setting(idp: Idp) -> None:
    text = idp("config").out
    assert "IDP_ISSUER" in text
    assert "IDP_TOKENS__REFRESH_GRACE [10]" in text
    entries = idp("config", "--json").json["settings"]
    assert all(entry["description"] for entry in entries)
    assert "| `IDP_DATABASE__POOL_SIZE` | `10` |" in idp("config", "--markdown").out


def test_every_duration_names_its_unit(idp: Idp) -> None:
    ends = ("_TTL", "_GRACE", "_DELAY", "_UNDO", "_SKEW", "_AFTER", "_AHEAD", "_EVERY", "_WINDOW", "TIMEOUT")
    durations = {
        entry["name"]: entry["description"]
        for entry in idp("config", "--json").json["settings"]
        if entry["name"].endswith((*ends, "_INTERVAL"))
    }
    assert len(durations) > 20
    assert not [name for name, text in durations.items() if "econds" not in text]


def test_the_reference_in_the_documentation_is_the_one_that_config_prints() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text()
    assert written == render_markdown(), "run: idp config --markdown > docs/configuration.md"


def test_several_faults_are_told_at_once(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDP_MASTER_KEY")
    outcome = idp("serve")
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) == 2


def test_serve_starts_the_server_as_it_was_asked_to(migrated: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(server, "_serve", lambda *arguments: started.append(arguments[2]))
    with server.listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    assert "Listening on http://127.0.0.1" in migrated("serve", "--port", str(port)).err
    assert "SQLite" in migrated("serve", "--port", str(port), "--workers", "2").err
    assert started == [1, 2]


def test_a_taken_port_is_a_sentence(migrated: Idp) -> None:
    with server.listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        for arguments in (("serve", "--port", port), ("dev", "--port", port)):
            outcome = migrated(*arguments)
            assert outcome.code == 1
            assert "--port" in outcome.err
            assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("serve", "--host", "no.such.host.invalid"), "not an address"),
        (("serve", "--tls-cert", "cert.pem"), "or neither"),
        (("serve", "--tls-cert", "cert.pem", "--tls-key", "key.pem"), "cannot be read"),
        (("serve", "--tls-cert", "bad.pem", "--tls-key", "bad.pem"), "not a certificate"),
        (("dev", "--host", "0.0.0.0"), "this machine only"),
        (("dev", "--port", "8000", "--demo-port", "8000"), "two different ports"),
    ],
)
def test_a_server_that_cannot_be_started_so_is_a_sentence(
    migrated: Idp, installation: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    (installation / "bad.pem").write_text("nonsense")
    outcome = migrated(*arguments)
    assert outcome.code == 1
    assert sentence in outcome.err


def test_several_workers_get_a_directory_for_their_metrics(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import os

    name = "PROMETHEUS_MULTIPROC_DIR"
    monkeypatch.delenv(name, raising=False)
    with server._shared_metrics(1):
        assert name not in os.environ
    with server._shared_metrics(2):
        made = Path(os.environ[name])
        assert made.is_dir()
    assert not made.exists()
    monkeypatch.setenv(name, str(tmp_path / "given"))
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "counter_1.db").touch()
    with server._shared_metrics(2):
        assert not list((tmp_path / "given").iterdir())


# Doctor -------------------------------------------------------------------------------------------------


def findings(idp: Idp) -> dict[str, tuple[str, str]]:
    import json

    outcome = idp("doctor", "--json")
    found = json.loads(outcome.out)["findings"]
    assert outcome.code == any(finding["state"] == "fail" for finding in found)
    return {finding["part"]: (finding["state"], finding["text"]) for finding in found}


@pytest.fixture(autouse=True)
def no_server_on_the_usual_port(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_ISSUER", "http://localhost:1")


def test_doctor_says_what_to_do(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "idp migrate" in findings(idp)["database"][1]
    idp("migrate")
    assert {part: state for part, (state, _) in findings(idp).items()} == {
        "settings": "warn",
        "database": "ok",
        "keys": "warn",
        "usernames": "ok",
        "files": "ok",
        "redis": "ok",
        "issuer": "warn",
        "mail": "warn",
    }
    idp("keys", "rotate")
    assert findings(idp)["keys"][0] == "ok"
    assert "ok    database" in idp("doctor").out
    monkeypatch.setenv("IDP_MASTER_KEY", MasterKey.generate())
    assert findings(idp)["keys"][0] == "fail"
    monkeypatch.delenv("IDP_MASTER_KEY")
    assert "generate-master" in findings(idp)["keys"][1]


@pytest.mark.parametrize(
    ("variable", "value", "part", "state"),
    [
        ("IDP_DATABASE_URL", "postgresql://idp@127.0.0.1:1/idp", "database", "fail"),
        ("IDP_DATABASE_URL", "mysql://idp@127.0.0.1:1/idp", "database", "fail"),
        ("IDP_REDIS_URL", "redis://127.0.0.1:1/0", "redis", "warn"),
        ("IDP_SMTP_URL", "smtp://127.0.0.1:1", "mail", "fail"),
        ("IDP_SMTP_URL", "http://127.0.0.1", "mail", "fail"),
        ("IDP_SMTP_URL", "smtp://127.0.0.1:nonsense", "mail", "fail"),
        ("IDP_DEV", "true", "settings", "warn"),
        ("IDP_ISUER", "x", "settings", "fail"),
        ("IDP_ISSUER", "https://localhost:1", "settings", "ok"),
    ],
)
def test_doctor_finds_what_does_not_answer(
    idp: Idp, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, part: str, state: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert findings(idp)[part][0] == state


def test_doctor_refuses_a_redis_that_evicts(
    idp: Idp, monkeypatch: pytest.MonkeyPatch, private_redis: RedisServer
) -> None:
    monkeypatch.setenv("IDP_REDIS_URL", private_redis.url)
    assert findings(idp)["redis"][0] == "ok"
    with Redis.from_url(private_redis.url) as redis:
        redis.config_set("maxmemory", "64mb")
        redis.config_set("maxmemory-policy", "volatile-ttl")
    state, sentence = findings(idp)["redis"]
    assert (state, "noeviction" in sentence) == ("fail", True)


def test_doctor_finds_files_that_others_may_read(
    idp: Idp, installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_DATABASE_URL", f"sqlite:///{installation}/idp.db")
    idp("migrate")
    for name in ("idp.db", "keys/own.pem"):
        file = installation / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
        for mode, state in ((0o644, "warn"), (0o606, "warn"), (0o620, "warn"), (0o640, "ok"), (0o600, "ok")):
            file.chmod(mode)
            found = findings(idp)["files"]
            assert found[0] == state, (name, oct(mode))
            assert (str(name) in found[1]) == (state == "warn")


def test_what_a_command_writes_is_its_users_alone(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.support.running import outside_environment

    environment = outside_environment() | {"IDP_DATABASE_URL": f"sqlite:///{tmp_path}/idp.db"}
    command = ["sh", "-c", f"umask 022; {sys.executable} -m idp migrate"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / "idp.db").stat().st_mode & 0o777 == 0o600


def test_development_does_not_listen_for_others(migrated: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_DEV", "true")
    outcome = migrated("serve", "--host", "0.0.0.0")
    assert outcome.code == 1
    assert "IDP_DEV" in outcome.err


def test_nothing_from_outside_reaches_the_terminal_raw(migrated: Idp) -> None:
    hostile = "x\x1b]0;pwn\x07\x9b\x7f"
    for arguments in (
        ("client", "show", hostile),
        ("client", "create", "--name", f"n{hostile}", "--redirect-uri", "https://app.example/cb"),
        ("client", "list"),
        ("client", "list", "--json"),
        ("user", "show", hostile),
        ("migrate", "--to", hostile),
        (hostile,),
    ):
        outcome = migrated(*arguments)
        for character in "\x1b\x07\x9b\x7f":
            assert character not in outcome.out + outcome.err, arguments
