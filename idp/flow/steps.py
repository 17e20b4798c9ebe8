"""What may be asked of a user on the way, in order. Read the table aloud: this is the policy.

What the operator decides is in the policy of the situation (`idp.config.policies`); what stands here is the same
for all.
"""

from collections.abc import Iterable

from idp.flow.factor_steps import EnrolFactor, OfferFactor, SecondFactor
from idp.flow.sign_in_steps import (
    SIGN_IN_STEPS,
    Login,
    RecentLogin,
    SelectAccount,
    VerifyRegistration,
    Welcome,
)
from idp.flow.situation import Situation
from idp.flow.step import Reason, Step
from idp.oauth.errors import ConsentRequiredError, InteractionRequiredError

__all__ = [
    "SIGN_IN_STEPS",
    "STEPS",
    "Consent",
    "EnrolFactor",
    "LinkIdentity",
    "Login",
    "OfferFactor",
    "Reason",
    "RecentLogin",
    "SecondFactor",
    "SelectAccount",
    "Step",
    "VerifyEmail",
    "VerifyRegistration",
    "Welcome",
    "withheld_scopes",
]


class VerifyEmail(Step):
    """The user shows that the address is theirs; only asked of an account that the user registered."""

    name = "verify_email"
    path = "/verify-email"

    def pending(self, situation: Situation) -> Reason | None:
        """As the operator wants it: before any sign-in goes on, or before an app learns the address."""
        request = situation.request
        if not self._is_due(situation):
            return None
        reason = Reason("the address has not been verified", InteractionRequiredError)
        if situation.policy.registration.verify_email == "before_sign_in":
            return reason
        if request is not None and ("email" in request.scopes or "email" in request.claims.names):
            return reason
        return None

    def withholds(self, situation: Situation) -> frozenset[str]:
        """Return the scopes that a grant without pages leaves out until the address is verified."""
        return frozenset({"email"}) if self._is_due(situation) else frozenset()

    @staticmethod
    def _is_due(situation: Situation) -> bool:
        session, when = situation.session, situation.policy.registration.verify_email
        return session is not None and session.verification_due and when != "never"


class LinkIdentity(Step):
    """An account at a provider is linked to the account here whose owner has just signed in to it."""

    name = "link_identity"
    path = "/federation/link"

    def pending(self, situation: Situation) -> Reason | None:
        """Only for the account that has the address, and only once its owner has signed in to it in this
        transaction: a sign-in to another account links nothing."""
        session = situation.session
        if session is None or situation.account_to_link != session.user_id:
            return None
        if situation.has_proof(self.name) or not situation.has_proof(Login.name):
            return None
        return Reason("an account at a provider is waiting to be linked", InteractionRequiredError)


class Consent(Step):
    """The user allows the client to see what it asks for."""

    name = "consent"
    path = "/consent"

    def pending(self, situation: Situation) -> Reason | None:
        """OIDC Core §3.1.2.4. The operator's own apps need none, unless they ask for it. A consent is not
        remembered for a native app whose redirect URI any app on the device may claim: without the user's doing
        it would get what was once allowed to another (RFC 8252 §8.6)."""
        request, client = situation.request, situation.client
        if request is None or client is None or situation.has_proof(self.name):
            return None
        if situation.prompted("consent"):
            return Reason("the client asked for a new consent", ConsentRequiredError)
        if client.has_claimable_uri(request.redirect_uri) and not situation.has_proof(Login.name):
            return Reason("another app may have claimed the scheme of the redirect URI", ConsentRequiredError)
        if client.is_first_party:
            return None
        if not set(request.scopes) <= situation.consented_scopes:
            return Reason("a scope has not been allowed yet", ConsentRequiredError)
        if not request.claims.names <= situation.consented_claims:
            return Reason("a claim has not been allowed yet", ConsentRequiredError)
        return None


SELECT_ACCOUNT, LOGIN = SelectAccount(), Login()
ENROL_FACTOR, OFFER_FACTOR = EnrolFactor(), OfferFactor()
RECENT_LOGIN = RecentLogin(before=(ENROL_FACTOR, OFFER_FACTOR))
SIGN_INS = (SELECT_ACCOUNT, LOGIN, RECENT_LOGIN)

STEPS: tuple[Step, ...] = (
    Welcome(SIGN_INS),  # what was begun is finished before a sign-in is begun anew
    VerifyRegistration(SIGN_INS),
    SELECT_ACCOUNT,  # before Login: on the same page, and signing in answers both
    LOGIN,
    SecondFactor(),  # right after the first: nothing of the account is shown in between
    RECENT_LOGIN,  # right before what asks for it
    ENROL_FACTOR,
    VerifyEmail(),  # before Consent: what is shown there should be true
    OFFER_FACTOR,  # not before the account is sure to be the user's
    LinkIdentity(),  # when all is proven that can be asked of the account's owner
    Consent(),  # last: it names the user who consents
)
"""All steps, in their order."""


def withheld_scopes(situation: Situation, steps: Iterable[Step]) -> frozenset[str]:
    """Return the scopes that nothing true can be said about yet."""
    withheld: frozenset[str] = frozenset()
    for step in steps:
        if isinstance(step, VerifyEmail):
            withheld |= step.withholds(situation)
    return withheld
