"""People, as the protocol core asks about them: joins `identity` to `oauth`, which do not know each other."""

from idp.clock import Clock
from idp.flow.steps import VerifyWhen
from idp.identity.acr import ACR_SINGLE
from idp.identity.claims import standard_claims
from idp.identity.login import PasswordLogin
from idp.oauth.errors import StepRequiredError
from idp.oauth.subject import Authenticated, Subject
from idp.storage.database import UnitOfWork
from idp.storage.models import User


class People:
    """Implements `idp.oauth.subject.Subjects`."""

    def __init__(self, login: PasswordLogin, clock: Clock, verify_email: VerifyWhen) -> None:
        self._login = login
        self._clock = clock
        self._verify_email = verify_email

    async def find(self, uow: UnitOfWork, user_id: str) -> Subject | None:
        """Return the person, or None when the account is gone or disabled."""
        user = await uow.users.get(user_id)
        return self.describe(user) if user is not None and user.disabled_at is None else None

    def describe(self, user: User) -> Subject:
        """Return the person of a row."""
        return Subject(user.id, standard_claims(user))

    async def authenticate(
        self, username: str, password: str, *, address: str, client_id: str
    ) -> Authenticated | None:
        """Check a password, with the throttle and the audit of the sign-in page."""
        user = await self._login.authenticate(username, password, address, client_id=client_id)
        if user is None:
            return None
        self._require_nothing_due(user)
        unverified = user.verification_due and self._verify_email == "before_claims"
        withheld = frozenset({"email"}) if unverified else frozenset()
        return Authenticated(self.describe(user), self._clock.now(), ACR_SINGLE, ("pwd",), withheld)

    def _require_nothing_due(self, user: User) -> None:
        """Raise `StepRequiredError` for what the pages would ask after the password (`idp.flow.steps`):
        a grant without pages is no way round them."""
        if user.verification_due and self._verify_email == "before_sign_in":
            raise StepRequiredError(
                "verification_required", "The email address of this account has not been verified yet"
            )
