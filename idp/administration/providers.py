"""Providers that people may sign in with: add, list, remove. Those of the configuration are changed there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from idp.clock import Clock
from idp.config import FederationSettings, UpstreamSettings, check_provider_name
from idp.crypto import MasterKey
from idp.errors import ConfigurationError, InvalidValue, NotFound
from idp.events.audit import record
from idp.events.catalogue import ProviderAdded, ProviderRemoved
from idp.federation.registry import build_upstream, seal, type_of, unseal, way_out
from idp.federation.upstream import Report, Upstream
from idp.storage.database import Database
from idp.storage.models import UpstreamProvider
from idp.trust import Trust


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """A provider and the place that it comes from."""

    name: str
    settings: UpstreamSettings
    source: Literal["database", "configuration"]

    @property
    def kind(self) -> str:
        """Its type; without one the name decides."""
        return type_of(self.name, self.settings)


class ProviderAdministration:
    """The providers, for the operator."""

    def __init__(
        self,
        database: Database,
        settings: FederationSettings,
        master_key: MasterKey,
        clock: Clock,
        trust: Trust | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._master_key = master_key
        self._clock = clock
        self._trust = trust

    async def all(self) -> Mapping[str, KnownProvider]:
        """Return every provider by name; the configuration wins over the database."""
        found: dict[str, KnownProvider] = {}
        async with self._database.reading() as uow:
            for row in await uow.upstreams.all():
                found[row.name] = KnownProvider(row.name, unseal(row, self._master_key), "database")
        for name, settings in self._settings.providers.items():
            found[name] = KnownProvider(name, settings, "configuration")
        return dict(sorted(found.items()))

    async def get(self, name: str) -> KnownProvider:
        """Return a provider; raise `NotFound`."""
        found = (await self.all()).get(name)
        if found is None:
            raise _unknown(name)
        return found

    async def add(self, name: str, settings: UpstreamSettings) -> KnownProvider:
        """Add a provider, which the running server offers within seconds.

        Raises `InvalidValue` for a bad name, `ConfigurationError` for what is missing, `Conflict` for a name in use.
        """
        try:
            check_provider_name(name)
        except ValueError as error:
            raise InvalidValue(f"{error}.", field="name") from error
        provider = KnownProvider(name, settings, "database")
        self._built(provider)  # says what is missing
        if name in self._settings.providers:
            raise InvalidValue(
                f"The configuration has a provider {name} already; choose another name.", field="name"
            )
        now = self._clock.now()
        async with self._database.unit_of_work() as uow:
            sealed = seal(name, settings, self._master_key)
            await uow.upstreams.add(UpstreamProvider(name=name, sealed_settings=sealed, created_at=now))
            await record(uow, ProviderAdded(provider=name), now)
        return provider

    async def remove(self, name: str) -> int:
        """Remove a provider and return how many accounts are linked to it; the links stay. Raise `NotFound`."""
        self.check_removable(name)
        async with self._database.unit_of_work() as uow:
            if not await uow.upstreams.delete(name):
                raise _unknown(name)
            links = await uow.identities.count_at(name)
            await record(uow, ProviderRemoved(provider=name, links_kept=links), self._clock.now())
        return links

    def check_removable(self, name: str) -> None:
        """Raise `InvalidValue` for a provider of the configuration."""
        if name in self._settings.providers:
            raise InvalidValue(f"The provider {name} is in the configuration; remove it there.", field="name")

    async def check(self, provider: KnownProvider) -> Report:
        """Ask a provider for its metadata and keys; return what it said and what is wrong."""
        outgoing = way_out(self._settings, self._trust)
        try:
            built = build_upstream(provider.name, provider.settings, outgoing, self._clock)
            return await built.check()
        finally:
            await outgoing.aclose()

    def label(self, provider: KnownProvider) -> str:
        """Return the name that people see, or why the provider cannot be used."""
        try:
            return self._built(provider).label
        except ConfigurationError as error:
            return f"unusable: {error.sentence}"

    def _built(self, provider: KnownProvider) -> Upstream:
        return build_upstream(
            provider.name, provider.settings, way_out(self._settings, self._trust), self._clock
        )


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no provider {ascii(name[:60])[1:-1]}; idp provider list shows them.")
