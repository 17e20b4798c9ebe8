"""No secret leaves by a log, nor by a response that it was not meant for."""

import io
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog
from sqlalchemy import text

from idp.config import LogSettings
from idp.ops.logging import configure_logging, write_request
from tests.support.provider import PASSWORD, Browser, MakeProvider, RelyingParty, RunningProvider, the_form

SECRET_COLUMNS = {
    "clients": ("client_secret_digest",),
    "refresh_tokens": ("digest", "parent_digest"),
    "users": ("password_hash",),
    "signing_keys": ("sealed_private_key",),
    "browser_sessions": ("token_digest",),
}


async def stored_secrets(provider: RunningProvider) -> set[str]:
    """What the database keeps of secrets: digests, hashes, sealed keys."""
    found: set[str] = set()
    async with provider.database.reading() as uow:
        for table, columns in SECRET_COLUMNS.items():
            rows = (await uow.session.execute(text(f"SELECT * FROM {table}"))).mappings().all()
            assert rows, table
            for row in rows:
                found |= {str(row[name]) for name in columns if row[name]}
    return found


class Recorder:
    """Keeps every response of a journey."""

    def __init__(self) -> None:
        self.responses: list[httpx.Response] = []

    async def __call__(self, response: httpx.Response) -> None:
        await response.aread()
        self.responses.append(response)

    def containing(self, secret: str) -> list[str]:
        """The paths of the answers that hold a secret in their body or headers."""
        return [
            response.request.url.path
            for response in self.responses
            if secret in response.text or any(secret in value for value in response.headers.values())
        ]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log at its lowest level, as an operator who looks for a fault would have it."""
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging(LogSettings(level="debug"), stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    write_request.configure(None, wanted=True)


async def test_a_whole_journey_leaves_no_secret_behind(make_provider: MakeProvider, log: io.StringIO) -> None:
    """authentik CVE-2026-40166, doorkeeper CVE-2020-10187; Authlib's debug log writes live tokens."""
    provider = await make_provider(log={"requests": True, "level": "debug"})
    await provider.create_user()
    grants = ("authorization_code", "refresh_token", "password", "client_credentials")
    app = await provider.relying_party(grant_types=grants, scopes=("openid", "email", "read"))
    browser, recorder = await provider.browser(), Recorder()
    browser.client.event_hooks["response"].append(recorder)

    answer = await app.sign_in(browser, scope="openid email")
    code, verifier = answer["code"], app.code_verifier
    replies = [await app.redeem(code)]
    first = replies[0].json()
    replies.append(await app.refresh(first["refresh_token"]))
    second = replies[1].json()
    form = {"grant_type": "password", "username": "alice@example.com", "password": PASSWORD}
    wrong = "a wrong password that somebody typed"
    others = [
        await app.post("/token", {**form, "scope": "email"}),
        await app.post("/token", {**form, "password": wrong}),
        await app.post("/introspect", {"token": second["access_token"]}),
        await app.post("/introspect", {"token": second["refresh_token"]}),
        await app.userinfo(second["access_token"]),
        await app.redeem(code),
        await app.refresh(first["refresh_token"]),
        await app.post("/revoke", {"token": second["refresh_token"]}),
        await provider.http("GET", "/metrics"),
        await provider.http("GET", "/jwks"),
        await provider.http("GET", "/.well-known/openid-configuration"),
    ]
    for response in (*replies, *others):
        await recorder(response)
    assert the_form(await (await provider.browser()).get("/login"))

    tokens = {
        bundle[name] for bundle in (first, second) for name in ("access_token", "refresh_token", "id_token")
    }
    mine = {code, verifier, PASSWORD, wrong, app.client.secret or "", *browser.cookies.values()}
    stored = await stored_secrets(provider)
    logged = log.getvalue()
    assert '"path": "/token"' in logged  # it was on
    assert {secret for secret in mine | tokens | stored if secret and secret in logged} == set()
    for secret in {PASSWORD, wrong, app.client.secret, verifier, *stored}:
        assert secret
        assert recorder.containing(secret) == [], secret
    assert recorder.containing(code) in ([], ["/authorize/resume"], ["/consent"], ["/login"])
    assert {path for token in tokens for path in recorder.containing(token)} == {"/token"}


async def test_authlib_does_not_write_what_it_is_given(
    relying_party: RelyingParty, browser: Browser, log: io.StringIO
) -> None:
    """Its debug log has whole token responses."""
    assert not logging.getLogger("authlib.oauth2.rfc6749").isEnabledFor(logging.DEBUG)
    tokens = await relying_party.tokens(browser)
    logging.getLogger("idp.anything").debug("on")
    assert '"on"' in log.getvalue()
    assert not {value for value in tokens.values() if str(value) in log.getvalue() and len(str(value)) > 20}
