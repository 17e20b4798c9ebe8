"""The guard of protected resources: which token a request carries, what it is good for, and what is answered."""

import pytest

from idp.oauth.errors import (
    InsufficientScopeError,
    InsufficientUserAuthenticationError,
    InvalidRequestError,
    InvalidTokenError,
    MissingTokenError,
    OAuth2Error,
)
from idp.oauth.resource import Resource, ResourceGuard, presented_token, refusal_headers
from tests.support.provider import Browser, RelyingParty, RunningProvider

CALENDAR = Resource("calendar", "openid")


@pytest.fixture
def guard(provider: RunningProvider) -> ResourceGuard:
    """The provider's guard."""
    return provider.parts.guard


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_good_token_tells_whose_it_is(
    guard: ResourceGuard, relying_party: RelyingParty, browser: Browser
) -> None:
    token = (await relying_party.tokens(browser))["access_token"]
    access = await guard.check(CALENDAR, bearer(token))
    assert access.user.id == access.token.claims["sub"]
    assert access.grant.id == access.token.grant_id


async def test_a_scope_that_the_token_lacks_is_named(
    guard: ResourceGuard, relying_party: RelyingParty, browser: Browser
) -> None:
    token = (await relying_party.tokens(browser))["access_token"]
    resource = Resource("calendar", "calendar:write")
    with pytest.raises(InsufficientScopeError) as refusal:
        await guard.check(resource, bearer(token))
    assert 'scope="calendar:write"' in refusal_headers(resource, refusal.value)["WWW-Authenticate"]


async def test_a_token_for_another_resource_server_is_refused(
    provider: RunningProvider, guard: ResourceGuard, browser: Browser
) -> None:
    """RFC 9068 §4."""
    app = await provider.relying_party(audiences=("https://api.example",))
    await provider.create_user()
    token = (await app.tokens(browser))["access_token"]
    with pytest.raises(InvalidTokenError):
        await guard.check(CALENDAR, bearer(token))
    assert await guard.check(Resource("calendar", "openid", takes_any_audience=True), bearer(token))


async def test_a_clients_own_token_is_no_users(provider: RunningProvider, guard: ResourceGuard) -> None:
    machine = await provider.relying_party(grant_types=("client_credentials",), scopes=("read",))
    body = (await machine.post("/token", {"grant_type": "client_credentials"})).json()
    with pytest.raises(InsufficientScopeError):
        await guard.check(Resource("calendar", "read"), bearer(body["access_token"]))


async def test_what_was_revoked_is_refused_at_once(
    guard: ResourceGuard, relying_party: RelyingParty, browser: Browser
) -> None:
    token = (await relying_party.tokens(browser))["access_token"]
    await relying_party.post("/revoke", {"token": token})
    with pytest.raises(InvalidTokenError):
        await guard.check(CALENDAR, bearer(token))


def test_an_old_or_weak_sign_in_is_answered_with_what_to_ask_for() -> None:
    """RFC 9470 §3."""
    error = InsufficientUserAuthenticationError("Sign in again", acr_values="urn:idp:acr:mfa", max_age=60)
    header = refusal_headers(CALENDAR, error)["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication", acr_values="urn:idp:acr:mfa", max_age="60"' in header


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic eDp5"}, {"authorization": "DPoP x"}])
def test_without_a_token_the_challenge_has_no_error_code(headers: dict[str, str]) -> None:
    """RFC 6750 §3.1."""
    with pytest.raises(MissingTokenError) as refusal:
        presented_token(headers)
    assert refusal_headers(CALENDAR, refusal.value) == {"WWW-Authenticate": 'Bearer realm="calendar"'}


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        (bearer("a"), [("access_token", "a")]),
        ({}, [("access_token", "a"), ("access_token", "a")]),
        (bearer(""), []),
        ({}, [("access_token", "")]),
    ],
)
def test_a_request_carries_one_token(headers: dict[str, str], form: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequestError):
        presented_token(headers, form)


def test_a_description_cannot_leave_its_quotes() -> None:
    error = OAuth2Error("plain")
    error.description, error.error = 'a" x="b', "invalid_token"
    assert refusal_headers(CALENDAR, error)["WWW-Authenticate"].count('"') == 6
