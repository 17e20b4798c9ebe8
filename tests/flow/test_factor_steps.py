"""The policy of second factors as a table: when a user is asked for one, sets one up, or is offered one."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import pytest

from idp.authentication import Authentication
from idp.config import AccountSettings, Policy, SecondFactorSettings
from idp.flow.demand import Demand
from idp.flow.dispatch import dispatch
from idp.flow.situation import SignedInUser, Situation
from idp.flow.steps import STEPS
from idp.flow.transaction import Transaction
from idp.oauth.authorization_request import AuthorizationRequest
from idp.oauth.claims import ClaimsRequest
from tests.flow.test_dispatch import NOW, RECENT, client, outcome, proof

FactorPolicy = Literal["off", "optional", "required"]
SINGLE, MULTI = "urn:idp:acr:1fa", "urn:idp:acr:mfa"
ONCE = Authentication(NOW - 100, SINGLE, ("pwd",), 0)
ALICE = SignedInUser("session-1", "alice", ONCE)
OLD = replace(ALICE, authentication=replace(ONCE, auth_time=NOW - RECENT - 1))
OWNER = replace(ALICE, has_factor=True)
TRUSTED = replace(OWNER, trusted_device=True)
MAILED = replace(OWNER, authentication=replace(ONCE, amr=("pwd", "email")))
PROVEN = replace(ALICE, authentication=replace(ONCE, acr=MULTI, amr=("pwd", "otp", "mfa")))
WARNED = replace(ALICE, factor_due_at=NOW + 1)
LATE = replace(ALICE, factor_due_at=NOW)
ADMIN = {"roles": ("admin",)}


def essential(*values: str) -> ClaimsRequest:
    return ClaimsRequest(id_token={"acr": {"essential": True, "values": list(values)}})


def decided(
    session: SignedInUser,
    policy: FactorPolicy = "optional",
    *proofs: str,
    app: dict[str, Any] | None = None,
    grace: bool = False,
    offers: bool = False,
    demand: bool = False,
    **asked: Any,
) -> str:
    request = AuthorizationRequest("app", "https://app.example/cb", scopes=("openid",), **asked)
    given = {step: proof(step) for step in proofs}
    transaction = Transaction("tx", "browser", request, NOW, given, demand=Demand(strong=demand))
    wanted = Policy(
        second_factor=SecondFactorSettings(
            policy=policy,
            required_for_roles=("admin",),
            enrolment_grace=3600 if grace else 0,
            offer_after_sign_in=offers,
        ),
        accounts=AccountSettings(recent_sign_in=RECENT),
    )
    app_client = client(**(app or {}))
    situation = Situation(transaction, app_client, session, frozenset({"openid"}), now=NOW, policy=wanted)
    return outcome(dispatch(situation, STEPS))


STRICT = {"require_second_factor": True}
NONE = ("none",)
ASK, ENROL, OFFER = "go to second_factor", "go to enrol_factor", "go to offer_factor"
CASES = {
    "no user has to": (partial(decided, ALICE), "issue"),
    "a user who has one is asked": (partial(decided, OWNER), ASK),
    "a user who has proven it is not": (
        partial(decided, PROVEN, "required", app=STRICT, acr_values=(MULTI,)),
        "issue",
    ),
    "off": (partial(decided, OWNER, "off", app=STRICT), "issue"),
    "off, essential": (
        partial(decided, OWNER, "off", claims=essential(MULTI)),
        "refuse unmet_authentication_requirements",
    ),
    "trusted browser": (partial(decided, TRUSTED, "required"), "issue"),
    "trusted browser, two asked for": (partial(decided, TRUSTED, acr_values=(MULTI,)), ASK),
    "trusted browser, two or one asked for": (partial(decided, TRUSTED, acr_values=(MULTI, SINGLE)), ASK),
    "trusted browser, one or two asked for": (partial(decided, TRUSTED, acr_values=(SINGLE, MULTI)), "issue"),
    "trusted browser, essential": (partial(decided, TRUSTED, claims=essential(MULTI)), ASK),
    "trusted browser, client requires": (partial(decided, TRUSTED, app=STRICT), ASK),
    "trusted browser, role requires": (partial(decided, replace(TRUSTED, **ADMIN)), ASK),
    "trusted browser, sensitive change": (partial(decided, TRUSTED, demand=True), ASK),
    "code by mail": (partial(decided, MAILED), "issue"),
    "code by mail, two asked for": (partial(decided, MAILED, acr_values=(MULTI,)), ASK),
    "code by mail, client requires": (partial(decided, MAILED, app=STRICT), ASK),
    "code by mail, sensitive change": (partial(decided, MAILED, demand=True), ASK),
    "required": (partial(decided, ALICE, "required"), ENROL),
    "required by role": (partial(decided, replace(ALICE, **ADMIN)), ENROL),
    "required by client": (partial(decided, ALICE, app=STRICT), ENROL),
    "wished for": (partial(decided, ALICE, acr_values=(MULTI,)), "issue"),
    "essential": (partial(decided, ALICE, claims=essential(MULTI)), ENROL),
    "essential, one will do": (partial(decided, ALICE, claims=essential(MULTI, SINGLE)), "issue"),
    "essential and unknown": (
        partial(decided, ALICE, claims=essential("gold")),
        "refuse unmet_authentication_requirements",
    ),
    "none, has one": (partial(decided, OWNER, prompts=NONE), "refuse interaction_required"),
    "none, required": (partial(decided, ALICE, "required", prompts=NONE), "refuse interaction_required"),
    "grace, first time": (partial(decided, ALICE, "required", grace=True), ENROL),
    "grace, put off here": (partial(decided, ALICE, "required", "enrol_factor", grace=True), "issue"),
    "grace, put off before": (partial(decided, WARNED, "required", grace=True), "issue"),
    "grace, put off before, signed in anew": (
        partial(decided, WARNED, "required", "login", grace=True),
        ENROL,
    ),
    "grace, none": (partial(decided, ALICE, "required", grace=True, prompts=NONE), "issue"),
    "grace over": (partial(decided, LATE, "required", "enrol_factor", grace=True), ENROL),
    "grace over, none": (
        partial(decided, LATE, "required", grace=True, prompts=NONE),
        "refuse interaction_required",
    ),
    "grace is not for clients": (
        partial(decided, WARNED, "optional", "enrol_factor", app=STRICT, grace=True),
        ENROL,
    ),
    "grace is not for essential acr": (partial(decided, WARNED, grace=True, claims=essential(MULTI)), ENROL),
    "no grace any more": (partial(decided, WARNED, "required", "enrol_factor"), ENROL),
    "offered": (partial(decided, ALICE, "optional", "login", offers=True), OFFER),
    "offered only after a sign-in": (partial(decided, ALICE, offers=True), "issue"),
    "offered and declined here": (
        partial(decided, ALICE, "optional", "login", "offer_factor", offers=True),
        "issue",
    ),
    "offered before": (
        partial(decided, replace(ALICE, factor_offered_at=NOW), "optional", "login", offers=True),
        "issue",
    ),
    "offered, none": (partial(decided, ALICE, "optional", "login", offers=True, prompts=NONE), "issue"),
    "required, old sign-in": (partial(decided, OLD, "required"), "go to recent_login"),
    "required, old sign-in in this transaction": (
        partial(decided, OLD, "required", "login"),
        "go to recent_login",
    ),
    "required, old sign-in, none": (
        partial(decided, OLD, "required", prompts=NONE),
        "refuse interaction_required",
    ),
    "grace, old sign-in, none": (partial(decided, OLD, "required", grace=True, prompts=NONE), "issue"),
    "offered, old sign-in": (partial(decided, OLD, "optional", "login", offers=True), "go to recent_login"),
    "nothing to set up, old sign-in": (partial(decided, OLD), "issue"),
    "not offered where factors are off": (partial(decided, ALICE, "off", "login", offers=True), "issue"),
}


@pytest.mark.parametrize(("decision", "expected"), CASES.values(), ids=CASES)
def test_what_happens_next(decision: Callable[[], str], expected: str) -> None:
    assert decision() == expected
