"""Which account a user gets who comes from a provider. A pure decision: the part that others get wrong.

An account is found by (provider, issuer, subject) and by nothing else. An e-mail address is no key: it only
says which account this might concern, and that account's owner has to agree (Keycloak
CVE-2026-9087 and -15571, better-auth GHSA-g38m-r43w-p2q7, Zitadel CVE-2026-27946).
"""

from dataclasses import dataclass
from typing import Literal

from idp.federation.identity import UpstreamIdentity

Why = Literal["disabled", "registration_closed", "domain_not_allowed"]


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """An account of ours, as far as the decision cares."""

    user_id: str
    email_verified: bool
    disabled: bool = False
    vouched: bool = False
    """Whether the operator made the account or gave it roles: it is no stranger's, verified or not."""
    has_factor: bool = False
    """Whether its owner has set up a second factor, which an address alone must not take away."""
    same_mailbox: bool = False
    """Whether its address is sure to be the identity's, and not only another spelling that finds it."""


@dataclass(frozen=True, slots=True)
class LinkingPolicy:
    """What the operator allows."""

    auto_link: bool = False
    registration_open: bool = True
    domain_allowed: bool = True


@dataclass(frozen=True, slots=True)
class SignInKnown:
    """The user has been here before."""

    user_id: str


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """The user gets an account of their own, with an address that is known to be theirs."""


@dataclass(frozen=True, slots=True)
class LinkAutomatically:
    """Both sides have verified the address, and the operator wants it so."""

    user_id: str


@dataclass(frozen=True, slots=True)
class ProveExisting:
    """The address belongs to an account: first the user shows that it is theirs, by signing in to it."""

    user_id: str


@dataclass(frozen=True, slots=True)
class TakeOverUnverified:
    """The account with the address is a stranger's, who proved nothing: it goes to the address's owner, emptied
    (pre-hijacking)."""

    user_id: str


@dataclass(frozen=True, slots=True)
class ConfirmAddress:
    """The account with the address has proved nothing, and spells it differently: perhaps it is another user's.
    First the user shows that they read its mail."""


@dataclass(frozen=True, slots=True)
class AskForEmail:
    """No address is known to be the user's: they give one and show that they read its mail."""

    suggestion: str | None


@dataclass(frozen=True, slots=True)
class Reject:
    """The user does not get in."""

    reason: Why


Decision = (
    SignInKnown
    | CreateAccount
    | LinkAutomatically
    | ProveExisting
    | TakeOverUnverified
    | ConfirmAddress
    | AskForEmail
    | Reject
)


def decide(
    identity: UpstreamIdentity,
    known: LocalAccount | None,
    account: LocalAccount | None,
    policy: LinkingPolicy,
    *,
    proven_here: bool = False,
) -> Decision:
    """Decide. `known` is the account that the identity is linked to, `account` the one with its address;
    `proven_here` says that the address was verified by a mail of ours, not by the provider."""
    if known is not None:
        return Reject("disabled") if known.disabled else SignInKnown(known.user_id)
    if identity.email is None or not (identity.email_verified or proven_here):
        return AskForEmail(identity.email)
    if account is None:
        if not policy.registration_open:
            return Reject("registration_closed")
        return CreateAccount() if policy.domain_allowed else Reject("domain_not_allowed")
    if account.disabled:
        return Reject("disabled")
    if not (account.email_verified or account.vouched or account.has_factor):
        return TakeOverUnverified(account.user_id) if account.same_mailbox else ConfirmAddress()
    both_verified = account.email_verified and identity.email_verified and account.same_mailbox
    if policy.auto_link and both_verified and not proven_here:
        return LinkAutomatically(account.user_id)
    return ProveExisting(account.user_id)
