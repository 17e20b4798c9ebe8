"""The phases that every grant goes through, whatever it does itself."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import jwt
import pytest

from idp.oauth.clients import Client
from idp.oauth.context import SenderConstraint
from idp.oauth.grants.base import TokenGrant
from idp.oauth.grants.registry import GRANTS, PARAMETERS
from idp.oauth.http import CoreRequest
from idp.oauth.pipeline import TokenPipeline
from tests.support.client_auth import basic
from tests.support.provider import EMAIL, PASSWORD, Browser, MakeProvider, RelyingParty, RunningProvider

SCOPES = ("openid", "profile", "email", "offline_access", "read")


@pytest.fixture(params=GRANTS, ids=lambda grant: grant.GRANT_TYPE)
def grant(request: pytest.FixtureRequest) -> type[TokenGrant]:
    """Each grant that runs."""
    found: type[TokenGrant] = request.param
    return found


async def good_request(grant: type[TokenGrant], app: RelyingParty, browser: Browser) -> dict[str, str]:
    """What the grant needs to succeed."""
    match grant.GRANT_TYPE:
        case "authorization_code":
            answer = await app.sign_in(browser)
            return {
                "code": answer["code"],
                "redirect_uri": app.redirect_uri,
                "code_verifier": app.code_verifier,
            }
        case "refresh_token":
            return {"refresh_token": (await app.tokens(browser))["refresh_token"]}
        case "password":
            return {"username": EMAIL, "password": PASSWORD}
        case _:
            return {}


async def ask(pipeline: TokenPipeline, app: RelyingParty, grant: type[TokenGrant], **form: str) -> Any:
    request = CoreRequest(
        "POST",
        app.provider.url("/token"),
        parameters={"grant_type": grant.GRANT_TYPE, **form},
        headers=basic(app.client_id, app.client.secret or ""),
        address="127.0.0.1",
    )
    answer = await pipeline.answer(request)
    return answer.body


async def app_with(provider: RunningProvider, grants: Iterable[type[TokenGrant]]) -> RelyingParty:
    await provider.create_user()
    return await provider.relying_party(scopes=SCOPES, grant_types=tuple(g.GRANT_TYPE for g in grants))


async def test_every_grant_issues_a_token_of_the_client(
    provider: RunningProvider, browser: Browser, grant: type[TokenGrant]
) -> None:
    app = await app_with(provider, GRANTS)
    body = await ask(provider.parts.pipeline, app, grant, **await good_request(grant, app, browser))
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert (body["token_type"], claims["client_id"]) == ("Bearer", app.client_id)
    assert "cnf" not in claims


async def test_no_grant_forgets_the_client(provider: RunningProvider, grant: type[TokenGrant]) -> None:
    app = await app_with(provider, [other for other in GRANTS if other is not grant] or GRANTS)
    assert (await ask(provider.parts.pipeline, app, grant))["error"] == "unauthorized_client"
    app.client = replace(app.client, secret="wrong")
    assert (await ask(provider.parts.pipeline, app, grant))["error"] == "invalid_client"


async def test_no_grant_forgets_the_limit(make_provider: MakeProvider, grant: type[TokenGrant]) -> None:
    provider = await make_provider(rate_limits={"token_per_client": 1})
    app = await app_with(provider, GRANTS)
    form = {"grant_type": grant.GRANT_TYPE}
    assert [(await app.post("/token", form)).status_code for _ in range(2)][1] == 429


async def test_no_grant_gives_a_scope_that_the_client_does_not_have(
    make_provider: MakeProvider, grant: type[TokenGrant]
) -> None:
    """authentik CVE-2024-52287."""
    provider = await make_provider(clients={"unknown_scopes": "refuse"})
    app, browser = await app_with(provider, GRANTS), await provider.browser()
    form = await good_request(grant, app, browser)
    body = await ask(provider.parts.pipeline, app, grant, scope="read admin", **form)
    if grant.TAKES_SCOPE:
        assert body["error"] == "invalid_scope"
    else:
        assert "admin" not in body["scope"].split()


class Constrained(TokenPipeline):
    """A pipeline that binds every token to a key, as DPoP will."""

    @staticmethod
    def _sender_constraint(request: CoreRequest, client: Client) -> SenderConstraint | None:
        return SenderConstraint({"jkt": f"key of {client.client_id} at {request.address}"}, "DPoP")


async def test_no_grant_forgets_the_key_that_its_token_is_bound_to(
    provider: RunningProvider, browser: Browser, grant: type[TokenGrant]
) -> None:
    """RFC 9449 §6.1, RFC 7800 §3.1."""
    app = await app_with(provider, GRANTS)
    pipeline = Constrained(provider.database, provider.parts.core)
    body = await ask(pipeline, app, grant, **await good_request(grant, app, browser))
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert body["token_type"] == "DPoP"
    assert claims["cnf"] == {"jkt": f"key of {app.client_id} at 127.0.0.1"}


def test_every_parameter_of_a_grant_reaches_it(grant: type[TokenGrant]) -> None:
    assert grant.PARAMETERS <= PARAMETERS
