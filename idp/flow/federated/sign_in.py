"""Which account a user gets who came back from a provider, and what the link to the provider gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import Policies, PolicyContext, RegistrationSettings, UpstreamSettings
from idp.errors import Conflict, FlowError, InvalidValue, NotFound
from idp.events.audit import record
from idp.events.catalogue import FederationFailed
from idp.federation.identity import UpstreamIdentity, UpstreamTokens
from idp.federation.linking import (
    AskForEmail,
    ConfirmAddress,
    CreateAccount,
    Decision,
    LinkAutomatically,
    LinkingPolicy,
    LocalAccount,
    ProveExisting,
    Reject,
    SignInKnown,
    TakeOverUnverified,
    Why,
    decide,
)
from idp.federation.registry import Providers
from idp.federation.upstream import Upstream
from idp.flow.federated.arrivals import Arrival, Arrivals
from idp.flow.federated.departures import EXPIRED, Departures
from idp.flow.transaction import Transaction
from idp.identity.acr import ACR_MULTI, ACR_SINGLE, AMR_FEDERATED, AMR_MULTI
from idp.identity.addresses import email_key, same_mailbox
from idp.identity.connections import Connections, UpstreamAccount
from idp.identity.generation import ProvenAccount
from idp.identity.invitations import is_invited
from idp.identity.way_back import DELETED, WayBack
from idp.storage.database import Database
from idp.storage.models import User
from idp.text import Text

FRESH_FOR: Final = 60.0
"""Upstream tokens that expire within so many seconds are refreshed before they are handed out."""

REFUSALS: Mapping[str, str] = {
    "disabled": Text("This account is disabled. Contact the administrator of this service."),
    "registration_closed": Text("You have no account here, and you cannot create one this way."),
    "domain_not_allowed": Text("Only addresses of certain domains can have an account here."),
}


@dataclass(frozen=True, slots=True)
class Admitted:
    """The user is signed in to this account."""

    user_id: str
    authentication: Authentication
    outcome: str
    """A word for the metrics."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is to be asked first."""

    arrival: Arrival
    link_user: str | None = None
    """The account that the user has to sign in to."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The user does not get in."""

    sentence: str
    reason: str


Outcome = Admitted | Waiting | Refused


class FederatedSignIn:
    """The service behind the pages of `/federation`."""

    def __init__(
        self,
        providers: Providers,
        connections: Connections,
        departures: Departures,
        arrivals: Arrivals,
        database: Database,
        policies: Policies,
        way_back: WayBack,
        clock: Clock,
    ) -> None:
        self.providers = providers
        self.connections = connections
        self.departures = departures
        self.arrivals = arrivals
        self._database = database
        self._policies = policies
        self._way_back = way_back
        self._clock = clock

    async def settle(
        self,
        upstream: Upstream,
        identity: UpstreamIdentity,
        transaction: Transaction,
        *,
        address: str = "",
        proven_here: bool = False,
        confirmed: bool = False,
    ) -> Outcome:
        """Decide which account the user gets, and carry it out."""
        for last in (False, True):
            try:
                return await self._settle(upstream, identity, transaction, address, proven_here, confirmed)
            except Conflict:  # the address or the identity was taken at the same moment: look again
                if last:
                    raise
        raise AssertionError("the loop returns or raises")

    async def _settle(
        self,
        upstream: Upstream,
        identity: UpstreamIdentity,
        transaction: Transaction,
        address: str,
        proven_here: bool,
        confirmed: bool,
    ) -> Outcome:
        connections = self.connections
        elsewhere = _elsewhere(upstream, identity)
        rules = await self._rules(transaction)
        invitation = transaction.invitation if rules.mode == "invitation" else None
        decision = await self._decide(upstream.settings, rules, identity, invitation, proven_here=proven_here)
        match decision:
            case SignInKnown(user_id):
                user = await connections.sign_in(user_id, elsewhere)
                return self._entered(upstream, identity, user, "succeeded")
            case CreateAccount():
                if upstream.settings.confirm_profile and not confirmed:
                    arrival = await self.arrivals.wait(
                        identity, transaction, "profile", proven_here=proven_here
                    )
                    return Waiting(arrival)
                user = await connections.create(
                    elsewhere, identity.email or "", invitation=invitation, address=address
                )
                return self._entered(upstream, identity, user, "created")
            case LinkAutomatically(user_id):
                user = await connections.link_automatically(user_id, elsewhere, address=address)
                return self._entered(upstream, identity, user, "linked")
            case TakeOverUnverified(user_id):
                user = await connections.take_over(user_id, elsewhere, address=address)
                return self._entered(upstream, identity, user, "taken_over")
            case ProveExisting(user_id):
                arrival = await self.arrivals.wait(identity, transaction, "link", proven_here=proven_here)
                return Waiting(arrival, link_user=user_id)
            case ConfirmAddress():
                arrival = await self.arrivals.wait(identity, transaction, "address")
                return Waiting(
                    await self.arrivals.ask_address(arrival, identity.email or "", address=address)
                )
            case AskForEmail():
                return Waiting(await self.arrivals.wait(identity, transaction, "address"))
            case Reject(reason):
                return await self._turn_away(reason, identity, address)

    def _entered(self, upstream: Upstream, identity: UpstreamIdentity, user: User, outcome: str) -> Admitted:
        authentication = _authentication(upstream, identity, self._clock.now(), user.generation)
        return Admitted(user.id, authentication, outcome)

    async def _turn_away(self, reason: Why, identity: UpstreamIdentity, address: str) -> Refused:
        """Say why; an owner who has deleted the account is sent the link that brings it back."""
        user = await self.connections.find(*identity.key)
        if user is None and identity.email is not None:
            user = await self.connections.account_of(identity.email)
        if reason != "disabled" or user is None or not self._way_back.is_open(user):
            return Refused(REFUSALS[reason], reason)
        await self._way_back.offer(user, address=address)
        return Refused(DELETED, "deleted")

    async def _decide(
        self,
        settings: UpstreamSettings,
        rules: RegistrationSettings,
        identity: UpstreamIdentity,
        invitation: str | None,
        *,
        proven_here: bool,
    ) -> Decision:
        known = await self.connections.find(*identity.key)
        account, key, has_factor = None, None, False
        if known is None and identity.email is not None:
            try:
                key = email_key(identity.email)
            except InvalidValue:  # not an address that we could send mail to
                return AskForEmail(None)
            account = await self.connections.account_of(identity.email)
            has_factor = account is not None and await self.connections.has_factor(account.id)
        domains = {domain.casefold() for domain in rules.email_domains}
        policy = LinkingPolicy(
            auto_link=settings.auto_link,
            registration_open=rules.mode == "open" or await self._is_invited(invitation, key),
            domain_allowed=not domains or (key or "").rpartition("@")[2] in domains,
        )
        local = _local(account, identity.email, has_factor=has_factor)
        return decide(identity, _local(known), local, policy, proven_here=proven_here)

    async def _rules(self, transaction: Transaction) -> RegistrationSettings:
        client_id = transaction.request.client_id if transaction.request is not None else None
        return (await self._policies.of(PolicyContext(client_id))).registration

    async def _is_invited(self, invitation: str | None, key: str | None) -> bool:
        if invitation is None or key is None:
            return False
        async with self._database.reading() as uow:
            return await is_invited(uow, invitation, key, self._clock.now())

    async def link_arrival(self, arrival: Arrival, account: ProvenAccount, *, address: str = "") -> None:
        """Link an arrival to the account whose owner has just signed in to it, once."""
        if arrival.stage != "link":
            raise FlowError(EXPIRED, detail=f"the arrival is at {arrival.stage}, not link")
        await self.arrivals.forget(arrival)
        upstream = await self.providers.get(arrival.provider)
        await self.connections.link(
            account, _elsewhere(upstream, arrival.identity), "proven", address=address
        )

    async def link_asked(
        self, upstream: Upstream, identity: UpstreamIdentity, account: ProvenAccount, *, address: str = ""
    ) -> None:
        """Link an account at a provider to the account of a user who is signed in and asked for it."""
        await self.connections.link(account, _elsewhere(upstream, identity), "asked", address=address)

    async def tokens(self, user_id: str, provider: str) -> UpstreamTokens:
        """Return a user's tokens at a provider, good now; raise `NotFound` or `UpstreamError`."""
        upstream = await self.providers.get(provider)
        found = await self.connections.tokens(user_id, provider) if upstream.settings.keep_tokens else None
        if found is None:
            raise NotFound("There are no tokens of this provider.")
        link, data = found
        tokens = UpstreamTokens.from_json(data)
        if tokens.expires_at is not None and tokens.expires_at - FRESH_FOR <= self._clock.now():
            tokens = await upstream.refresh(tokens)
            await self.connections.replace_tokens(link, tokens.to_json())
        return tokens

    async def note_failure(
        self, provider: str, reason: str, *, client_id: str | None = None, address: str = ""
    ) -> None:
        """Write to the audit trail why a sign-in came to nothing."""
        async with self._database.unit_of_work() as uow:
            event = FederationFailed(
                provider=provider, reason=reason[:500], client_id=client_id, address=address
            )
            await record(uow, event, self._clock.now())


def _local(user: User | None, email: str | None = None, *, has_factor: bool = False) -> LocalAccount | None:
    if user is None:
        return None
    return LocalAccount(
        user.id,
        email_verified=user.email_verified,
        disabled=user.disabled_at is not None,
        vouched=bool(user.roles) or not user.verification_due,
        has_factor=has_factor,
        same_mailbox=email is not None and same_mailbox(user.email, email),
    )


def _elsewhere(upstream: Upstream, identity: UpstreamIdentity) -> UpstreamAccount:
    kept = identity.tokens if upstream.settings.keep_tokens else None
    return UpstreamAccount(
        provider=identity.provider,
        label=upstream.label,
        issuer=identity.issuer,
        subject=identity.subject,
        email=identity.email,
        name=identity.name,
        claims=identity.claims,
        tokens=kept.to_json() if kept else None,
    )


def _authentication(
    upstream: Upstream, identity: UpstreamIdentity, now: float, generation: int
) -> Authentication:
    """Say what happened: a sign-in at the provider, with two factors only if the operator trusts the provider
    to say so. A sign-in there may be older than the one here."""
    policy = upstream.settings.second_factor
    proven = policy == "unless_proven" and identity.multi_factor
    return Authentication(
        auth_time=now if identity.auth_time is None else min(identity.auth_time, now),
        acr=ACR_MULTI if proven else ACR_SINGLE,
        amr=(AMR_FEDERATED, AMR_MULTI) if proven else (AMR_FEDERATED,),
        generation=generation,
        upstream=upstream.name,
        factor_waived=policy == "never",
    )
