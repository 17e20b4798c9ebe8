"""The tables. A model imports `Base` and nothing above."""

from idp.storage.models.base import Base, new_id
from idp.storage.models.clients import ClientRecord, SigningKeyRecord
from idp.storage.models.grants import Consent, Grant, RefreshToken, RevokedToken
from idp.storage.models.operations import AuditEvent, EphemeralEntry, OutboxMail
from idp.storage.models.tickets import Invitation, MailTicket
from idp.storage.models.users import BrowserSession, User

__all__ = [
    "AuditEvent",
    "Base",
    "BrowserSession",
    "ClientRecord",
    "Consent",
    "EphemeralEntry",
    "Grant",
    "Invitation",
    "MailTicket",
    "OutboxMail",
    "RefreshToken",
    "RevokedToken",
    "SigningKeyRecord",
    "User",
    "new_id",
]
