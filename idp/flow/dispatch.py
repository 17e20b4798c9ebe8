"""The single decision: what happens next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from idp.flow.situation import SignedInUser, Situation
from idp.flow.steps import Consent, Reason, Step
from idp.identity.acr import satisfies
from idp.oauth.errors import (
    AccessDeniedError,
    LoginRequiredError,
    OAuth2Error,
    UnmetAuthenticationRequirementsError,
)


@dataclass(frozen=True, slots=True)
class GoTo:
    """The user is asked something, on a page."""

    step: Step
    reason: Reason


@dataclass(frozen=True, slots=True)
class Refuse:
    """The client is told that it gets nothing."""

    error: OAuth2Error


@dataclass(frozen=True, slots=True)
class Issue:
    """Everything is proven: the client gets its code, or the user the page they came for."""

    session: SignedInUser


Decision = GoTo | Refuse | Issue


def pending(situation: Situation, steps: Iterable[Step]) -> Iterator[GoTo]:
    """Yield every step that is pending, in order."""
    for step in steps:
        reason = step.pending(situation)
        if reason is not None:
            yield GoTo(step, reason)


def dispatch(situation: Situation, steps: Iterable[Step]) -> Decision:
    """Decide. What `prompt=none` means is decided here and nowhere else (OIDC Core §3.1.2.6)."""
    if situation.transaction.cancelled:
        return Refuse(AccessDeniedError("The user cancelled the sign-in"))
    for due in pending(situation, steps):
        if not situation.prompted("none"):
            return due
        if not due.step.is_optional(situation):
            return Refuse(due.reason.error("The client allowed no questions, but one has to be asked"))
    session = situation.session
    if session is None:  # no step can leave it so; a list without Login must not issue anything
        return Refuse(LoginRequiredError("Nobody is signed in"))
    return _refuse_mismatch(situation, session) or Issue(session)


def _refuse_mismatch(situation: Situation, session: SignedInUser) -> Refuse | None:
    """What the user did may still not be what the client insisted on."""
    request = situation.request
    if request is None:
        return None
    consent = situation.transaction.proof(Consent.name, session.session_id)
    if consent is not None and consent.decision == "deny":
        return Refuse(AccessDeniedError("The user refused"))
    if not request.expects(session.user_id):  # OIDC Core §3.1.2.1
        return Refuse(LoginRequiredError("Another user signed in than was asked for"))
    wanted = request.claims.essential_acr
    if wanted and not any(satisfies(session.authentication.acr, acr) for acr in wanted):  # §5.5.1.1
        return Refuse(UnmetAuthenticationRequirementsError())
    return None
