"""The steps about second factors: when one is asked for, when one must be set up, and when one is offered."""

from collections.abc import Sequence

from idp.flow.sign_in_steps import Login
from idp.flow.situation import SignedInUser, Situation
from idp.flow.step import Reason, Step
from idp.identity import page_paths
from idp.identity.acr import ACR_MULTI, ACR_VALUES, AMR_EMAIL, satisfies
from idp.oauth.errors import InteractionRequiredError


class SecondFactor(Step):
    """The user proves a second factor."""

    name = "second_factor"
    path = page_paths.CHALLENGE

    def pending(self, situation: Situation) -> Reason | None:
        """A user who has one is asked for it. A trusted browser skips it, and a code by mail answers it, unless
        a strong one is wanted."""
        session = _with_one_factor(situation)
        if session is None or not session.has_factor:
            return None
        authentication = session.authentication
        if not _wants_strong(situation):
            if session.trusted_device or AMR_EMAIL in authentication.amr:
                return None
            if authentication.factor_waived and not _insists(situation):
                return None
        return Reason("a second factor has not been proven", InteractionRequiredError)

    def wants_strong(self, situation: Situation) -> bool:
        """Whether a code by mail does not do."""
        return _wants_strong(situation)


class EnrolFactor(Step):
    """The user, who has no second factor yet, sets one up, because the operator or the client insists."""

    name = "enrol_factor"
    path = "/mfa/enrol"

    def pending(self, situation: Situation) -> Reason | None:
        """Only where it is required: a user who may choose is never held up by it. While it may be put off, the
        user is asked once at each sign-in."""
        session = _with_one_factor(situation)
        if session is None or session.has_factor or not _insists(situation):
            return None
        if _may_put_off(situation):
            asked_before = session.factor_due_at is not None and not situation.has_proof(Login.name)
            if asked_before or situation.has_proof(self.name):
                return None
        return Reason("a second factor is required and none is enrolled", InteractionRequiredError)

    def is_optional(self, situation: Situation) -> bool:
        """While it may be put off. Its page then has a "Not now"."""
        return _may_put_off(situation)


class OfferFactor(Step):
    """The user, who may have a second factor, is offered one after a sign-in: once."""

    name = "offer_factor"
    path = "/mfa/enrol"

    def pending(self, situation: Situation) -> Reason | None:
        """Where the operator wants it offered."""
        session = _with_one_factor(situation)
        policy = situation.policy.second_factor
        if (
            session is None
            or session.has_factor
            or not policy.offer_after_sign_in
            or policy.policy != "optional"
        ):
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


def _with_one_factor(situation: Situation) -> SignedInUser | None:
    """Return the session if it has one factor and factors are switched on."""
    session = situation.session
    if situation.policy.second_factor.policy == "off" or session is None:
        return None
    return None if satisfies(session.authentication.acr, ACR_MULTI) else session


def _insists(situation: Situation) -> bool:
    """Whether the operator or the client requires two factors of this user."""
    required = situation.policy.second_factor.policy == "required"
    return required or _role_insists(situation) or _client_insists(situation)


def _wants_strong(situation: Situation) -> bool:
    """Whether neither a trusted browser nor a code by mail stands in for a second factor."""
    request = situation.request
    return (
        situation.transaction.demand.strong
        or _role_insists(situation)
        or _client_insists(situation)
        or (request is not None and wants_multi(request.acr_values))
        or (request is not None and wants_multi(request.claims.essential_acr))
    )


def _may_put_off(situation: Situation) -> bool:
    """Whether enrolment, on which the operator insists, can still wait. Never for a client."""
    session = situation.session
    if session is None or not situation.policy.second_factor.enrolment_grace or _client_insists(situation):
        return False
    return session.factor_due_at is None or situation.now < session.factor_due_at


def _role_insists(situation: Situation) -> bool:
    session = situation.session
    roles = situation.policy.second_factor.required_for_roles
    return session is not None and not set(roles).isdisjoint(session.roles)


def _client_insists(situation: Situation) -> bool:
    """By its registration, or in this request: by an essential acr that one factor cannot give."""
    client, request = situation.client, situation.request
    if client is not None and client.requires_second_factor:
        return True
    known = [] if request is None else [each for each in request.claims.essential_acr if each in ACR_VALUES]
    return bool(known) and all(each == ACR_MULTI for each in known)


def wants_multi(acr_values: Sequence[str]) -> bool:
    """Tell whether, of the acr values that a client would take, only more than one factor will do."""
    known = [value for value in acr_values if value in ACR_VALUES]
    return bool(known) and known[0] == ACR_MULTI
