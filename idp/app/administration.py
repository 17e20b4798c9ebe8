"""The services of administration, made for the command line and for the whole provider alike."""

from dataclasses import dataclass

from idp.administration.clients import ClientAdministration
from idp.administration.keys import KeyAdministration
from idp.administration.people import PeopleAdministration
from idp.administration.providers import ProviderAdministration
from idp.clock import Clock, SystemClock
from idp.config import Settings
from idp.keys.keyring import Keyring
from idp.keys.master import load_master_key
from idp.oauth.registration import RegistrationPolicy
from idp.storage.database import Database
from idp.trust import Trust


@dataclass(frozen=True, slots=True)
class Administration:
    """What an operator can do, for a console or an API of the running provider."""

    clients: ClientAdministration
    people: PeopleAdministration
    providers: ProviderAdministration
    keys: KeyAdministration


def client_administration(
    settings: Settings, database: Database, clock: Clock | None = None
) -> ClientAdministration:
    """Return the administration of clients. It needs no master key."""
    return ClientAdministration(database, RegistrationPolicy.of(settings), clock or SystemClock())


def key_administration(
    settings: Settings, database: Database, clock: Clock | None = None, keyring: Keyring | None = None
) -> KeyAdministration:
    """Return the administration of signing keys, with the keyring of the provider if there is one."""
    clock = clock or SystemClock()
    keyring = keyring or Keyring(database, load_master_key(settings), settings, clock)
    return KeyAdministration(database, keyring, clock)


def provider_administration(
    settings: Settings, database: Database, clock: Clock | None = None
) -> ProviderAdministration:
    """Return the administration of providers, also where a configured one cannot be built."""
    master_key = load_master_key(settings)
    return ProviderAdministration(
        database, settings.federation, master_key, clock or SystemClock(), Trust(settings.outgoing.ca)
    )
