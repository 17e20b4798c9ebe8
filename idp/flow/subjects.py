"""Users, as the protocol core asks about them: joins `identity` to `oauth`, which do not know each other.

A grant without pages asks the steps that the pages ask (`idp.flow.steps`). It cannot take one: it says which is
due.
"""

from collections.abc import Mapping
from typing import Any

from idp.authentication import Authentication
from idp.flow.continuations import Continuation, Continuations
from idp.flow.dispatch import pending
from idp.flow.situation import SignedInUser, Situation, Situations
from idp.flow.steps import EnrolFactor, Login, SecondFactor, Step, VerifyEmail, withheld_scopes
from idp.flow.transaction import Proof, Transaction
from idp.identity.claims import standard_claims
from idp.identity.factors.factor import ChallengeAnswer
from idp.identity.factors.registry import default_kind
from idp.identity.login import DeletedAccountError, PasswordLogin
from idp.identity.second_factor import SecondFactors
from idp.oauth.clients import Client
from idp.oauth.errors import StepRequiredError
from idp.oauth.subject import Authenticated, FactorAnswer, Subject
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import User

DUE: Mapping[str, tuple[str, str]] = {
    SecondFactor.name: ("mfa_required", "A second factor is required"),
    EnrolFactor.name: (
        "mfa_enrolment_required",
        "A second factor is required and must be set up on the account page",
    ),
    VerifyEmail.name: (
        "verification_required",
        "The email address of this account has not been verified yet",
    ),
}
"""The steps that a grant without pages insists on, and what it answers. The others mean nothing without a page,
or are offers."""


class People:
    """Implements `idp.oauth.subject.Subjects`."""

    def __init__(
        self,
        database: Database,
        login: PasswordLogin,
        second_factors: SecondFactors,
        continuations: Continuations,
        situations: Situations,
        steps: tuple[Step, ...],
        username_fallback: str = "none",
    ) -> None:
        self._database = database
        self._login = login
        self._second_factors = second_factors
        self._continuations = continuations
        self._situations = situations
        self._steps = steps
        self._username_fallback = username_fallback

    async def find(self, uow: UnitOfWork, user_id: str) -> Subject | None:
        """Return the user, or None when the account is gone or disabled."""
        user = await uow.users.get(user_id)
        return self.describe(user) if user is not None and user.disabled_at is None else None

    def describe(self, user: User) -> Subject:
        """Return the user of a row."""
        return Subject(user.id, standard_claims(user, self._username_fallback))

    async def authenticate(
        self, username: str, password: str, *, address: str, client: Client
    ) -> Authenticated | None:
        """Check a password, with the throttle and the audit of the sign-in page."""
        try:
            found = await self._login.authenticate(username, password, address, client_id=client.client_id)
        except DeletedAccountError:  # the owner has got a mail
            return None
        return None if found is None else await self._finish(found.user, found.authentication, client)

    async def prove_factor(
        self, token: str, answer: FactorAnswer, *, address: str, client: Client
    ) -> Authenticated | None:
        """Go on after `mfa_required`; None when the answer is wrong or there is nothing to go on with."""
        continuation = await self._continuations.find(token, client.client_id)
        if continuation is None:
            return None
        async with self._database.reading() as uow:
            user = await uow.users.get(continuation.user_id)
        if user is None or user.disabled_at is not None:
            return None
        if user.generation != continuation.authentication.generation:  # changed or reset in between
            return None
        given = ChallengeAnswer(code=answer.code[:64], assertion=answer.assertion, ceremony=token)
        kind = answer.kind or default_kind()
        # A code by mail does not count here: the grant says that two factors were proven.
        proven = await self._second_factors.check(user, kind, given, address=address, strong=True)
        if proven is None or not await self._continuations.finish(token):
            return None
        return await self._finish(user, proven.added_to(continuation.authentication), client)

    async def _finish(self, user: User, authentication: Authentication, client: Client) -> Authenticated:
        """Return the user; raise `StepRequiredError` for the first step that is due."""
        situation = await self._situation(user, authentication, client)
        for due in pending(situation, self._steps):
            if due.step.name in DUE:
                raise await self._step_required(due.step, user, authentication, client)
        return Authenticated(self.describe(user), authentication, withheld_scopes(situation, self._steps))

    async def _situation(self, user: User, authentication: Authentication, client: Client) -> Situation:
        """Return the situation of a user who has just signed in, without a browser that could be trusted."""
        signed_in = SignedInUser.by_account(user, authentication)
        login = Proof(Login.name, user.id, signed_in.session_id, "authenticated", authentication.auth_time)
        draft = Transaction.draft(authentication.auth_time).with_proof(login)
        return await self._situations.of(draft, client, signed_in)

    async def _step_required(
        self, step: Step, user: User, authentication: Authentication, client: Client
    ) -> StepRequiredError:
        word, sentence = DUE[step.name]
        members: dict[str, Any] = {}
        if step.name == SecondFactor.name:
            members = await self._continue(user, authentication, client)
        return StepRequiredError(word, sentence, members)

    async def _continue(self, user: User, authentication: Authentication, client: Client) -> dict[str, Any]:
        """Begin a continuation and return what offers it: the factors, and for a passkey what the
        authenticator is to sign."""
        continuation = Continuation(user.id, client.client_id, authentication)
        token = await self._continuations.begin(continuation)
        kinds = await self._second_factors.options(user, strong=True)
        challenges = await self._second_factors.challenges_without_page(user, token)
        return {"mfa_token": token, "factors": kinds, **challenges}
