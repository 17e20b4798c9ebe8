"""The tables. A model imports `Base` and nothing above."""

from idp.storage.models.base import Base, new_id
from idp.storage.models.clients import ClientRecord, SigningKeyRecord
from idp.storage.models.factors import (
    FactorCredential,
    FederatedIdentity,
    RecoveryCode,
    TotpCredential,
    TrustedDevice,
    UpstreamProvider,
    WebAuthnCredential,
)
from idp.storage.models.grants import Consent, Grant, RefreshToken, RevokedToken
from idp.storage.models.operations import AuditEvent, EphemeralEntry, OutboxMail, UsedMark
from idp.storage.models.tickets import Invitation, MailTicket
from idp.storage.models.usernames import Username
from idp.storage.models.users import BrowserSession, DisabledBy, User

__all__ = [
    "AuditEvent",
    "Base",
    "BrowserSession",
    "ClientRecord",
    "Consent",
    "DisabledBy",
    "EphemeralEntry",
    "FactorCredential",
    "FederatedIdentity",
    "Grant",
    "Invitation",
    "MailTicket",
    "OutboxMail",
    "RecoveryCode",
    "RefreshToken",
    "RevokedToken",
    "SigningKeyRecord",
    "TotpCredential",
    "TrustedDevice",
    "UpstreamProvider",
    "UsedMark",
    "User",
    "Username",
    "WebAuthnCredential",
    "new_id",
]
