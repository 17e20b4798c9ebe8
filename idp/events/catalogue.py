"""The catalogue of events: a class for each thing that is worth a line in the audit trail."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Fields of a subclass are its `detail` in the audit trail."""

    name: ClassVar[str]
    user_id: str | None = None
    client_id: str | None = None
    address: str = ""

    @property
    def detail(self) -> dict[str, Any]:
        """The fields that only this kind of event has, ready for JSON; those left at None are absent."""
        own = (field.name for field in fields(self) if field.name not in _COMMON)
        values = {name: getattr(self, name) for name in own}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value is not None
        }


_COMMON = frozenset(field.name for field in fields(Event))


@dataclass(frozen=True, kw_only=True)
class UserCreated(Event):
    """An account was made; `source` says by what: register, cli, the id of an upstream provider."""

    name = "user.created"
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class UserDisabled(Event):
    """An account was switched off."""

    name = "user.disabled"
    by: str = "operator"


@dataclass(frozen=True, kw_only=True)
class UserEnabled(Event):
    """A reason for which an account was switched off was lifted; there may be others."""

    name = "user.enabled"
    by: str = "operator"


@dataclass(frozen=True, kw_only=True)
class UserRemoved(Event):
    """An administrator removed an account with all that hung from it."""

    name = "user.removed"


@dataclass(frozen=True, kw_only=True)
class UsernameChanged(Event):
    """An account got another username, or none."""

    name = "user.username_changed"
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class TierChanged(Event):
    """An administrator set what a person has subscribed to."""

    name = "user.tier_changed"
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class RolesChanged(Event):
    """An administrator gave roles to a person or took them away."""

    name = "user.roles_changed"
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(Event):
    """An account got a new password, or lost the one it had (`removed`)."""

    name = "user.password_changed"
    removed: bool = False
    source: str | None = None
    """What set it, if not the person: cli."""


@dataclass(frozen=True, kw_only=True)
class SignedIn(Event):
    """A browser session began."""

    name = "session.signed_in"
    session_id: str
    amr: tuple[str, ...]
    acr: str


@dataclass(frozen=True, kw_only=True)
class SignedInWithoutBrowser(Event):
    """A user signed in by the password grant or the JSON API: a grant began without a browser session."""

    name = "grant.signed_in"
    grant_id: str
    amr: tuple[str, ...]
    acr: str


@dataclass(frozen=True, kw_only=True)
class SignInFailed(Event):
    """A proof was refused. `reason` is for operators; the person is told the same thing whatever it is."""

    name = "session.sign_in_failed"
    reason: str


@dataclass(frozen=True, kw_only=True)
class SignedOut(Event):
    """A browser session was ended."""

    name = "session.signed_out"
    session_id: str


@dataclass(frozen=True, kw_only=True)
class ConsentGiven(Event):
    """A person allowed a client some scopes."""

    name = "consent.given"
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ConsentDenied(Event):
    """A person refused a client."""

    name = "consent.denied"


@dataclass(frozen=True, kw_only=True)
class GrantRevoked(Event):
    """A grant ended before its time, with everything that hangs from it."""

    name = "grant.revoked"
    grant_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RefreshTokenReused(Event):
    """A rotated refresh token came back outside its grace window: the client or a thief has an old copy."""

    name = "refresh_token.reused"
    grant_id: str


@dataclass(frozen=True, kw_only=True)
class ClientAuthenticationFailed(Event):
    """A request claimed to be from a client and did not prove it: a wrong secret, or a forged assertion."""

    name = "client.authentication_failed"
    endpoint: str
    method: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class CodeReused(Event):
    """A spent authorization code came back."""

    name = "code.reused"
    grant_id: str


@dataclass(frozen=True, kw_only=True)
class ClientCreated(Event):
    """A client was registered."""

    name = "client.created"


@dataclass(frozen=True, kw_only=True)
class ClientChanged(Event):
    """A client was changed; `what` names the fields, never their values."""

    name = "client.changed"
    what: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ClientDeleted(Event):
    """A client was deleted with its grants and consents."""

    name = "client.deleted"


@dataclass(frozen=True, kw_only=True)
class ProviderAdded(Event):
    """The operator added a provider that people may sign in with."""

    name = "provider.added"
    provider: str


@dataclass(frozen=True, kw_only=True)
class ProviderRemoved(Event):
    """The operator removed a provider; the links of accounts to it are kept."""

    name = "provider.removed"
    provider: str
    links_kept: int


@dataclass(frozen=True, kw_only=True)
class KeysRotated(Event):
    """A signing key was made. `reason`: first, due, asked, emergency, imported."""

    name = "keys.rotated"
    kid: str
    alg: str
    reason: str
    dropped: tuple[str, ...] = ()
    """Key ids that are no longer published from this moment (emergency)."""


@dataclass(frozen=True, kw_only=True)
class RegistrationContested(Event):
    """An address was registered again before it was verified: its account lost its password, sessions, grants."""

    name = "user.registration_contested"


@dataclass(frozen=True, kw_only=True)
class EmailVerified(Event):
    """A person showed that they read mail at their address."""

    name = "user.email_verified"


@dataclass(frozen=True, kw_only=True)
class EmailChanged(Event):
    """An account got another address."""

    name = "user.email_changed"


@dataclass(frozen=True, kw_only=True)
class EmailChangeUndone(Event):
    """An account got its former address back, by the link in the mail there."""

    name = "user.email_change_undone"


@dataclass(frozen=True, kw_only=True)
class ProfileChanged(Event):
    """A person changed claims about themselves; `what` names them, never their values."""

    name = "user.profile_changed"
    what: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ConsentWithdrawn(Event):
    """A person took an app's access away."""

    name = "consent.withdrawn"


@dataclass(frozen=True, kw_only=True)
class AccountDeleted(Event):
    """A person deleted their account; it goes for good after the grace period."""

    name = "user.deleted"


@dataclass(frozen=True, kw_only=True)
class AccountRestored(Event):
    """A person brought their deleted account back."""

    name = "user.restored"


@dataclass(frozen=True, kw_only=True)
class InvitationMade(Event):
    """Somebody was invited to make an account."""

    name = "invitation.made"


@dataclass(frozen=True, kw_only=True)
class FactorAdded(Event):
    """A person enrolled a second factor or made recovery codes."""

    name = "factor.added"
    kind: str


@dataclass(frozen=True, kw_only=True)
class FactorRemoved(Event):
    """A person removed a second factor."""

    name = "factor.removed"
    kind: str


@dataclass(frozen=True, kw_only=True)
class FactorResetRequested(Event):
    """An administrator asked for a reset that takes effect `at` an instant, unless the owner objects."""

    name = "factor.reset_requested"
    at: float


@dataclass(frozen=True, kw_only=True)
class FactorResetCancelled(Event):
    """A waiting reset was called off; `by`: factor (the owner proved one), owner, administrator."""

    name = "factor.reset_cancelled"
    by: str


@dataclass(frozen=True, kw_only=True)
class FactorsReset(Event):
    """An administrator removed all second factors of a person."""

    name = "factor.reset"


@dataclass(frozen=True, kw_only=True)
class IdentityLinked(Event):
    """An account at another provider was linked; `how`: created, asked, proven, automatic, taken_over."""

    name = "identity.linked"
    provider: str
    how: str


@dataclass(frozen=True, kw_only=True)
class IdentityUnlinked(Event):
    """An account at another provider was unlinked."""

    name = "identity.unlinked"
    provider: str


@dataclass(frozen=True, kw_only=True)
class AccountReclaimed(Event):
    """An account whose address was never verified was emptied and given to the address's owner."""

    name = "user.reclaimed"
    provider: str


@dataclass(frozen=True, kw_only=True)
class FederationFailed(Event):
    """A sign-in at another provider came to nothing; `reason` is for operators."""

    name = "federation.failed"
    provider: str
    reason: str
