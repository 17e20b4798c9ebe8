"""What operators do about second factors."""

import json

from tests.cli.conftest import Idp

PERSON = ("user", "create", "--email", "ada@example.com", "--password", "correct horse battery")


def test_a_client_can_require_a_second_factor_and_stop(idp: Idp) -> None:
    idp("migrate")
    app = ("client", "create", "--name", "App", "--redirect-uri", "https://app.example.com/cb", "--json")
    made = json.loads(idp(*app, "--require-second-factor").out)
    assert made["require_second_factor"] is True
    stop = ("client", "update", made["client_id"], "--no-require-second-factor", "--json")
    assert json.loads(idp(*stop).out)["require_second_factor"] is False


def test_a_reset_of_factors_asks_first_and_says_whose(idp: Idp) -> None:
    idp("migrate")
    idp(*PERSON)
    unsaid = idp("user", "reset-factors", "ada@example.com")
    assert (unsaid.code, "--yes" in unsaid.err) == (1, True)
    done = idp("user", "reset-factors", "ada@example.com", "--yes", "--json")
    assert json.loads(done.out)["email"] == "ada@example.com"
    missing = idp("user", "reset-factors", "bob@example.com", "--yes")
    assert "There is no account" in missing.err
