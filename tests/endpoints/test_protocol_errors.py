"""Protocol errors in the operator's log: which, whose, what was sent and what is registered; never a secret."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from idp.endpoints.protocol_errors import RECORDED_PER_MINUTE
from tests.support.identity import audit_names
from tests.support.provider import Browser, RelyingParty, RunningProvider


def the_error(logs: list[Any]) -> dict[str, Any]:
    """The one line about a protocol error."""
    (line,) = (dict(entry) for entry in logs if entry["event"] == "oauth_error")
    return line


async def test_an_error_that_goes_back_to_the_app_is_in_the_log(
    relying_party: RelyingParty, browser: Browser
) -> None:
    with capture_logs() as logs:
        await browser.get(relying_party.authorization_url(code_challenge_method="plain"), follow=False)
    line = the_error(logs)
    assert (line["log_level"], line["endpoint"], line["error"]) == (
        "warning",
        "/authorize",
        "invalid_request",
    )
    assert line["client_id"] == relying_party.client_id
    assert "S256" in line["description"]


async def test_a_redirect_uri_that_is_not_registered_is_told_with_those_that_are(
    relying_party: RelyingParty, browser: Browser
) -> None:
    with capture_logs() as logs:
        await browser.get(
            relying_party.authorization_url(redirect_uri="https://other.example/cb"), follow=False
        )
    facts = the_error(logs)["facts"]
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["oauth_error"]
    assert facts["redirect_uri sent"] == "https://other.example/cb"
    assert relying_party.redirect_uri in facts["redirect_uris registered"]


@pytest.mark.parametrize("path", ["/authorize", "/end_session"])
async def test_a_form_that_cannot_be_read_is_one_line_of_the_log(
    provider: RunningProvider, path: str
) -> None:
    with capture_logs() as logs:
        await provider.http("POST", path, content=b"{}", headers={"Content-Type": "application/json"})
    warnings = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert (warnings, the_error(logs)["endpoint"]) == (["oauth_error"], path)


async def test_what_the_protocol_expects_is_no_warning(relying_party: RelyingParty, browser: Browser) -> None:
    with capture_logs() as logs:
        await browser.get(relying_party.authorization_url(prompt="none"), follow=False)
    assert (the_error(logs)["error"], the_error(logs)["log_level"]) == ("login_required", "info")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/token", {"grant_type": "refresh_token", "refresh_token": "the-secret-value"}),
        ("/token", {"grant_type": "password", "username": "ada", "password": "the-secret-value"}),
        ("/revoke", {"token_type_hint": "x"}),
        ("/introspect", {"token_type_hint": "x"}),
    ],
)
async def test_an_error_at_an_endpoint_for_programs_names_the_client_and_no_secret(
    relying_party: RelyingParty, path: str, form: dict[str, str]
) -> None:
    with capture_logs() as logs:
        await relying_party.post(path, form)
    line = the_error(logs)
    assert (line["endpoint"], line["client_id"]) == (path, relying_party.client_id)
    assert line["facts"]["authentication sent"] == "client_secret_basic"
    assert "the-secret-value" not in str(logs)
    assert relying_party.client.secret not in str(logs)


async def test_a_refused_logout_request_is_in_the_log(
    provider: RunningProvider, relying_party: RelyingParty
) -> None:
    with capture_logs() as logs:
        await provider.http(
            "GET",
            "/end_session",
            params={
                "client_id": relying_party.client_id,
                "post_logout_redirect_uri": "https://other.example/",
            },
        )
    assert the_error(logs)["facts"]["post_logout_redirect_uri sent"] == "https://other.example/"


async def test_a_failed_authentication_is_recorded_for_a_known_client_and_only_so_often(
    provider: RunningProvider, relying_party: RelyingParty
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    for name in ("nobody", relying_party.client_id):
        for _ in range(RECORDED_PER_MINUTE + 2):
            await provider.http("POST", "/token", data=form, auth=(name, "wrong"))
    names = await audit_names(provider.database)
    assert names.count("client.authentication_failed") == RECORDED_PER_MINUTE
