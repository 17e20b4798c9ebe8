"""PostgreSQL's URL as hosted databases hand it out: libpq's parameters are honoured or refused, never ignored."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.errors import ConfigurationError
from idp.storage.postgresql import read_url
from idp.trust import Trust
from tests.support.certificates import Certificates, make_certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def arguments(url: str) -> dict[str, Any]:
    return read_url(url, Trust()).arguments


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p%40ss@db.example/idp", {"user": "u", "password": "p@ss", "database": "idp"}),
        (
            "postgresql://u:pa/s?s#w@db.example:1/idp",
            {"password": "pa/s?s#w", "host": ["db.example"], "port": [1]},
        ),
        ("postgresql://h:1/idp?application_name=a@b", {"user": None, "host": ["h"], "port": [1]}),
        ("postgresql://h1:1,h2:2/idp?application_name=a@b", {"user": None, "host": ["h1", "h2"]}),
        ("postgresql://h/idp?application_name=a@b", {"user": None, "host": ["h"], "database": "idp"}),
        ("postgresql://db.example:6543/idp", {"host": ["db.example"], "port": [6543], "user": None}),
        ("postgresql://u@h1:1,h2:2,h3/idp", {"host": ["h1", "h2", "h3"], "port": [1, 2, 5432]}),
        ("postgresql://u@[::1]:1/idp", {"host": ["::1"], "port": [1]}),
        ("postgresql:///idp?host=/run/postgresql", {"host": ["/run/postgresql"], "ssl": False}),
        ("postgresql:///idp?host=h1,h2&port=7", {"host": ["h1", "h2"], "port": [7, 7]}),
        ("postgresql://h/?dbname=idp&user=u&password=p", {"database": "idp", "user": "u", "password": "p"}),
        ("postgresql://h/idp?sslmode=disable", {"ssl": False}),
        ("postgresql://h/idp?sslmode=allow", {"ssl": "allow"}),
        ("postgresql://h/idp", {"ssl": "prefer"}),
        ("postgresql://h/idp?target_session_attrs=read-write", {"target_session_attrs": "read-write"}),
        (
            "postgresql://h/idp?application_name=idp&options=-c%20statement_timeout%3D5s",
            {"server_settings": {"application_name": "idp", "options": "-c statement_timeout=5s"}},
        ),
        ("postgresql://h/idp?statement_cache_size=0", {"statement_cache_size": 0}),
        ("postgresql://h/idp?sslmode=require&channel_binding=prefer", {"host": ["h"]}),
        ("postgresql://h/idp?passfile=/etc/pgpass", {"passfile": "/etc/pgpass"}),
    ],
)
def test_what_libpq_knows_is_read(url: str, expected: dict[str, Any]) -> None:
    found = arguments(url)
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("query", "verify", "name"),
    [
        ("sslmode=require", ssl.CERT_NONE, False),
        ("ssl=require", ssl.CERT_NONE, False),
        ("sslmode=require&sslrootcert={ca}", ssl.CERT_REQUIRED, False),
        ("sslmode=require&sslrootcert=system", ssl.CERT_REQUIRED, True),
        ("sslmode=verify-ca&sslrootcert={ca}", ssl.CERT_REQUIRED, False),
        ("sslmode=verify-ca", ssl.CERT_REQUIRED, False),
        ("sslmode=verify-full&sslrootcert={ca}", ssl.CERT_REQUIRED, True),
        ("sslmode=verify-full", ssl.CERT_REQUIRED, True),
        ("sslmode=verify-full&sslcert={chain}&sslkey={key}", ssl.CERT_REQUIRED, True),
    ],
)
def test_sslmode_means_what_it_means_to_libpq(
    certificates: Certificates, query: str, verify: ssl.VerifyMode, name: bool
) -> None:
    query = query.format(ca=certificates.authority, chain=certificates.chain, key=certificates.key)
    context = arguments(f"postgresql://h/idp?{query}")["ssl"]
    assert (context.verify_mode, context.check_hostname) == (verify, name)
    own = "sslrootcert=/" in query
    assert (len(context.get_ca_certs()) == 1) == own  # nothing but the root certificate is believed


def test_connect_timeout_is_the_timeout() -> None:
    assert read_url("postgresql://h/idp?connect_timeout=7", Trust()).timeout == 7
    assert read_url("postgresql://h/idp?connect_timeout=0", Trust()).timeout is None


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sslmode=on", "sslmode is 'on' and has to be one of"),
        ("pgbouncer=true", "'pgbouncer' is not one that is honoured"),
        ("keepalives=1", "'keepalives' is not one that is honoured"),
        ("channel_binding=require", "more than the driver can do"),
        ("sslmode=verify-full&sslrootcert=/missing.pem", "cannot be read"),
        ("sslmode=require&sslcert=/missing.pem", "cannot be read"),
        ("sslrootcert=/missing.pem", "need sslmode"),
        ("connect_timeout=soon", "connect_timeout"),
        ("target_session_attrs=master", "target_session_attrs"),
        ("ssl_min_protocol_version=TLSv1", "ssl_min_protocol_version"),
        ("statement_cache_size=none", "statement_cache_size"),
        ("sslmode=require&sslmode=disable", "twice"),
        ("port=x", "a port is no number"),
        ("host=a,b&port=1,2,3", "ports"),
    ],
)
def test_what_cannot_be_honoured_is_a_sentence(query: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="IDP_DATABASE_URL") as refusal:
        arguments(f"postgresql://h/idp?{query}")
    assert said in refusal.value.sentence


@pytest.mark.parametrize(
    "url", ["postgresql://u:s3cret@x@h:y/idp", "postgresql://u:s3cret/x", "postgresql://h:s3cret/"]
)
def test_a_refusal_does_not_repeat_what_may_be_a_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        arguments(url)
    assert "s3cret" not in refusal.value.sentence


def test_a_file_that_is_no_certificate_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        arguments(f"postgresql://h/idp?sslmode=require&sslrootcert={tmp_path}/bad.pem")


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_a_sentence(text: str) -> None:
    try:
        read_url(f"postgresql://{text}", Trust())
    except ConfigurationError as error:
        assert error.sentence.startswith("IDP_DATABASE_URL")  # noqa: PT017  or it is a target
