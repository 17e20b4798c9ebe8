"""What may be asked of a person on the way, in order. Read it aloud: this is the policy.

A step looks at the situation and says whether it is pending, and why. It touches nothing: no store,
no clock, no HTTP.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from idp.flow.situation import SignedIn, Situation
from idp.identity.acr import ACR_MULTI, ACR_VALUES, AMR_EMAIL, satisfies
from idp.oauth.errors import (
    AccountSelectionRequiredError,
    ConsentRequiredError,
    InteractionRequiredError,
    LoginRequiredError,
    OAuth2Error,
)

VerifyWhen = Literal["before_sign_in", "before_claims", "never"]
FactorPolicy = Literal["off", "optional", "required"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a step is pending, in plain words, and the error for a client that wanted no questions."""

    text: str
    error: type[OAuth2Error]
    anew: bool = False
    """Whether a sign-in at another provider counts only if the user is authenticated there again."""


class Step(Protocol):
    """Something that may be asked of a user."""

    name: str
    path: str
    """The page that asks."""

    def pending(self, situation: Situation) -> Reason | None:
        """Say why the user must be asked, or None."""
        ...

    def is_optional(self, situation: Situation) -> bool:
        """Whether the flow may go on without it where no question may be asked (`prompt=none`)."""
        del situation
        return False


class Login(Step):
    """The user proves who they are."""

    name = "login"
    path = "/login"

    def pending(self, situation: Situation) -> Reason | None:
        """OIDC Core §3.1.2.1: prompt, max_age, id_token_hint."""
        text = self._why(situation)
        return Reason(text, LoginRequiredError, self._anew(situation)) if text else None

    @staticmethod
    def _why(situation: Situation) -> str | None:
        session, request, transaction = situation.session, situation.request, situation.transaction
        if session is None:
            return "nobody is signed in in this browser"
        if transaction.switching:  # before the proof: it may be that of the account to leave
            return "the user wants to use another account"
        if situation.has_proof(Login.name):
            return None
        if _account_to_link(situation) is not None:
            return "the user has to sign in to the account that another one is to be linked to"
        if situation.is_stale(transaction.demand.recent):
            return "the destination asks for a recent sign-in"
        if request is None:
            return None
        if situation.prompted("login") or request.max_age == 0:
            return "the client asked for a new sign-in"
        if situation.is_stale(request.max_age):
            return "the last sign-in is older than max_age"
        if not request.expects(session.user_id):
            return "another user is signed in than the client expects"
        return None

    @staticmethod
    def _anew(situation: Situation) -> bool:
        transaction = situation.transaction
        return (
            situation.prompted("login")
            or _account_to_link(situation) is not None
            or transaction.demand.recent is not None
        )


class SelectAccount(Step):
    """The person says which account to go on with; on the sign-in page."""

    name = "select_account"
    path = "/login"

    def pending(self, situation: Situation) -> Reason | None:
        """OIDC Core §3.1.2.1: prompt. Who has just signed in has chosen by that."""
        if not situation.prompted("select_account") or situation.transaction.switching:
            return None
        if situation.session is None:
            return None  # there is nothing to choose from: Login is next
        if situation.has_proof(self.name) or situation.has_proof(Login.name):
            return None
        return Reason("the client asked to let the person choose an account", AccountSelectionRequiredError)


class FactorDemands:
    """When a second factor is asked for, and when one must be enrolled."""

    def __init__(
        self,
        policy: FactorPolicy,
        required_for_roles: Collection[str],
        *,
        grace: bool = False,
        offers: bool = False,
    ) -> None:
        """`grace`: whether enrolment may be put off for a while. `offers`: whether it is offered."""
        self._policy = policy
        self._required_for_roles = frozenset(required_for_roles)
        self._grace = grace
        self.offers = offers and policy == "optional"

    def open_question(self, situation: Situation) -> SignedIn | None:
        """Return the session if it has one factor and factors are switched on."""
        session = situation.session
        if self._policy == "off" or session is None or satisfies(session.authentication.acr, ACR_MULTI):
            return None
        return session

    def insists(self, situation: Situation) -> bool:
        """Whether the operator or the client requires two factors of this person."""
        return self._policy == "required" or self._role_insists(situation) or self._client_insists(situation)

    def wants_strong(self, situation: Situation) -> bool:
        """Whether neither a trusted browser nor a code by mail stands in for a second factor."""
        request = situation.request
        return (
            situation.transaction.demand.strong
            or self._role_insists(situation)
            or self._client_insists(situation)
            or (request is not None and wants_multi(request.acr_values))
            or (request is not None and wants_multi(request.claims.essential_acr))
        )

    def may_put_off(self, situation: Situation) -> bool:
        """Whether enrolment, on which somebody insists, can still wait. Never for a client."""
        session = situation.session
        if not self._grace or session is None or self._client_insists(situation):
            return False
        return session.factor_due_at is None or situation.now < session.factor_due_at

    def _role_insists(self, situation: Situation) -> bool:
        session = situation.session
        return session is not None and not self._required_for_roles.isdisjoint(session.roles)

    @staticmethod
    def _client_insists(situation: Situation) -> bool:
        """By its registration, or in this request: by an essential acr that one factor cannot give."""
        client, request = situation.client, situation.request
        if client is not None and client.requires_second_factor:
            return True
        known = (
            [] if request is None else [each for each in request.claims.essential_acr if each in ACR_VALUES]
        )
        return bool(known) and all(each == ACR_MULTI for each in known)


class SecondFactor(Step):
    """The person proves a second factor."""

    name = "second_factor"
    path = "/mfa"

    def __init__(self, demands: FactorDemands) -> None:
        self._demands = demands

    def pending(self, situation: Situation) -> Reason | None:
        """Whoever has one is asked. A trusted browser skips it, and a code by mail answers it, unless a
        strong one is wanted."""
        session = self._demands.open_question(situation)
        if session is None or not session.has_factor:
            return None
        if (session.trusted_device or AMR_EMAIL in session.authentication.amr) and not self.wants_strong(
            situation
        ):
            return None
        if (
            session.authentication.factor_waived
            and not self.wants_strong(situation)
            and not self._demands.insists(situation)
        ):
            return None
        return Reason("a second factor has not been proven", InteractionRequiredError)

    def wants_strong(self, situation: Situation) -> bool:
        """Whether a code by mail does not do."""
        return self._demands.wants_strong(situation)


class EnrolFactor(Step):
    """The person, who has no second factor yet, enrols one, because somebody insists on two."""

    name = "enrol_factor"
    path = "/mfa/enrol"

    def __init__(self, demands: FactorDemands) -> None:
        self._demands = demands

    def pending(self, situation: Situation) -> Reason | None:
        """Only where it is required: who may choose is never held up by it. While it may be put off, the
        person is asked once at each sign-in."""
        session = self._demands.open_question(situation)
        if session is None or session.has_factor or not self._demands.insists(situation):
            return None
        if self._demands.may_put_off(situation):
            asked_before = session.factor_due_at is not None and not situation.has_proof(Login.name)
            if asked_before or situation.has_proof(self.name):
                return None
        return Reason("a second factor is required and none is enrolled", InteractionRequiredError)

    def is_optional(self, situation: Situation) -> bool:
        """While it may be put off. Its page then has a "Not now"."""
        return self._demands.may_put_off(situation)


class OfferFactor(Step):
    """The person, who may have a second factor, is offered one after a sign-in: once."""

    name = "offer_factor"
    path = "/mfa/enrol"

    def __init__(self, demands: FactorDemands) -> None:
        self._demands = demands

    def pending(self, situation: Situation) -> Reason | None:
        """Where the operator wants it offered."""
        session = self._demands.open_question(situation)
        if session is None or session.has_factor or not self._demands.offers:
            return None
        if session.factor_offered_at is not None or not situation.has_proof(Login.name):
            return None
        if situation.has_proof(self.name):
            return None
        return Reason("a second factor is offered", InteractionRequiredError)

    def is_optional(self, situation: Situation) -> bool:
        """Always: it is an offer."""
        del situation
        return True


class RecentLogin(Step):
    """The user signs in again before a second factor is set up: a stolen session must not become the owner's."""

    name = "recent_login"
    path = Login.path

    def __init__(self, longest: float, before: tuple[Step, ...]) -> None:
        """`longest` is how many seconds old a sign-in may be for one of the steps `before` which it stands."""
        self._longest = longest
        self._before = before

    def pending(self, situation: Situation) -> Reason | None:
        """Whatever was proven in this transaction: the user may have waited on a page."""
        if not situation.is_stale(self._longest):
            return None
        if all(step.pending(situation) is None for step in self._before):
            return None
        return Reason(
            "a second factor is set up only after a recent sign-in", InteractionRequiredError, anew=True
        )

    def is_optional(self, situation: Situation) -> bool:
        """As the step is for which it is asked."""
        return all(
            step.is_optional(situation) for step in self._before if step.pending(situation) is not None
        )


def wants_multi(acr_values: Sequence[str]) -> bool:
    """Tell whether, of the acr values that a client would take, only more than one factor will do."""
    known = [value for value in acr_values if value in ACR_VALUES]
    return bool(known) and known[0] == ACR_MULTI


class Begun(Step):
    """A sign-in that the user began by another way than the sign-in page, and that is to be finished."""

    def __init__(self, sign_in: tuple[Step, ...]) -> None:
        """`sign_in` are the steps that it answers: without one of them pending, nothing is to be finished."""
        self._sign_in = sign_in

    def reason(self, situation: Situation, text: str) -> Reason | None:
        """Return the reason to go on, if a sign-in is due."""
        for step in self._sign_in:
            due = step.pending(situation)
            if due is not None:
                return replace(due, text=text)
        return None


class Welcome(Begun):
    """The user came back from a provider, and something is to be asked before there is an account."""

    name = "welcome"
    path = "/federation/welcome"

    def pending(self, situation: Situation) -> Reason | None:
        """Not where an account is to be linked: its owner signs in."""
        arrived = situation.transaction.arrived
        if arrived is None or arrived.link_user is not None:
            return None
        return self.reason(situation, "something is to be asked about the account at a provider")


class VerifyRegistration(Begun):
    """The user registered in this transaction, and shows that the address is theirs."""

    name = "verify_registration"
    path = "/verify-email"

    def pending(self, situation: Situation) -> Reason | None:
        """Until the address is verified, or the user signs in another way."""
        if situation.transaction.registered is None:
            return None
        return self.reason(situation, "the address of the registration is to be verified")


SIGN_IN_STEPS = (Login.name, SelectAccount.name, RecentLogin.name, Welcome.name, VerifyRegistration.name)
"""Those that any sign-in answers, on whatever page: a user may always choose another way than the one begun."""


class VerifyEmail(Step):
    """The person shows that their address is theirs; only asked of accounts of people's own making."""

    name = "verify_email"
    path = "/verify-email"

    def __init__(self, when: VerifyWhen) -> None:
        self._when = when

    def pending(self, situation: Situation) -> Reason | None:
        """As the operator wants it: before any sign-in goes on, or before an app learns the address."""
        request = situation.request
        if not self._is_due(situation):
            return None
        reason = Reason("the address has not been verified", InteractionRequiredError)
        if self._when == "before_sign_in":
            return reason
        if request is not None and ("email" in request.scopes or "email" in request.claims.names):
            return reason
        return None

    def withholds(self, situation: Situation) -> frozenset[str]:
        """Return the scopes that a grant without pages leaves out until the address is verified."""
        return frozenset({"email"}) if self._is_due(situation) else frozenset()

    def _is_due(self, situation: Situation) -> bool:
        session = situation.session
        return session is not None and session.verification_due and self._when != "never"


class LinkIdentity(Step):
    """An account elsewhere is linked to the account here whose owner has just shown that it is theirs."""

    name = "link_identity"
    path = "/federation/link"

    def pending(self, situation: Situation) -> Reason | None:
        """Only for the account that has the address, and only once its owner has signed in to it in this
        transaction: whoever signs in to another account links nothing."""
        session = situation.session
        if session is None or _account_to_link(situation) != session.user_id:
            return None
        if situation.has_proof(self.name) or not situation.has_proof(Login.name):
            return None
        return Reason("an account elsewhere is waiting to be linked", InteractionRequiredError)


class Consent(Step):
    """The person allows the client to see what it asks for."""

    name = "consent"
    path = "/consent"

    def pending(self, situation: Situation) -> Reason | None:
        """OIDC Core §3.1.2.4. The operator's own apps need none, unless they ask for it."""
        request, client = situation.request, situation.client
        if request is None or client is None or situation.has_proof(self.name):
            return None
        if situation.prompted("consent"):
            return Reason("the client asked for a new consent", ConsentRequiredError)
        if client.is_first_party:
            return None
        if not set(request.scopes) <= situation.consented_scopes:
            return Reason("a scope has not been allowed yet", ConsentRequiredError)
        if not request.claims.names <= situation.consented_claims:
            return Reason("a claim has not been allowed yet", ConsentRequiredError)
        return None


def steps(verify_email: VerifyWhen, demands: FactorDemands, recent_sign_in: float) -> tuple[Step, ...]:
    """Return the steps in their order. `recent_sign_in` is how many seconds old a sign-in may be for something
    sensitive."""
    select, login = SelectAccount(), Login()
    enrol, offer = EnrolFactor(demands), OfferFactor(demands)
    recent = RecentLogin(recent_sign_in, (enrol, offer))
    sign_in = (select, login, recent)
    return (
        Welcome(sign_in),  # what was begun is finished before a sign-in is begun anew
        VerifyRegistration(sign_in),
        select,  # before Login: on the same page, and signing in answers both
        login,
        SecondFactor(demands),  # right after the first: nothing of the account is shown in between
        recent,
        enrol,
        VerifyEmail(verify_email),  # before Consent: what is shown there should be true
        offer,  # not before the account is sure to be theirs
        LinkIdentity(),  # when all is proven that can be asked of the account's owner
        Consent(),  # last: it names who consents
    )


def _account_to_link(situation: Situation) -> str | None:
    """Return the account that the user has to sign in to, for another one to be linked to it."""
    arrived = situation.transaction.arrived
    return arrived.link_user if arrived is not None else None


def withheld_scopes(situation: Situation, steps: Iterable[Step]) -> frozenset[str]:
    """Return the scopes that nothing true can be said about yet."""
    withheld: frozenset[str] = frozenset()
    for step in steps:
        if isinstance(step, VerifyEmail):
            withheld |= step.withholds(situation)
    return withheld
