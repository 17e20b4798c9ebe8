"""People, as the protocol core asks about them: joins `identity` to `oauth`, which do not know each other."""

from collections.abc import Mapping
from typing import Any

from idp.authentication import Authentication
from idp.config import Settings
from idp.flow.continuations import Continuation, Continuations, fingerprint
from idp.identity.claims import standard_claims
from idp.identity.factors.factor import Answer
from idp.identity.login import AuthenticatedUser, PasswordLogin
from idp.identity.second_factor import SecondFactors
from idp.oauth.errors import StepRequiredError
from idp.oauth.subject import Authenticated, Subject
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import User


class People:
    """Implements `idp.oauth.subject.Subjects`."""

    def __init__(
        self,
        database: Database,
        login: PasswordLogin,
        second_factors: SecondFactors,
        continuations: Continuations,
        settings: Settings,
    ) -> None:
        self._database = database
        self._login = login
        self._second_factors = second_factors
        self._continuations = continuations
        self._verify_email = settings.registration.verify_email
        self._factors = settings.second_factor

    async def find(self, uow: UnitOfWork, user_id: str) -> Subject | None:
        """Return the person, or None when the account is gone or disabled."""
        user = await uow.users.get(user_id)
        return self.describe(user) if user is not None and user.disabled_at is None else None

    def describe(self, user: User) -> Subject:
        """Return the person of a row."""
        return Subject(user.id, standard_claims(user))

    async def authenticate(
        self,
        username: str,
        password: str,
        *,
        address: str,
        client_id: str,
        requires_second_factor: bool = False,
    ) -> Authenticated | None:
        """Check a password, with the throttle and the audit of the sign-in page."""
        found = await self._login.authenticate(username, password, address, client_id=client_id)
        if found is None:
            return None
        await self._require_no_factor(found, client_id, required=requires_second_factor)
        return self._authenticated(found.user, found.authentication)

    async def prove_factor(
        self, token: str, answer: Mapping[str, str], *, address: str, client_id: str
    ) -> Authenticated | None:
        """Go on after `mfa_required`; None when the answer is wrong or there is nothing to go on with."""
        continuation = await self._continuations.find(token, client_id)
        if continuation is None:
            return None
        async with self._database.reading() as uow:
            user = await uow.users.get(continuation.user_id)
        if user is None or user.disabled_at is not None:
            return None
        if fingerprint(user.password_hash) != continuation.password:  # changed or reset in between
            return None
        given = Answer(
            code=answer.get("code", "")[:64],
            assertion=answer.get("assertion", ""),
            ceremony=token,
        )
        kind = answer.get("kind", "totp")
        # A code by mail is none here: the grant says that two factors were proven.
        proven = await self._second_factors.check(user, kind, given, address=address, strong=True)
        if proven is None or not await self._continuations.finish(token):
            return None
        return self._authenticated(user, proven.added_to(continuation.authentication))

    async def _require_no_factor(self, found: AuthenticatedUser, client_id: str, *, required: bool) -> None:
        """Raise `StepRequiredError` when the pages would ask for a second factor here: a grant without
        pages is no way round them (`idp.flow.steps`). A trusted browser is one, so it does not count."""
        if self._factors.policy == "off":
            return
        user = found.user
        if await self._second_factors.is_enrolled(user.id):
            raise await self._continues(found, client_id)
        roles = set(self._factors.required_for_roles)
        if required or self._factors.policy == "required" or not roles.isdisjoint(user.roles):
            raise StepRequiredError(
                "mfa_enrolment_required", "A second factor is required and must be set up on the account page"
            )

    async def _continues(self, found: AuthenticatedUser, client_id: str) -> StepRequiredError:
        """Begin a continuation and return the answer that offers it: the factors, and for a passkey what the
        authenticator is to sign."""
        user = found.user
        continuation = Continuation(user.id, client_id, found.authentication, fingerprint(user.password_hash))
        token = await self._continuations.begin(continuation)
        kinds = await self._second_factors.options(user, strong=True)
        members: dict[str, Any] = {"mfa_token": token, "factors": kinds}
        if "webauthn" in kinds:
            members["webauthn"] = await self._second_factors.passkey_options(user, token)
        return StepRequiredError("mfa_required", "A second factor is required", members)

    def _authenticated(self, user: User, authentication: Authentication) -> Authenticated:
        """Raise `StepRequiredError` for an address that has to be verified first; else say who it is."""
        if user.verification_due and self._verify_email == "before_sign_in":
            raise StepRequiredError(
                "verification_required", "The email address of this account has not been verified yet"
            )
        unverified = user.verification_due and self._verify_email == "before_claims"
        withheld = frozenset({"email"}) if unverified else frozenset()
        return Authenticated(self.describe(user), authentication, withheld)
