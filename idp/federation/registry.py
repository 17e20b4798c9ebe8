"""The providers that are configured, and the table of protocols that they speak.

They come from the configuration and from the database (`idp provider add`); on the same name the
configuration wins. What was read from the database is believed for a few seconds by each worker.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import structlog
from pydantic import ValidationError

from idp.clock import Clock
from idp.config import FederationSettings, UpstreamSettings
from idp.crypto import MasterKey
from idp.errors import ConfigurationError, NotFound
from idp.federation.apple import AppleUpstream
from idp.federation.github import GitHubUpstream
from idp.federation.google import GoogleUpstream
from idp.federation.http import ProviderHttp
from idp.federation.oidc import OpenIdUpstream
from idp.federation.presets import PRESETS
from idp.federation.upstream import Upstream, label_of
from idp.outgoing import Outgoing
from idp.storage.database import Database
from idp.storage.models import UpstreamProvider
from idp.trust import Trust

PROTOCOLS: Final[Mapping[str, type[OpenIdUpstream] | type[GitHubUpstream]]] = {
    "openid": OpenIdUpstream,
    "google": GoogleUpstream,
    "apple": AppleUpstream,
    "github": GitHubUpstream,
}
"""How to speak to a provider: OpenID Connect, with what some add to it, and GitHub's own."""

RELOAD_EVERY: Final = 5.0
"""Seconds for which a worker believes what it read from the database."""

log = structlog.get_logger("idp.federation")


def build_upstream(name: str, settings: UpstreamSettings, outgoing: Outgoing, clock: Clock) -> Upstream:
    """Return a provider, or raise `ConfigurationError` with what is missing."""
    preset = PRESETS.get(type_of(name, settings))
    if preset is None:
        raise ConfigurationError(
            f"The provider {name} has the type {str(settings.type)[:40]}; there are {', '.join(PRESETS)}."
        )
    label = label_of(name, settings, preset.label)
    return PROTOCOLS[preset.protocol](name, settings, preset, ProviderHttp(outgoing, label, clock), clock)


def type_of(name: str, settings: UpstreamSettings) -> str:
    """Return the type of a provider; without one in its settings the name decides."""
    return settings.type or (name if name in PRESETS else "oidc")


def way_out(settings: FederationSettings, trust: Trust | None = None) -> Outgoing:
    """Return the way to the providers."""
    return Outgoing(
        allow_private=settings.allow_private_addresses,
        setting="IDP_FEDERATION__ALLOW_PRIVATE_ADDRESSES",
        trust=trust,
    )


class Providers:
    """The providers that people may sign in with."""

    def __init__(
        self,
        settings: FederationSettings,
        database: Database,
        master_key: MasterKey,
        clock: Clock,
        trust: Trust | None = None,
    ) -> None:
        self.settings = settings
        self.outgoing = way_out(settings, trust)
        self._database = database
        self._master_key = master_key
        self._clock = clock
        self._configured = {
            name: build_upstream(name, upstream, self.outgoing, clock)
            for name, upstream in settings.providers.items()
        }
        self._stored: dict[str, tuple[str, Upstream]] | None = None
        """The sealed settings that each was built from, and the provider; None before they are read."""
        self._read_until = float("-inf")

    async def all(self) -> list[Upstream]:
        """Return every provider, in the order in which they are shown."""
        stored = await self._read()
        found = {**{name: upstream for name, (_, upstream) in stored.items()}, **self._configured}
        return sorted(found.values(), key=lambda upstream: (upstream.settings.order, upstream.name))

    async def offered(self) -> frozenset[tuple[str, str]]:
        """Return name and issuer of every provider, hidden or not: links to others lead nowhere."""
        return frozenset((upstream.name, upstream.issuer) for upstream in await self.all())

    async def labels(self) -> dict[str, str]:
        """Return what people call each provider, by name."""
        return {upstream.name: upstream.label for upstream in await self.all()}

    async def get(self, name: str) -> Upstream:
        """Return a provider; raise `NotFound`."""
        if name in self._configured:
            return self._configured[name]
        stored = (await self._read()).get(name)
        if stored is None:
            raise NotFound(
                "This way to sign in is not available any more.", detail=f"no provider {name[:60]!r}"
            )
        return stored[1]

    async def aclose(self) -> None:
        """Close every connection."""
        await self.outgoing.aclose()

    async def _read(self) -> dict[str, tuple[str, Upstream]]:
        now = self._clock.now()
        if self._stored is not None:
            if now < self._read_until:
                return self._stored
            self._read_until = now + RELOAD_EVERY  # meanwhile the others believe what was read before
        async with self._database.reading() as uow:
            rows = await uow.upstreams.all()
        before = self._stored or {}
        stored: dict[str, tuple[str, Upstream]] = {}
        for row in rows:
            known = before.get(row.name)
            if known is not None and known[0] == row.sealed_settings:
                stored[row.name] = known  # with its caches
                continue
            try:
                settings = unseal(row, self._master_key)
                built = build_upstream(row.name, settings, self.outgoing, self._clock)
                stored[row.name] = (row.sealed_settings, built)
            except ConfigurationError as error:  # one bad row must not take the others away
                log.warning("a provider cannot be used", provider=row.name, reason=error.sentence)
        self._stored, self._read_until = stored, now + RELOAD_EVERY  # race: the later one stands until then
        return stored


def seal(name: str, settings: UpstreamSettings, master_key: MasterKey) -> str:
    """Return settings as they are stored, secrets included."""
    document: dict[str, Any] = settings.model_dump(mode="json", exclude_defaults=True)
    for field in ("client_secret", "private_key"):
        secret = getattr(settings, field)
        if secret is not None:
            document[field] = secret.get_secret_value()
    return master_key.seal(json.dumps(document).encode(), context=f"provider:{name}")


def unseal(row: UpstreamProvider, master_key: MasterKey) -> UpstreamSettings:
    """Read what `seal` wrote; raise `ConfigurationError`."""
    data = master_key.open(row.sealed_settings, context=f"provider:{row.name}")
    try:
        return UpstreamSettings.model_validate_json(data)
    except ValidationError as error:
        raise ConfigurationError(
            f"The stored settings of the provider {row.name} are of another version."
        ) from error
