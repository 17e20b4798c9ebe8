"""The client that the API's tokens are for unless a request names another."""

from idp.clock import Clock
from idp.errors import Conflict
from idp.oauth.client_metadata import PUBLIC, ClientMetadata
from idp.oauth.registration import build_client
from idp.oauth.scopes import ACCOUNT
from idp.storage.database import Database

CLIENT_ID = "idp-api"


async def ensure_first_party_client(database: Database, clock: Clock) -> None:
    """Register it if it is not there. One that the operator changed or disabled stays as it is."""
    async with database.reading() as uow:
        if await uow.clients.get(CLIENT_ID) is not None:
            return
    record, _ = build_client(
        ClientMetadata(
            client_name="First-party API",
            token_endpoint_auth_method=PUBLIC,
            grant_types=("password", "refresh_token"),
            scopes=(ACCOUNT,),
            first_party=True,
        ),
        clock.now(),
        client_id=CLIENT_ID,
    )
    try:
        async with database.unit_of_work() as uow:
            await uow.clients.add(record)
    except Conflict:  # another worker was quicker
        return
