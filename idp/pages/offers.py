"""Which other providers a page offers, and when a user is sent straight to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from idp.federation.registry import Providers
from idp.federation.upstream import Upstream
from idp.flow.visits import Visit
from idp.web.links import Links


@dataclass(frozen=True, slots=True)
class Button:
    """A provider as the sign-in page shows it."""

    id: str
    label: str
    url: str
    icon: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page offers on one visit."""

    buttons: Sequence[Button]
    """Those that the client chose, in its order, or all that are not hidden."""
    straight_to: str | None
    """The provider that the app asks for with `idp_hint`, the first time."""
    domains: Mapping[str, str]
    """Names of providers that are there, by the domain whose users they have."""
    targets: tuple[str, ...]
    """Where a form may lead that sends users on, for `form-action` (CSP)."""

    @property
    def has_domains(self) -> bool:
        """Whether some users are sent on by their address."""
        return bool(self.domains)

    def for_address(self, email: str) -> str | None:
        """Return the provider of an address's domain, if it is there."""
        return self.domains.get(email.rpartition("@")[2].casefold())


class Offers:
    """Knows which providers there are."""

    def __init__(self, links: Links, providers: Providers) -> None:
        self._links = links
        self._providers = providers

    async def for_visit(self, visit: Visit) -> Offer:
        """Return what a page offers. Cheap: the providers are kept for a few seconds."""
        upstreams = await self._providers.all()
        there = {upstream.name: upstream for upstream in upstreams}
        if chosen := visit.situation.chosen_providers:
            shown = [there[name] for name in chosen if name in there]
        else:
            shown = [upstream for upstream in upstreams if not upstream.settings.hidden]
        usable = {name for name in there if visit.situation.takes_provider(name)}
        domains = self._providers.settings.domains
        return Offer(
            tuple(Button(each.name, each.label, self._start(each.name, visit)) for each in shown),
            _straight_to(visit, usable),
            {domain.casefold(): name for domain, name in domains.items() if name in usable},
            targets(upstreams),
        )

    def _start(self, name: str, visit: Visit) -> str:
        return self._links.path(f"/federation/{name}/start", tx=visit.transaction.handle)


def targets(upstreams: Sequence[Upstream]) -> tuple[str, ...]:
    """Return what a form may lead to that ends at one of these: https, and in development a plain host."""
    plain = {
        f"{parts.scheme}://{parts.netloc}"
        for upstream in upstreams
        for parts in (urlsplit(upstream.settings.issuer or upstream.settings.base_url or ""),)
        if parts.scheme == "http"
    }
    return ("https:", *sorted(plain))


def _straight_to(visit: Visit, usable: set[str]) -> str | None:
    """A hidden provider may be named too, but none that the client does not take: anybody can write a hint."""
    hint = visit.request.idp_hint if visit.request is not None else None
    return hint if hint in usable and not visit.transaction.hint_used else None
