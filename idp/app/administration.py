"""The services of administration, made for the command line and for the whole provider alike."""

from idp.administration.clients import ClientAdministration
from idp.clock import Clock, SystemClock
from idp.config import Settings
from idp.oauth.registration import RegistrationPolicy
from idp.storage.database import Database


def client_administration(
    settings: Settings, database: Database, clock: Clock | None = None
) -> ClientAdministration:
    """Return the administration of clients. It needs no master key."""
    return ClientAdministration(database, RegistrationPolicy.of(settings), clock or SystemClock())
