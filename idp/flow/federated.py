"""Signing in elsewhere, from going there to the account here: joins `federation` to `identity`, which do not
know each other.

What is remembered on the way is in the ephemeral store, sealed: the state of a sign-in under way, bound to the
browser, the transaction and the provider (Keycloak CVE-2026-7507, Authlib CVE-2025-68158), and arrivals,
people who came back and are not signed in yet, kept by upstream subject (Keycloak CVE-2026-9087).
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from idp.clock import Clock
from idp.config import Registration as RegistrationSettings
from idp.config import Upstream as UpstreamSettings
from idp.crypto import MasterKey, digest, equal, random_token
from idp.errors import Conflict, FlowError, IdpError, InvalidValue, NotFound
from idp.events.audit import record
from idp.events.catalogue import FederationFailed
from idp.federation.identity import UpstreamIdentity, UpstreamTokens
from idp.federation.linking import (
    AskForEmail,
    ConfirmAddress,
    Create,
    Decision,
    LinkAutomatically,
    LocalAccount,
    Policy,
    ProveExisting,
    Refuse,
    SignIn,
    TakeOverUnverified,
    decide,
)
from idp.federation.registry import Providers
from idp.federation.upstream import Ask, Memory, Upstream
from idp.flow.transaction import Transaction
from idp.identity.acr import ACR_MULTI, ACR_SINGLE, AMR_FEDERATED, AMR_MULTI
from idp.identity.addresses import email_key, same_mailbox
from idp.identity.connections import Connections, Elsewhere
from idp.identity.invitations import is_invited
from idp.identity.mail import Mailer
from idp.identity.tickets import MailThrottle
from idp.storage.database import Database
from idp.storage.ephemeral import EphemeralStore
from idp.storage.models import User
from idp.text import Text

Purpose = Literal["sign_in", "link"]
Stage = Literal["address", "code", "profile", "link"]

STATE_TTL = 900.0
ARRIVAL_TTL = 1800.0
POSTED_TTL = 120.0
"""Seconds."""
MOST_WRONG_CODES = 5
CODE_DIGITS = 6
CONFIRM_ADDRESS = "confirm_address"
FRESH_FOR = 60.0
"""Upstream tokens that expire within so many seconds are refreshed before they are handed out."""

REFUSALS: Mapping[str, str] = {
    "disabled": Text("This account is switched off. Ask whoever runs this service."),
    "registration_closed": Text("You have no account here, and new accounts are not made this way."),
    "domain_not_allowed": Text("Accounts are made only for addresses of certain domains."),
}
EXPIRED = Text("This sign-in has expired or was finished already. Start again.")


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in elsewhere under way."""

    transaction_id: str
    provider: str
    purpose: Purpose
    user_id: str | None
    """Whose account is to be linked, with the purpose link."""
    browser: str
    """Digest of the browser cookie."""
    memory: Memory


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who came back from a provider and is not signed in yet."""

    id: str
    transaction_id: str
    provider: str
    stage: Stage
    identity: UpstreamIdentity
    email: str | None = None
    """The address that they gave, or that the provider verified."""
    mailed_to: str | None = None
    """Where the code went: the address as the account spells it, if one has it."""
    proven_here: bool = False
    code_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """They are signed in to this account."""

    user_id: str
    amr: tuple[str, ...]
    acr: str
    auth_time: float | None
    provider: str
    factor_waived: bool
    outcome: str
    """A word for the metrics."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is to be asked first."""

    arrival: Arrival
    link_user: str | None = None
    """The account that they have to sign in to."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """They do not get in."""

    sentence: str
    reason: str


Outcome = Entered | Waiting | TurnedAway


class FederatedSignIn:
    """The service behind the pages of `/federation`."""

    def __init__(
        self,
        providers: Providers,
        connections: Connections,
        database: Database,
        store: EphemeralStore,
        mailer: Mailer,
        mail_throttle: MailThrottle,
        master_key: MasterKey,
        registration: RegistrationSettings,
        clock: Clock,
    ) -> None:
        self.providers = providers
        self.connections = connections
        self._database = database
        self._store = store
        self._mailer = mailer
        self._mail_throttle = mail_throttle
        self._master_key = master_key
        self._code_key = master_key.derive("federation-codes")
        self._registration = registration
        self._clock = clock

    # There and back ------------------------------------------------------------------------------

    async def begin(
        self,
        upstream: Upstream,
        transaction: Transaction,
        ask: Ask,
        *,
        purpose: Purpose = "sign_in",
        user_id: str | None = None,
    ) -> str:
        """Remember a sign-in and return where to send the person; raise `UpstreamError`."""
        state = random_token()
        redirect = await upstream.begin(replace(ask, state=state))
        started = Started(
            transaction.id, upstream.name, purpose, user_id, transaction.browser, redirect.memory
        )
        await self._put(f"fed-state:{digest(state)}", asdict(started), STATE_TTL)
        return redirect.url

    async def come_back(self, provider: str, state: str | None, browser: str | None) -> Started:
        """Return the sign-in of a `state`, once, to the browser and for the provider that it began with;
        raise `FlowError`."""
        key = f"fed-state:{digest(state or '')}"
        document = await self._get(key)
        if document is None:
            raise FlowError(EXPIRED, detail="no such state: used, expired, or made up")
        started = Started(**{**document, "memory": Memory(**document["memory"])})
        if browser is None or not equal(started.browser, digest(browser)):
            raise FlowError(
                "This sign-in was begun in another browser. Start again in this one.",
                detail="the browser cookie is missing or not the one that the state is bound to",
            )
        if started.provider != provider:
            raise FlowError(EXPIRED, detail=f"the state is of {started.provider}, not {provider}: mix-up")
        if await self._store.take(key) is None:  # of several at once, one goes on
            raise FlowError(EXPIRED, detail="the state was used by another request")
        return started

    async def keep_posted(self, state: str | None, answer: Mapping[str, str]) -> str:
        """Keep an answer that came as a cross-site post, for the GET that follows; raise `FlowError` unless
        its state is known."""
        if await self._store.get(f"fed-state:{digest(state or '')}") is None:
            raise FlowError(EXPIRED, detail="no such state: used, expired, or made up")
        posted = random_token()
        await self._put(f"fed-posted:{digest(posted)}", dict(answer), POSTED_TTL)
        return posted

    async def take_posted(self, posted: str) -> dict[str, str]:
        """Return what `keep_posted` kept, once."""
        data = await self._store.take(f"fed-posted:{digest(posted)}")
        if data is None:
            raise FlowError(EXPIRED, detail="no such posted answer")
        return dict(self._open(data, f"fed-posted:{digest(posted)}"))

    async def note_failure(
        self, provider: str, reason: str, *, client_id: str | None = None, address: str = ""
    ) -> None:
        """Write to the audit trail why a sign-in came to nothing."""
        async with self._database.unit_of_work() as uow:
            event = FederationFailed(
                provider=provider, reason=reason[:500], client_id=client_id, address=address
            )
            await record(uow, event, self._clock.now())

    # Whose account -------------------------------------------------------------------------------

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
        """Decide whose account somebody gets, and do it."""
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
        invitation = transaction.invitation if self._registration.mode == "invitation" else None
        decision = await self._decide(upstream.settings, identity, invitation, proven_here=proven_here)
        match decision:
            case SignIn(user_id):
                await connections.note_use(elsewhere)
                return _entered(upstream, identity, user_id, "succeeded")
            case Create():
                if upstream.settings.confirm_profile and not confirmed:
                    return await self._wait(identity, transaction.id, "profile", proven_here=proven_here)
                user = await connections.create(
                    elsewhere, identity.email or "", invitation=invitation, address=address
                )
                return _entered(upstream, identity, user.id, "created")
            case LinkAutomatically(user_id):
                await connections.link(user_id, elsewhere, "automatic", address=address)
                return _entered(upstream, identity, user_id, "linked")
            case TakeOverUnverified(user_id):
                await connections.take_over(user_id, elsewhere, address=address)
                return _entered(upstream, identity, user_id, "taken_over")
            case ProveExisting(user_id):
                waiting = await self._wait(identity, transaction.id, "link", proven_here=proven_here)
                return replace(waiting, link_user=user_id)
            case ConfirmAddress():
                waiting = await self._wait(identity, transaction.id, "address")
                return Waiting(await self.ask_address(waiting.arrival, identity.email or ""))
            case AskForEmail():
                return await self._wait(identity, transaction.id, "address")
            case Refuse(reason):
                return TurnedAway(REFUSALS[reason], reason)

    async def _decide(
        self,
        settings: UpstreamSettings,
        identity: UpstreamIdentity,
        invitation: str | None,
        *,
        proven_here: bool,
    ) -> Decision:
        known = await self.connections.find(*identity.key)
        account, key = None, None
        if known is None and identity.email is not None:
            try:
                key = email_key(identity.email)
            except InvalidValue:  # not an address that we could send mail to
                return AskForEmail(None)
            account = await self.connections.account_of(identity.email)
        domains = {domain.casefold() for domain in self._registration.email_domains}
        policy = Policy(
            auto_link=settings.auto_link,
            registration_open=self._registration.mode == "open" or await self._is_invited(invitation, key),
            domain_allowed=not domains or (key or "").rpartition("@")[2] in domains,
        )
        return decide(
            identity, _local(known), _local(account, identity.email), policy, proven_here=proven_here
        )

    async def _is_invited(self, invitation: str | None, key: str | None) -> bool:
        if invitation is None or key is None:
            return False
        async with self._database.reading() as uow:
            return await is_invited(uow, invitation, key, self._clock.now())

    # Arrivals ------------------------------------------------------------------------------------

    async def arrival(self, transaction: Transaction) -> Arrival | None:
        """Return who waits in a transaction."""
        if transaction.arrival is None:
            return None
        document = await self._get(f"fed-arrival:{digest(transaction.arrival)}")
        if document is None or document["transaction_id"] != transaction.id:
            return None
        return Arrival(**{**document, "identity": UpstreamIdentity.from_document(document["identity"])})

    async def ask_address(self, arrival: Arrival, email: str) -> Arrival:
        """Send a code to the address that somebody gave, as its account spells it if it has one; raise
        `InvalidValue` or `Throttled`.

        Whether it has an account shows only after the code: nothing is made before, and nobody is told.
        """
        key = email_key(email)
        await self._mail_throttle.check(CONFIRM_ADDRESS, key)
        account = await self.connections.account_of(email)
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        waiting = replace(
            arrival,
            id=random_token(),  # a new one, so that the tries at the old code are over
            stage="code",
            email=email.strip(),
            mailed_to=email.strip() if account is None else account.email,
            code_digest=None,
        )
        waiting = replace(waiting, code_digest=self._code_digest(waiting.id, code))
        async with self._database.unit_of_work() as uow:
            await self._mailer.queue(uow, "confirm_address", waiting.mailed_to or "", path="/", code=code)
        await self._store.delete(f"fed-arrival:{digest(arrival.id)}")
        await self._keep(waiting)
        return waiting

    async def confirm_address(self, arrival: Arrival, code: str) -> UpstreamIdentity:
        """Return the identity with its address, once the code of the mail is given; raise `InvalidValue`."""
        wrong = InvalidValue(
            "This code is wrong or no longer good. Look for the latest mail, or send a new one.", field="code"
        )
        tries = await self._store.increment(f"fed-code:{digest(arrival.id)}", ARRIVAL_TTL)
        typed = "".join(character for character in code if character.isdigit())
        if tries > MOST_WRONG_CODES or arrival.code_digest is None or arrival.mailed_to is None:
            raise wrong
        if not equal(self._code_digest(arrival.id, typed), arrival.code_digest):
            raise wrong
        await self.forget(arrival)
        return replace(arrival.identity, email=arrival.mailed_to, email_verified=False)

    async def forget(self, arrival: Arrival) -> None:
        """Use an arrival up; raise `FlowError` for all but one of several who try."""
        if await self._store.take(f"fed-arrival:{digest(arrival.id)}") is None:
            raise FlowError(EXPIRED, detail="the arrival was used by another request")

    async def link_arrival(self, arrival: Arrival, user_id: str, *, address: str = "") -> None:
        """Link who waits to the account whose owner has just signed in to it, once."""
        if arrival.stage != "link":
            raise FlowError(EXPIRED, detail=f"the arrival is at {arrival.stage}, not link")
        await self.forget(arrival)
        upstream = await self.providers.get(arrival.provider)
        await self.connections.link(
            user_id, _elsewhere(upstream, arrival.identity), "proven", address=address
        )

    async def link_asked(
        self, upstream: Upstream, identity: UpstreamIdentity, user_id: str, *, address: str = ""
    ) -> None:
        """Link an account elsewhere to the account of who asked for it while signed in."""
        await self.connections.link(user_id, _elsewhere(upstream, identity), "asked", address=address)

    # Signing out ---------------------------------------------------------------------------------

    async def sign_out_there(self, name: str | None, onward: str | None, back_to: str) -> str | None:
        """Return where a session that began at a provider ends there too, if the operator wants it and the
        provider can; it leads back to `back_to`, with a state for `signed_out_there`."""
        if name is None:
            return None
        try:
            upstream = await self.providers.get(name)
        except NotFound:
            return None
        url = await upstream.sign_out_url(back_to)
        if url is None:
            return None
        state = random_token()
        await self._put(f"fed-logout:{digest(state)}", {"onward": onward}, POSTED_TTL)
        return f"{url}&state={state}"

    async def signed_out_there(self, state: str | None) -> str | None:
        """Return where to go after a sign-out there."""
        data = await self._store.take(f"fed-logout:{digest(state or '')}")
        return None if data is None else self._open(data, f"fed-logout:{digest(state or '')}")["onward"]

    # Tokens --------------------------------------------------------------------------------------

    async def tokens(self, user_id: str, provider: str) -> UpstreamTokens:
        """Return a person's tokens at a provider, good now; raise `NotFound` or `UpstreamError`."""
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

    # ---------------------------------------------------------------------------------------------

    async def _wait(
        self, identity: UpstreamIdentity, transaction_id: str, stage: Stage, *, proven_here: bool = False
    ) -> Waiting:
        arrival = Arrival(
            random_token(),
            transaction_id,
            identity.provider,
            stage,
            identity,
            email=identity.email,
            proven_here=proven_here,
        )
        await self._keep(arrival)
        return Waiting(arrival)

    async def _keep(self, arrival: Arrival) -> None:
        document = {**asdict(arrival), "identity": arrival.identity.to_document()}
        await self._put(f"fed-arrival:{digest(arrival.id)}", document, ARRIVAL_TTL)

    async def _put(self, key: str, document: Mapping[str, Any], ttl: float) -> None:
        sealed = self._master_key.seal(json.dumps(document).encode(), context=key)
        await self._store.put(key, sealed.encode(), ttl)

    async def _get(self, key: str) -> dict[str, Any] | None:
        data = await self._store.get(key)
        return None if data is None else self._open(data, key)

    def _open(self, data: bytes, key: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._master_key.open(data.decode(), context=key))
        return document

    def _code_digest(self, arrival_id: str, code: str) -> str:
        return hmac.new(self._code_key, f"{arrival_id}:{code}".encode(), hashlib.sha256).hexdigest()


def notice(error: IdpError | str, kind: str = "error") -> dict[str, Any]:
    """Return a sentence as a transaction keeps it, so that it can still be translated."""
    sentence = error.sentence if isinstance(error, IdpError) else error
    if isinstance(sentence, Text):
        parameters = {name: str(value) for name, value in sentence.parameters.items()}
        return {"kind": kind, "message": sentence.message, "parameters": parameters}
    return {"kind": kind, "message": sentence, "parameters": {}}


def sentence_of(kept: Mapping[str, Any]) -> Text:
    """Return the sentence of a notice."""
    return Text(kept["message"], **kept["parameters"])


def _local(user: User | None, email: str | None = None) -> LocalAccount | None:
    if user is None:
        return None
    return LocalAccount(
        user.id,
        email_verified=user.email_verified,
        disabled=user.disabled_at is not None,
        privileged=bool(user.roles),
        same_mailbox=email is not None and same_mailbox(user.email, email),
    )


def _elsewhere(upstream: Upstream, identity: UpstreamIdentity) -> Elsewhere:
    kept = identity.tokens if upstream.settings.keep_tokens else None
    return Elsewhere(
        provider=identity.provider,
        label=upstream.label,
        issuer=identity.issuer,
        subject=identity.subject,
        email=identity.email,
        name=identity.name,
        claims=identity.claims,
        tokens=kept.to_json() if kept else None,
    )


def _entered(upstream: Upstream, identity: UpstreamIdentity, user_id: str, outcome: str) -> Entered:
    """Say the truth about what happened: a sign-in elsewhere, with two factors only if that is believed."""
    policy = upstream.settings.second_factor
    proven = policy == "unless_proven" and identity.multi_factor
    return Entered(
        user_id,
        amr=(AMR_FEDERATED, AMR_MULTI) if proven else (AMR_FEDERATED,),
        acr=ACR_MULTI if proven else ACR_SINGLE,
        auth_time=identity.auth_time,
        provider=upstream.name,
        factor_waived=policy == "never",
        outcome=outcome,
    )
