"""The whole provider in this process, a browser in front of it, and an app that relies on it.

Requests go through ASGI, so every part but the sockets is the real one. Time is the `ManualClock` of the
provider; the databases are copies of one that was migrated, and given signing keys, once.
"""

import base64
import hashlib
import itertools
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import CodeType
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
import jwt
import pytest
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from starlette.applications import Starlette

from idp.app import Provider, application, build_provider
from idp.clock import ManualClock
from idp.config import Settings, load_settings
from idp.crypto import MasterKey
from idp.keys.keyring import Keyring
from idp.oauth.client_metadata import PUBLIC, ClientMetadata
from idp.oauth.registration import build_client
from idp.storage.database import Database
from idp.storage.models import User
from tests.support.smtp import Mails

MASTER_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
START = float(int(time.time()))
"""Where the clocks stand. Keys in the template begin here, so all clocks of a process do."""

CHEAP_PASSWORDS = {"time_cost": 1, "memory_kib": 8, "threads": 2}
"""Argon2 parameters under which a hash costs next to nothing."""

EMAIL = "alice@example.com"
PASSWORD = "correct horse battery staple"
CALLBACK = "https://app.example/callback"
SIGNED_OUT = "https://app.example/signed-out"
STANDARD_SCOPE = "openid profile email"


class _CompiledPages(BytecodeCache):
    """What Jinja2 made of the templates, for all providers of this process: it takes longer than a test."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


COMPILED_PAGES = _CompiledPages()


# The provider -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RegisteredClient:
    """A client as its developer knows it."""

    client_id: str
    secret: str | None
    redirect_uri: str
    method: str


@dataclass
class RunningProvider:
    """A provider whose lifespan is running."""

    parts: Provider
    app: Starlette
    clock: ManualClock
    _closing: AsyncExitStack

    @property
    def settings(self) -> Settings:
        """What it was configured with."""
        return self.parts.settings

    @property
    def database(self) -> Database:
        """Its database."""
        return self.parts.database

    @property
    def mails(self) -> Mails:
        """What it has sent, or would have."""
        return Mails(self.database)

    @property
    def issuer(self) -> str:
        """Its issuer identifier."""
        return self.settings.issuer

    def url(self, path: str) -> str:
        """Return the absolute URL of a path below the issuer."""
        return self.settings.url(path)

    async def create_user(
        self,
        email: str = EMAIL,
        password: str | None = PASSWORD,
        name: str | None = "Alice Example",
        *,
        verified: bool = True,
        roles: tuple[str, ...] = (),
    ) -> User:
        """Make an account."""
        return await self.parts.accounts.create(email, password, name, verified, roles)

    async def create_client(
        self, *, client_id: str | None = None, public: bool = False, **metadata: Any
    ) -> RegisteredClient:
        """Register a client; `metadata` are fields of `ClientMetadata`, with one redirect URI unless given."""
        values = {"client_name": "Example app", "redirect_uris": (CALLBACK,)} | metadata
        if public:
            values["token_endpoint_auth_method"] = PUBLIC
        record, secret = build_client(ClientMetadata(**values), self.clock.now(), client_id=client_id)
        client_id, uris = record.client_id, record.redirect_uris
        method = record.token_endpoint_auth_method
        async with self.database.unit_of_work() as uow:
            await uow.clients.add(record)
        return RegisteredClient(client_id, secret, uris[0] if uris else "", method)

    async def relying_party(self, **metadata: Any) -> "RelyingParty":
        """Register a client and return the app that uses it."""
        metadata.setdefault("post_logout_redirect_uris", (SIGNED_OUT,))
        return RelyingParty(self, await self.create_client(**metadata))

    async def browser(self, address: str = "127.0.0.1") -> "Browser":
        """Return a browser without cookies, at a network address."""
        return Browser(self, await self._closing.enter_async_context(self.client(address)))

    def client(self, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """Return an HTTP client that reaches the provider, to be closed by the caller. Follows nothing."""
        transport = httpx.ASGITransport(self.app, client=(address, 40_000))
        return httpx.AsyncClient(transport=transport, base_url=self.settings.origin)

    async def http(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request without cookies, to a path below the issuer or a whole URL."""
        async with self.client() as client:
            return await client.request(method, self.url(path) if path.startswith("/") else path, **options)


class MakeProvider(Protocol):
    """Starts a provider. Settings are given as for `load_settings`; sections as dictionaries."""

    def __call__(
        self, *, database_url: str | None = None, redis_url: str | None = None, **settings: Any
    ) -> Awaitable[RunningProvider]: ...


@pytest.fixture(scope="session")
async def provider_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that has signing keys."""
    path = tmp_path_factory.mktemp("provider") / "template.db"
    shutil.copy(sqlite_template, path)
    settings = load_settings({}, database_url=f"sqlite:///{path}", keys={"directory": path.parent})
    database = Database(settings.database_url)
    await Keyring(database, MasterKey.parse(MASTER_KEY), settings, ManualClock(START)).ensure()
    await database.close()  # its last connection folds the write-ahead log into the file
    return path


@pytest.fixture
async def make_provider(provider_template: Path, tmp_path: Path) -> AsyncIterator[MakeProvider]:
    """Starts providers, each on a new SQLite database unless it is given one."""
    numbers = itertools.count()
    async with AsyncExitStack() as closing:

        async def make(
            *, database_url: str | None = None, redis_url: str | None = None, **settings: Any
        ) -> RunningProvider:
            number = next(numbers)
            if database_url is None:
                path = tmp_path / f"provider-{number}.db"
                shutil.copy(provider_template, path)
                database_url = f"sqlite:///{path}"
            values: dict[str, Any] = {
                "issuer": "http://localhost:8000",
                "database_url": database_url,
                "database": {"timeout": 60},  # fifty writers take turns on SQLite, and a machine may be slow
                "redis_url": redis_url,
                "master_key": MASTER_KEY,
                "keys": {"directory": tmp_path / f"keys-{number}"},
                "passwords": CHEAP_PASSWORDS,
                "log": {"requests": False},
            }
            clock = settings.pop("clock", None) or ManualClock(START)
            parts = build_provider(load_settings({}, tmp_path / "none.toml", **{**values, **settings}), clock)
            parts.renderer._environment.bytecode_cache = COMPILED_PAGES
            app = application(parts)
            await closing.enter_async_context(app.router.lifespan_context(app))
            return RunningProvider(parts, app, clock, closing)

        yield make


@pytest.fixture
async def provider(make_provider: MakeProvider) -> RunningProvider:
    """A provider at http://localhost:8000 on SQLite."""
    return await make_provider()


@pytest.fixture
async def person(provider: RunningProvider) -> User:
    """Somebody with an account: `EMAIL` and `PASSWORD`."""
    return await provider.create_user()


# The browser --------------------------------------------------------------------------------------------


@dataclass
class Form:
    """A form of a page: where it goes, what it holds, which buttons it has."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    """Name and value of each button that has a name."""
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    """The attributes of each named input."""


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get").lower()))
            self._open = True
        elif self._open and values.get("name"):
            if tag == "input":
                if "disabled" in values:
                    return  # a browser does not send it
                self.forms[-1].fields[values["name"]] = values.get("value", "")
                self.forms[-1].inputs[values["name"]] = values
            elif tag == "button":
                self.forms[-1].buttons.append((values["name"], values.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


def forms(page: httpx.Response) -> list[Form]:
    """Return the forms of a page."""
    reader = _FormReader()
    reader.feed(page.text)
    return reader.forms


def the_form(page: httpx.Response) -> Form:
    """Return the only form of a page."""
    found = forms(page)
    assert len(found) == 1, f"{len(found)} forms on {page.url} ({page.status_code}): {page.text[:400]}"
    return found[0]


class Browser:
    """Keeps cookies, follows redirects as long as they stay at the provider, fills in forms."""

    def __init__(self, provider: RunningProvider, client: httpx.AsyncClient) -> None:
        self.provider = provider
        self.client = client

    @property
    def cookies(self) -> dict[str, str]:
        """Its cookies for the provider, by name."""
        return {cookie.name: cookie.value or "" for cookie in self.client.cookies.jar}

    async def get(self, url: str, *, follow: bool = True, **options: Any) -> httpx.Response:
        """Open a URL, or a path below the issuer."""
        response = await self.client.get(self._absolute(url), **options)
        return await self._followed(response) if follow else response

    async def post(
        self, url: str, fields: Mapping[str, str], *, follow: bool = True, **options: Any
    ) -> httpx.Response:
        """Post a form to a URL, or a path below the issuer."""
        response = await self.client.post(self._absolute(url), data=dict(fields), **options)
        return await self._followed(response) if follow else response

    async def submit(
        self, page: httpx.Response, *, follow: bool = True, **fields: str | None
    ) -> httpx.Response:
        """Fill in the form of a page and send it; a field that is None is left out.

        A button is pressed by naming it: `decision="allow"`.
        """
        form = the_form(page)
        pressed = {"decision"} & fields.keys()
        assert not pressed or ("decision", fields["decision"]) in form.buttons, f"no such button: {fields}"
        values = {name: value for name, value in {**form.fields, **fields}.items() if value is not None}
        return await self.post(urljoin(str(page.url), form.action), values, follow=follow)

    async def log_in(self, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
        """Sign in without an app; ends on the account page."""
        return await self.submit(await self.get("/login"), email=email, password=password)

    def _absolute(self, url: str) -> str:
        return self.provider.url(url) if url.startswith("/") else url

    async def _followed(self, response: httpx.Response) -> httpx.Response:
        for _ in range(20):
            if not response.has_redirect_location:
                return response
            target = urljoin(str(response.url), response.headers["location"])
            if not self._is_at_provider(target):
                return response
            response = await self.client.get(target)
        raise AssertionError(f"redirected without end at {response.url}")

    def _is_at_provider(self, url: str) -> bool:
        return url == self.provider.issuer or url.startswith(self.provider.issuer + "/")


@pytest.fixture
async def browser(provider: RunningProvider) -> Browser:
    """A person's browser."""
    return await provider.browser()


@pytest.fixture
async def other_browser(provider: RunningProvider) -> Browser:
    """Somebody else's browser, at another address."""
    return await provider.browser("192.0.2.7")


def onward_of(page: httpx.Response) -> str:
    """Return where the page of an error leads on to."""
    onward = re.search(r'href="([^"]+)">Continue<', page.text)
    assert onward is not None, f"no way on: {page.text[:600]}"
    return unescape(onward[1])


# The relying party --------------------------------------------------------------------------------------


def redirected_to(response: httpx.Response) -> str:
    """Return where a response leads, without query and fragment."""
    return response.headers["location"].partition("#")[0].partition("?")[0]


def callback_of(response: httpx.Response) -> dict[str, str]:
    """Return what a response tells the client: in a query, a fragment or a form that posts itself."""
    if "location" not in response.headers:
        form = the_form(response)
        assert 'id="form-post"' in response.text, f"not an answer to a client: {response.text[:400]}"
        return form.fields
    parts = urlsplit(response.headers["location"])
    pairs = parse_qsl(parts.fragment or parts.query, keep_blank_values=True)
    assert len(pairs) == len(dict(pairs)), f"a parameter is repeated: {pairs}"
    return dict(pairs)


def challenge_of(verifier: str) -> str:
    """Return the S256 code challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class RelyingParty:
    """An app. It remembers the state, nonce and code verifier of the request that it made last."""

    def __init__(self, provider: RunningProvider, client: RegisteredClient) -> None:
        self.provider = provider
        self.client = client
        self.client_id = client.client_id
        self.redirect_uri = client.redirect_uri
        self.state = self.nonce = self.code_verifier = ""

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """Return the parameters of a new authorization request; None leaves one out."""
        self.state, self.nonce = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.code_verifier = secrets.token_urlsafe(48)
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": STANDARD_SCOPE,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": challenge_of(self.code_verifier),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**parameters, **changes}.items() if value is not None}

    def authorization_url(self, **changes: str | None) -> str:
        """Return the URL of a new authorization request."""
        return f"{self.provider.url('/authorize')}?{urlencode(self.parameters(**changes))}"

    async def sign_in(
        self, browser: Browser, *, email: str = EMAIL, password: str = PASSWORD, **changes: str | None
    ) -> dict[str, str]:
        """Go the whole way, answering what is asked, and return what came back to the redirect URI."""
        page = await browser.get(self.authorization_url(**changes))
        return callback_of(await self.answer(browser, page, email=email, password=password))

    async def answer(
        self, browser: Browser, page: httpx.Response, *, email: str = EMAIL, password: str = PASSWORD
    ) -> httpx.Response:
        """Sign in, choose the account and allow, as far as a page asks for it."""
        for _ in range(4):
            if "location" in page.headers or 'id="form-post"' in page.text:
                return page
            form = the_form(page)
            if "password" in form.fields:
                page = await browser.submit(page, email=email, password=password)
                assert page.status_code < 400, page.text
            elif ("decision", "allow") in form.buttons:
                page = await browser.submit(page, decision="allow")
            else:
                page = await browser.submit(page, decision="continue")
        raise AssertionError(f"the sign-in does not end: {page.url}")

    async def redeem(self, code: str, **changes: str | None) -> httpx.Response:
        """Redeem a code at the token endpoint."""
        values: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.code_verifier,
        }
        return await self.post("/token", {**values, **changes})

    async def refresh(self, token: str, **changes: str | None) -> httpx.Response:
        """Redeem a refresh token."""
        return await self.post("/token", {"grant_type": "refresh_token", "refresh_token": token, **changes})

    async def userinfo(self, token: str) -> httpx.Response:
        """Ask for the claims behind an access token."""
        return await self.provider.http("GET", "/userinfo", headers={"Authorization": f"Bearer {token}"})

    async def post(self, path: str, values: Mapping[str, str | None]) -> httpx.Response:
        """Post a form as this client, authenticated by its method."""
        data = {name: value for name, value in values.items() if value is not None}
        options: dict[str, Any] = {}
        if self.client.method == "client_secret_basic":
            options["auth"] = (self.client_id, self.client.secret or "")
        else:
            data.setdefault("client_id", self.client_id)
        if self.client.method == "client_secret_post":
            data.setdefault("client_secret", self.client.secret or "")
        return await self.provider.http("POST", path, data=data, **options)

    async def tokens(self, browser: Browser, **changes: str | None) -> dict[str, Any]:
        """Sign in and redeem the code; return the token response."""
        answer = await self.sign_in(browser, **changes)
        assert "code" in answer, answer
        response = await self.redeem(answer["code"])
        assert response.status_code == 200, response.text
        return response.json()

    async def verify(self, token: str, *, audience: str | None = None) -> dict[str, Any]:
        """Verify a token of the provider as a stranger would, and return its claims."""
        jwks = jwt.PyJWKSet.from_dict((await self.provider.http("GET", "/jwks")).json())
        header = jwt.get_unverified_header(token)
        key = jwks[header["kid"]]
        assert header["alg"] == key.algorithm_name
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=audience or self.client_id,
            issuer=self.provider.issuer,
            # Against the provider's clock, below: it may have been moved.
            options={
                "verify_exp": False,
                "verify_iat": False,
                "require": ["exp", "iat", "iss", "aud", "sub"],
            },
        )
        assert claims["iat"] <= self.provider.clock.now() < claims["exp"]
        return claims

    async def id_claims(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claims of the ID token of a token response, verified, with the nonce sent last."""
        claims = await self.verify(tokens["id_token"])
        assert claims.get("nonce") == self.nonce
        return claims


@pytest.fixture
async def relying_party(provider: RunningProvider, person: User) -> RelyingParty:
    """A confidential app; `person` has an account to sign in to it with."""
    return await provider.relying_party()


@pytest.fixture
async def public_app(provider: RunningProvider, person: User) -> RelyingParty:
    """A public app, as in a browser or on a phone."""
    return await provider.relying_party(public=True)
