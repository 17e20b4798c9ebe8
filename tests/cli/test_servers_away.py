"""A server that cannot be used is the same sentence in every command: the cause, and what to do."""

import contextlib
import json
import ssl
from pathlib import Path
from socket import create_server
from threading import Thread

import pytest

from tests.cli.conftest import Idp
from tests.support.certificates import make_certificates
from tests.support.servers import PostgresServer


def said_by_doctor(idp: Idp, part: str) -> str:
    findings = json.loads(idp("doctor", "--json").out)["findings"]
    return str(next(finding["text"] for finding in findings if finding["part"] == part))


@pytest.mark.parametrize("fault", ["no database", "no role", "a parameter", "a directory"])
def test_all_commands_name_the_same_cause(
    idp: Idp, monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer, tmp_path: Path, fault: str
) -> None:
    at = f"127.0.0.1:{postgres.port}"
    url, said = {
        "no database": (f"postgresql://postgres@{at}/none", "has no database none"),
        "no role": (f"postgresql://nobody:secret-of-ours@{at}/postgres", "does not let nobody in"),
        "a parameter": (f"postgresql://postgres@{at}/none?keepalives=1", "'keepalives'"),
        "a directory": (f"sqlite:///{tmp_path}/missing/idp.db", "its directory is missing"),
    }[fault]
    monkeypatch.setenv("IDP_DATABASE_URL", url)
    migrating = idp("migrate")
    assert migrating.code == 1
    assert said in migrating.err
    assert len(migrating.err.splitlines()) == 1
    assert "secret-of-ours" not in migrating.err
    if fault != "a directory":  # where nothing is yet, the others say: idp migrate
        assert idp("serve", "--port", "1").err == migrating.err
        assert said_by_doctor(idp, "database") == migrating.err.strip()
        assert idp("user", "list").err == migrating.err


@pytest.mark.parametrize("command", ["serve", "migrate", "doctor"])
def test_a_redis_url_that_is_none_stops_every_command(
    migrated: Idp, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("IDP_REDIS_URL", "http://localhost:6379")
    outcome = migrated(command)
    assert outcome.code == 1
    assert "IDP_REDIS_URL: must begin with redis://, rediss:// (TLS) or unix://" in outcome.out + outcome.err


def test_a_parameter_that_redis_does_not_know_is_said_by_serve_and_doctor(
    migrated: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_REDIS_URL", "redis://localhost/0?unheard_of=1")
    assert "unheard_of" in migrated("serve", "--port", "1").err
    assert "unheard_of" in said_by_doctor(migrated, "redis")


@pytest.mark.parametrize(
    ("part", "variable", "url"),
    [
        ("issuer", "IDP_ISSUER", "https://localhost:{port}"),
        ("redis", "IDP_REDIS_URL", "rediss://localhost:{port}/0"),
        ("mail", "IDP_SMTP_URL", "smtps://localhost:{port}"),
    ],
)
def test_doctor_says_which_certificate_is_not_trusted_and_why(
    migrated: Idp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, part: str, variable: str, url: str
) -> None:
    certificates = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    with create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    context.wrap_socket(connection, server_side=True).close()

        thread = Thread(target=serve, daemon=True)
        thread.start()
        monkeypatch.setenv(variable, url.format(port=port))
        said = said_by_doctor(migrated, part)
        assert f"The certificate of localhost:{port} is not trusted: " in said
        assert "local issuer certificate" in said
        assert "IDP_OUTGOING__CA" in said
        monkeypatch.setenv("IDP_OUTGOING__CA", str(certificates.authority))
        assert "not trusted" not in said_by_doctor(migrated, part)
        listening.shutdown(2)
    thread.join(5)
