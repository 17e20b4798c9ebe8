"""The steps that a sign-in answers: signing in itself, and finishing a sign-in that was begun another way."""

from dataclasses import replace

from idp.flow.situation import SignedInUser, Situation
from idp.flow.step import Reason, Step
from idp.oauth.errors import AccountSelectionRequiredError, InteractionRequiredError, LoginRequiredError


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
        session, transaction = situation.session, situation.transaction
        if session is None:
            return "nobody is signed in in this browser"
        if transaction.switching:  # before the proof: it may be that of the account to leave
            return "the user wants to use another account"
        if situation.has_proof(Login.name):
            return None
        if situation.account_to_link is not None:
            return "the user has to sign in to the account that another one is to be linked to"
        if transaction.demand.recent and situation.is_stale(situation.policy.accounts.recent_sign_in):
            return "the destination asks for a recent sign-in"
        return _why_for_the_client(situation, session)

    @staticmethod
    def _anew(situation: Situation) -> bool:
        return (
            situation.prompted("login")
            or situation.account_to_link is not None
            or situation.transaction.demand.recent
        )


def _why_for_the_client(situation: Situation, session: SignedInUser) -> str | None:
    """Say why what the client asked for, or takes, needs another sign-in than that of the session."""
    request = situation.request
    if request is None:
        return None
    if situation.prompted("login") or request.max_age == 0:
        return "the client asked for a new sign-in"
    if situation.is_stale(request.max_age):
        return "the last sign-in is older than max_age"
    if not request.expects(session.user_id):
        return "another user is signed in than the client expects"
    if not situation.takes_provider(session.authentication.upstream):
        return "the user came from a provider from which the client takes no users"
    return None


class SelectAccount(Step):
    """The user says which account to go on with; on the sign-in page."""

    name = "select_account"
    path = "/login"

    def pending(self, situation: Situation) -> Reason | None:
        """OIDC Core §3.1.2.1: prompt. A user who has just signed in has chosen by that."""
        if not situation.prompted("select_account") or situation.transaction.switching:
            return None
        if situation.session is None:
            return None  # there is nothing to choose from: Login is next
        if situation.has_proof(self.name) or situation.has_proof(Login.name):
            return None
        return Reason("the client asked to let the user choose an account", AccountSelectionRequiredError)


class RecentLogin(Step):
    """The user signs in again before a second factor is set up: a stolen session must not become the owner's."""

    name = "recent_login"
    path = Login.path

    def __init__(self, before: tuple[Step, ...]) -> None:
        """`before` are the steps that ask for it."""
        self._before = before

    def pending(self, situation: Situation) -> Reason | None:
        """Whatever was proven in this transaction: the user may have waited on a page."""
        if not situation.is_stale(situation.policy.accounts.recent_sign_in):
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
