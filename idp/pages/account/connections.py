"""/account/connections: accounts at other providers that the user signs in with; linking and unlinking them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.responses import Response

from idp.errors import FlowError, InvalidValue
from idp.federation.upstream import UpstreamError, UpstreamRequest
from idp.flow.federated.sign_in import FederatedSignIn
from idp.identity import page_paths
from idp.identity.accounts import Accounts
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.notices import message_of
from idp.pages.offers import targets
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal
from idp.pages.render import Message
from idp.web.links import leave


class ConnectionsPage(ConsolePage):
    """The list, and what can be added to it."""

    path = page_paths.CONNECTIONS
    template = "account/connections.html"
    recent = True

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        accounts: Accounts,
        federation: FederatedSignIn,
    ) -> None:
        super().__init__(parts, gate, accounts)
        self._federation = federation

    async def targets(self) -> tuple[str, ...]:
        """A form may lead to a provider."""
        return targets(await self._federation.providers.all())

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Show what is linked, and which providers could be."""
        upstreams = await self._federation.providers.all()
        labels = await self._federation.providers.labels()
        offered = await self._federation.providers.offered()
        links = await self._federation.connections.of_user(visit.user_id)
        linked = {(link.provider, link.issuer) for link in links}
        return {
            "links": [
                {
                    "id": link.id,
                    "label": labels.get(link.provider, link.provider),
                    "works": (link.provider, link.issuer) in offered,
                    "email": link.email,
                    "linked_at": link.linked_at,
                    "last_used_at": link.last_used_at,
                }
                for link in links
            ],
            "others": [
                {"id": upstream.name, "label": upstream.label}
                for upstream in upstreams
                if (upstream.name, upstream.issuer) not in linked and not upstream.settings.hidden
            ],
        }

    async def take(self, visit: AccountVisit) -> Response | None:
        """Link one more, or unlink one."""
        if visit.form.get("decision") == "link":
            return await self._link(visit, visit.form.get("provider", ""))
        if visit.form.get("decision") != "unlink":
            raise InvalidValue("Choose what to link or unlink.")
        links = await self._federation.connections.of_user(visit.user_id)
        chosen = next((link for link in links if link.id == visit.form.get("id")), None)
        name = chosen.provider if chosen else ""
        labels = await self._federation.providers.labels()
        await self._federation.connections.unlink(
            visit.user_id, visit.form.get("id", ""), labels.get(name, name), address=visit.address
        )
        return self.done("unlinked")

    async def page(
        self, visit: AccountVisit, refusal: Refusal | None = None, message: Message | None = None
    ) -> Response:
        """Say what a link that was just tried came to."""
        transaction_id = visit.request.query_params.get("tx")
        if transaction_id is not None and message is None:
            with suppress(FlowError):
                browser = self.edge.browser(visit.request)
                message = message_of((await self.parts.visits.load(browser, transaction_id)).transaction)
        return await super().page(visit, refusal, message)

    async def _link(self, visit: AccountVisit, name: str) -> Response:
        upstream = await self._federation.providers.get(name)
        browser = self.edge.named_browser(visit.request)
        transaction = (await self.parts.visits.begin(browser, self.path)).transaction
        ask = UpstreamRequest(select_account=True)
        try:
            url = await self._federation.departures.begin(
                upstream, transaction, ask, purpose="link", user_id=visit.user_id
            )
        except UpstreamError as error:
            return await self.page(visit, Refusal.of(error))
        return leave(url)
