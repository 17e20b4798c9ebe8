"""A grant without pages, and the steps that the pages ask."""

from idp.flow.steps import STEPS
from idp.flow.subjects import DUE

NOT_ASKED_OF_A_GRANT = {
    "welcome",  # these five are ways to sign in, which the grant has just done
    "verify_registration",
    "select_account",
    "login",
    "recent_login",
    "offer_factor",  # an offer holds nobody up
    "link_identity",  # nobody came from a provider
    "consent",  # a client has the password grant by the operator's word
}


def test_every_step_is_asked_of_a_grant_or_is_none_of_its_business() -> None:
    assert {step.name for step in STEPS} == DUE.keys() | NOT_ASKED_OF_A_GRANT
    assert DUE.keys().isdisjoint(NOT_ASKED_OF_A_GRANT)
