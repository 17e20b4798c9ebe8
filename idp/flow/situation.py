"""The situation of a user in the flow: the value that every decision is made from.

`Situations` puts it together for each door: the pages, the password grant, the JSON API, and what the account
page does with care. So all of them ask the same steps (`idp.flow.steps`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import Policies, Policy, PolicyContext
from idp.flow.transaction import Transaction
from idp.identity.acr import ACR_MULTI, satisfies
from idp.identity.factors.registry import has_factor
from idp.identity.second_factor import SecondFactors
from idp.identity.sessions import CurrentSession
from idp.oauth.authorization_request import AuthorizationRequest
from idp.oauth.clients import Client
from idp.storage.database import Database
from idp.storage.models import User


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """The user who is signed in, as far as the flow cares."""

    session_id: str
    """The browser session, or "" for a user who came without a browser."""
    user_id: str
    authentication: Authentication
    verification_due: bool = False
    roles: Sequence[str] = ()
    has_factor: bool = False
    """Whether the user has a second factor. Not looked up where nothing depends on it: see `Situations`."""
    trusted_device: bool = False
    """Whether the user lets this browser skip it."""
    factor_offered_at: float | None = None
    """When the user was offered a second factor and did not want one."""
    factor_due_at: float | None = None
    """When the user must have one, after putting it off."""

    @classmethod
    def by_session(cls, session: CurrentSession) -> "SignedInUser":
        """Return the user of a browser session."""
        return cls(
            session.id,
            session.user_id,
            session.authentication,
            verification_due=session.verification_due,
            roles=session.roles,
            factor_offered_at=session.factor_offered_at,
            factor_due_at=session.factor_due_at,
        )

    @classmethod
    def by_account(cls, user: User, authentication: Authentication) -> "SignedInUser":
        """Return the user of an account who came without a browser."""
        return cls(
            "",
            user.id,
            authentication,
            verification_due=user.verification_due,
            roles=tuple(user.roles),
            factor_offered_at=user.factor_offered_at,
            factor_due_at=user.factor_due_at,
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that the decision depends on."""

    transaction: Transaction
    client: Client | None
    """None when the user came on their own, to the account."""
    session: SignedInUser | None
    consented_scopes: frozenset[str] = field(default_factory=frozenset)
    consented_claims: frozenset[str] = field(default_factory=frozenset)
    now: float = 0.0
    policy: Policy = field(default_factory=Policy)

    @property
    def account_to_link(self) -> str | None:
        """The account that the user has to sign in to, for one at a provider to be linked to it."""
        arrived = self.transaction.arrived
        return arrived.link_user if arrived is not None else None

    @property
    def request(self) -> AuthorizationRequest | None:
        """What the client asked for."""
        return self.transaction.request

    def has_proof(self, step: str) -> bool:
        """Whether `step` was done in this transaction, in the session that is current now."""
        return self.session is not None and (
            self.transaction.proof(step, self.session.session_id) is not None
        )

    @property
    def chosen_providers(self) -> Sequence[str]:
        """The providers that the client chose (its metadata `providers`), in its order; empty if it takes users
        from all."""
        return self.client.metadata.providers if self.client else ()

    def takes_provider(self, name: str | None) -> bool:
        """Whether the client takes users who signed in at this provider. Every client takes users who signed in
        at none, which is None."""
        return name is None or not self.chosen_providers or name in self.chosen_providers

    def prompted(self, prompt: str) -> bool:
        """Whether the client asked for this prompt."""
        return self.request is not None and prompt in self.request.prompts

    def is_stale(self, longest: float | None) -> bool:
        """Whether the sign-in is more than `longest` seconds old; never for None."""
        session = self.session
        return (
            longest is not None
            and session is not None
            and self.now - session.authentication.auth_time > longest
        )


class Situations:
    """Puts situations together."""

    def __init__(
        self, database: Database, second_factors: SecondFactors, policies: Policies, clock: Clock
    ) -> None:
        self._database = database
        self._policies = policies
        self._second_factors = second_factors
        self._clock = clock

    async def of(
        self,
        transaction: Transaction,
        client: Client | None,
        session: SignedInUser | None,
        *,
        device: str | None = None,
    ) -> Situation:
        """Return the situation as it is now. `device` is the browser's mark as a trusted one.

        A session with two factors costs no query for the factors, unless the transaction demands a strong
        sign-in."""
        now = self._clock.now()
        policy = await self._policies.of(PolicyContext(client.client_id if client is not None else None))
        if session is None:
            return Situation(transaction, client, None, now=now, policy=policy)
        scopes: frozenset[str] = frozenset()
        claims: frozenset[str] = frozenset()
        async with self._database.reading() as uow:
            if transaction.demand.strong or not satisfies(session.authentication.acr, ACR_MULTI):
                session = replace(session, has_factor=await has_factor(uow, session.user_id))
            if session.has_factor:
                trusted = await self._second_factors.trusted_browsers.is_trusted(uow, session.user_id, device)
                session = replace(session, trusted_device=trusted)
            if client is not None and transaction.request is not None and not client.is_first_party:
                consent = await uow.consents.get(session.user_id, client.client_id)
                if consent is not None:
                    scopes, claims = frozenset(consent.scopes), frozenset(consent.claims)
        return Situation(transaction, client, session, scopes, claims, now, policy)
