"""What the requests need: a client, people, grants, codes, refresh tokens, sign-ins under way.

Made by the provider's own parts, but written in bulk: making them is not what is measured.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import delete, insert

from benchmarks.load import TOKEN, get, post
from idp.app import Provider, build_provider
from idp.authentication import Authentication
from idp.config import load_settings
from idp.crypto import digest, random_token
from idp.oauth.client_metadata import ClientMetadata
from idp.oauth.codes import AuthorizationCode, AuthorizationCodes
from idp.oauth.registration import build_client
from idp.pages.login import LoginPage
from idp.storage import migrations
from idp.storage.models import EphemeralEntry, Grant, RefreshToken, new_id

REDIRECT_URI = "https://app.example.com/callback"
PASSWORD = "correct horse battery staple"
PEOPLE = 200
CHAINS = 200
"""Refresh tokens under way at once."""
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class _Collected:
    """Takes what would be put into the ephemeral store, to be written all at once."""

    def __init__(self, now: float) -> None:
        self._now = now
        self.rows: list[dict[str, object]] = []

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Note an entry."""
        self.rows.append({"key": key, "value": value, "count": 0, "expires_at": self._now + ttl})


@dataclass
class Material:
    """Makes requests. Everything hangs from one client and two hundred people."""

    provider: Provider
    secret: str = ""
    client_id: str = "benchmark"
    user_ids: list[str] = field(default_factory=list)

    @property
    def credentials(self) -> tuple[str, str]:
        """The client's id and secret."""
        return self.client_id, self.secret

    async def begin(self) -> None:
        """Make the tables, the keys, the client and the people."""
        await migrations.upgrade(self.provider.database)
        await self.provider.keyring.ensure()
        metadata = ClientMetadata(
            client_name="Benchmark",
            redirect_uris=(REDIRECT_URI,),
            grant_types=("authorization_code", "refresh_token", "client_credentials"),
            scopes=("openid", "profile", "email", "offline_access", "things:read"),
        )
        record, secret = build_client(metadata, self.provider.clock.now(), client_id=self.client_id)
        async with self.provider.database.unit_of_work() as uow:
            await uow.clients.add(record)
        self.secret = secret or ""
        first = await self.provider.accounts.create(
            "person0@example.com", PASSWORD, "Person", source="benchmark"
        )
        async with self.provider.database.unit_of_work() as uow:
            for number in range(1, PEOPLE):
                email = f"person{number}@example.com"
                values = {c.key: getattr(first, c.key) for c in type(first).__table__.columns}
                await uow.users.add(
                    type(first)(**{**values, "id": new_id(), "email": email, "email_key": email})
                )
        async with self.provider.database.reading() as uow:
            self.user_ids = [user.id for user in await uow.users.page(None, PEOPLE)]

    async def close(self) -> None:
        """Close the connections."""
        await self.provider.database.close()
        await self.provider.store.close()

    def client_credentials(self) -> list[bytes]:
        """Return the request for a client's own token."""
        form = {"grant_type": "client_credentials", "scope": "things:read"}
        return [post("/token", form, basic=self.credentials)]

    async def codes(self, number: int) -> list[bytes]:
        """Return requests that redeem a code each: openid, so two signatures and a refresh token."""
        grants = self._grants(number, "openid profile offline_access", redeemed=False)
        collected = _Collected(self.provider.clock.now())
        issuer = AuthorizationCodes(collected, self.provider.clock)  # type: ignore[arg-type]  # issuing only puts
        requests = []
        for grant in grants:
            code = await issuer.issue(
                AuthorizationCode(
                    grant_id=str(grant["id"]),
                    client_id=self.client_id,
                    redirect_uri=REDIRECT_URI,
                    code_challenge=CHALLENGE,
                    nonce=random_token(16),
                    scope=str(grant["scope"]),
                    expires_at=self.provider.clock.now() + 600,
                )
            )
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": REDIRECT_URI,
                "code_verifier": VERIFIER,
            }
            requests.append(post("/token", form, basic=self.credentials))
        await self._write({Grant: grants, EphemeralEntry: collected.rows})
        return requests

    async def refresh_chains(self, scope: str) -> list[bytes]:
        """Return the template of a refresh request, and the first token of each chain."""
        now = self.provider.clock.now()
        grants = self._grants(CHAINS, scope, redeemed=True)
        values = [random_token() for _ in grants]
        tokens = [
            {
                "digest": digest(value),
                "grant_id": grant["id"],
                "parent_digest": None,
                "created_at": now,
                "expires_at": now + 86_400,
                "used_at": None,
            }
            for grant, value in zip(grants, values, strict=True)
        ]
        await self._write({Grant: grants, RefreshToken: tokens})
        form = {"grant_type": "refresh_token", "refresh_token": TOKEN}
        return [post("/token", form, basic=self.credentials), *(value.encode() for value in values)]

    async def introspection(self) -> list[bytes]:
        """Return requests about access tokens of people."""
        return [
            post("/introspect", {"token": token}, basic=self.credentials)
            for token in await self._access_tokens()
        ]

    async def userinfo(self) -> list[bytes]:
        """Return requests with access tokens of people."""
        return [get("/userinfo", Authorization=f"Bearer {token}") for token in await self._access_tokens()]

    async def sign_ins(self, number: int) -> list[bytes]:
        """Return posts of the sign-in form, each in a browser of its own and from an address of its own."""
        edge, requests = self.provider.edge, []
        for i in range(number):
            browser = random_token()
            handle = self.provider.transactions.begin(None, browser).handle
            form = {
                "csrf_token": edge.forms.token(browser, LoginPage.purpose, handle),
                "tx": handle,
                "email": f"person{i % PEOPLE}@example.com",
                "password": PASSWORD,
            }
            address = f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"
            cookie = f"{edge.cookies.browser_name}={browser}"
            requests.append(post("/login", form, Cookie=cookie, X_Forwarded_For=address))
        return requests

    async def _access_tokens(self) -> list[str]:
        grants = self._grants(CHAINS, "openid profile email", redeemed=True)
        await self._write({Grant: grants})
        client = await self.provider.clients.get(self.client_id)
        if client is None:
            raise RuntimeError("The benchmark's client is gone.")
        return [
            self.provider.core.mint.access_token(
                client,
                subject=str(grant["user_id"]),
                scope=str(grant["scope"]),
                grant_id=str(grant["id"]),
                authentication=Authentication(self.provider.clock.now(), "1", ("pwd",), generation=0),
            )
            for grant in grants
        ]

    def _grants(self, number: int, scope: str, *, redeemed: bool) -> list[dict[str, object]]:
        now = self.provider.clock.now()
        return [
            {
                "id": new_id(),
                "user_id": self.user_ids[i % len(self.user_ids)],
                "client_id": self.client_id,
                "session_id": None,
                "generation": 0,
                "scope": scope,
                "auth_time": now,
                "acr": "1",
                "amr": ["pwd"],
                "claims": {},
                "created_at": now,
                "code_redeemed_at": now if redeemed else None,
                "expires_at": now + 86_400,
                "revoked_at": None,
            }
            for i in range(number)
        ]

    async def _write(self, rows: Mapping[type, list[dict[str, object]]]) -> None:
        async with self.provider.database.unit_of_work() as uow:
            for model, values in rows.items():
                if model is EphemeralEntry:
                    await uow.session.execute(delete(EphemeralEntry))
                await uow.session.execute(insert(model.__table__), values)


def material(environment: Mapping[str, str]) -> Material:
    """Return the maker of requests for the provider with this environment."""
    settings = load_settings(environment, Path("there-is-no-such-file.toml"))
    return Material(build_provider(settings))
