"""Client authentication on a SQLite database, without HTTP. Import the fixtures into a `conftest.py`."""

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import pytest

from idp.clock import ManualClock
from idp.oauth.client_auth.key_sets import LIMITS
from idp.oauth.client_auth.private_key_jwt import AssertionAudience
from idp.oauth.client_auth.registry import ClientAuthentication, client_auth_methods
from idp.oauth.client_metadata import PUBLIC, ClientMetadata
from idp.oauth.clients import Client, ClientRegistry
from idp.oauth.http import CoreRequest
from idp.oauth.registration import build_client
from idp.outgoing import Outgoing
from idp.storage.database import Database
from idp.storage.single_use import SingleUse

ISSUER = "https://id.example.com"
TOKEN_URL = f"{ISSUER}/token"
REDIRECT_URI = "https://app.example.com/cb"


def basic(name: str, secret: str) -> dict[str, str]:
    """The Authorization header of client_secret_basic (RFC 6749 §2.3.1)."""
    pair = f"{quote_plus(name)}:{quote_plus(secret)}".encode()
    return {"authorization": "Basic " + base64.b64encode(pair).decode()}


@dataclass
class Reception:
    """Registers clients, and takes requests that say they come from them."""

    clock: ManualClock
    database: Database
    authentication: ClientAuthentication
    outgoing: Outgoing
    """The way to their key sets. Loopback is allowed."""

    async def register(self, client_id: str, *, public: bool = False, **values: Any) -> str:
        """Register a client and return its secret, or ""."""
        if public:
            values["token_endpoint_auth_method"] = PUBLIC
        metadata = ClientMetadata(client_id, redirect_uris=(REDIRECT_URI,), **values)
        record, secret = build_client(metadata, self.clock.now(), client_id=client_id)
        async with self.database.unit_of_work() as uow:
            await uow.clients.add(record)
        return secret or ""

    async def authenticate(
        self, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **options: bool
    ) -> Client:
        """Authenticate a request."""
        request = CoreRequest("POST", TOKEN_URL, parameters=form or {}, headers=headers or {})
        return await self.authentication.client_of(request, **options)


@pytest.fixture
async def reception(new_database_url: Callable[[str], str]) -> AsyncIterator[Reception]:
    """Where clients say who they are."""
    clock = ManualClock()
    database = Database(new_database_url("sqlite"))
    outgoing = Outgoing(allow_private=True, setting="A_SETTING", limits=LIMITS)
    methods = client_auth_methods(
        AssertionAudience(ISSUER, TOKEN_URL), SingleUse(database, clock), clock, outgoing
    )
    authentication = ClientAuthentication(ClientRegistry(database, clock), methods)
    yield Reception(clock, database, authentication, outgoing)
    await outgoing.aclose()
    await database.close()
