"""What a user allows a client to see, kept until they take it back."""

from idp.clock import Clock
from idp.events.audit import record
from idp.events.catalogue import ConsentDenied, ConsentGiven
from idp.identity.generation import ProvenAccount, still
from idp.oauth.authorization_request import AuthorizationRequest
from idp.storage.database import Database


class RememberedConsents:
    """Keeps and audits the decisions of the consent page."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def allow(self, account: ProvenAccount, request: AuthorizationRequest) -> None:
        """Remember that the user allows the client the scopes and claims of the request."""
        now, client_id, scopes = self._clock.now(), request.client_id, request.scopes
        async with self._database.unit_of_work() as uow:
            await still(uow, account)
            await uow.consents.remember(account.id, client_id, scopes, request.claims.names, now)
            await record(uow, ConsentGiven(user_id=account.id, client_id=client_id, scopes=scopes), now)

    async def deny(self, user_id: str, request: AuthorizationRequest) -> None:
        """Note that the user refused. What was allowed before stays allowed."""
        async with self._database.unit_of_work() as uow:
            denied = ConsentDenied(user_id=user_id, client_id=request.client_id)
            await record(uow, denied, self._clock.now())
