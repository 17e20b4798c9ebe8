"""Which providers a page offers, and when a person is sent straight to one."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from idp.federation.upstream import Upstream
from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.transaction import Transaction
from idp.pages.desk import Desk, Visit


class Offers:
    """Which providers a sign-in page offers, and when a person is sent straight to one."""

    def __init__(self, desk: Desk, federation: FederatedSignIn) -> None:
        self._desk = desk
        self._federation = federation
        self._upstreams: list[Upstream] = []

    async def refresh(self) -> None:
        """Look which providers there are; cheap, they are kept for a few seconds."""
        self._upstreams = await self._federation.providers.all()

    def buttons(self, visit: Visit) -> list[dict[str, Any]]:
        """Return the buttons of a page: those that the client wants in its order, or all that show."""
        wanted = _wanted(visit)
        if wanted is None:
            shown = [upstream for upstream in self._upstreams if not upstream.settings.hidden]
        else:
            by_name = {upstream.name: upstream for upstream in self._upstreams}
            shown = [by_name[name] for name in wanted if name in by_name]
        return [
            {
                "id": upstream.name,
                "label": upstream.label,
                "url": self.start_path(upstream.name, visit.transaction),
                "icon": None,
            }
            for upstream in shown
        ]

    def straight_to(self, visit: Visit) -> str | None:
        """Return the provider that the app asks for with `idp_hint`, the first time that it can be: a hidden one
        too, but none that the client does not want, as anybody can write a hint."""
        request, wanted = visit.transaction.request, _wanted(visit)
        if request is None or request.idp_hint is None or visit.transaction.hint_used:
            return None
        if wanted is not None and request.idp_hint not in wanted:
            return None
        return request.idp_hint if any(u.name == request.idp_hint for u in self._upstreams) else None

    def for_address(self, email: str) -> str | None:
        """Return the provider of an address's domain, if it is there."""
        name = self._federation.providers.for_address(email)
        return name if any(upstream.name == name for upstream in self._upstreams) else None

    @property
    def has_domains(self) -> bool:
        """Whether some people are sent on by their address."""
        return bool(self._federation.providers.settings.domains and self._upstreams)

    @property
    def targets(self) -> tuple[str, ...]:
        """Where a form may lead that sends people on, for the CSP."""
        return targets(self._upstreams)

    def start_path(self, name: str, transaction: Transaction) -> str:
        """Return the path that leads to a provider."""
        return self._desk.path(f"/federation/{name}/start", tx=transaction.id)


def targets(upstreams: list[Upstream]) -> tuple[str, ...]:
    """Return what a form may lead to that ends at one of these: https, and in development a plain host."""
    plain = {
        f"{parts.scheme}://{parts.netloc}"
        for upstream in upstreams
        for parts in (urlsplit(upstream.settings.issuer or upstream.settings.base_url or ""),)
        if parts.scheme == "http"
    }
    return ("https:", *sorted(plain))


def _wanted(visit: Visit) -> Sequence[str] | None:
    """Return the names of the providers that a client wants, in its order; None when it did not choose."""
    return visit.client.metadata.providers or None if visit.client else None
