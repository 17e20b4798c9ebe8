"""/account/connections: accounts elsewhere that one signs in with; linking and unlinking them."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.errors import FlowError, InvalidValue
from idp.federation.upstream import Ask
from idp.flow.federated.sign_in import FederatedSignIn
from idp.identity.self_service import SelfService
from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
from idp.pages.federation.offers import targets
from idp.pages.federation.paths import CONNECTIONS, callback_path, leave
from idp.pages.notices import message_of
from idp.pages.refusal import Refusal
from idp.pages.render import Message


class ConnectionsPage(ConsolePage):
    """The list, and what can be added to it."""

    path = CONNECTIONS
    template = "account/connections.html"
    recent = True

    def __init__(
        self,
        desk: Desk,
        self_service: SelfService,
        admission: FormAdmission,
        federation: FederatedSignIn,
    ) -> None:
        super().__init__(desk, self_service, admission)
        self._federation = federation

    async def targets(self) -> tuple[str, ...]:
        """A form may lead to a provider."""
        return targets(await self._federation.providers.all())

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Show what is linked, and which providers could be."""
        del request, form
        upstreams = await self._federation.providers.all()
        labels = await self._federation.providers.labels()
        offered = await self._federation.providers.offered()
        links = await self._federation.connections.of_user(session.user_id)
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

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """Link one more, or unlink one."""
        if form.get("decision") == "link":
            return await self._link(request, session, form.get("provider", ""))
        if form.get("decision") != "unlink":
            raise InvalidValue("Choose what to link or unlink.")
        links = await self._federation.connections.of_user(session.user_id)
        chosen = next((link for link in links if link.id == form.get("id")), None)
        name = chosen.provider if chosen else ""
        labels = await self._federation.providers.labels()
        await self._federation.connections.unlink(
            session.user_id, form.get("id", ""), labels.get(name, name), address=request.state.address
        )
        return self.done("unlinked")

    async def page(
        self,
        request: Request,
        session: CurrentSession,
        form: Mapping[str, str] | None = None,
        refusal: Refusal | None = None,
        message: Message | None = None,
    ) -> Response:
        """Say what a link that was just tried came to."""
        transaction_id = request.query_params.get("tx")
        if transaction_id is not None and message is None:
            try:
                browser = self.desk.cookies.browser(request)
                transaction = await self.desk.transactions.load(transaction_id, browser)
                message = message_of(transaction)
            except FlowError:
                message = None
        return await super().page(request, session, form, refusal, message)

    async def _link(self, request: Request, session: CurrentSession, name: str) -> Response:
        desk = self.desk
        upstream = await self._federation.providers.get(name)
        browser = desk.cookies.browser_or_new(request)
        transaction = await desk.transactions.begin(None, browser, destination=self.path)
        ask = Ask(desk.settings.url(callback_path(name)), "", select_account=True)
        url = await self._federation.departures.begin(
            upstream, transaction, ask, purpose="link", user_id=session.user_id
        )
        return leave(url)
