"""What users do with their own account while signed in: a service for each."""

from dataclasses import dataclass

from idp.identity.connected_apps import ConnectedApps
from idp.identity.data_export import DataExport
from idp.identity.deletion import Deletion
from idp.identity.password_change import PasswordChange
from idp.identity.profiles import Profiles


@dataclass(frozen=True, slots=True)
class SelfService:
    """The services, for the code that composes pages or an API of them. A page takes only its own."""

    profiles: Profiles
    password: PasswordChange
    apps: ConnectedApps
    data: DataExport
    deletion: Deletion
