"""The policy of second factors as a table: who is asked for one, who sets one up, who is offered one."""

from dataclasses import replace
from typing import Any

import pytest

from idp.authentication import Authentication
from idp.flow.demand import Demand
from idp.flow.dispatch import dispatch
from idp.flow.situation import SignedIn, Situation
from idp.flow.steps import FactorDemands, FactorPolicy, steps
from idp.flow.transaction import Transaction
from idp.oauth.authorization import AuthorizationRequest
from idp.oauth.claims import ClaimsRequest
from tests.flow.test_dispatch import NOW, RECENT, client, outcome, proof

SINGLE, MULTI = "urn:idp:acr:1fa", "urn:idp:acr:mfa"
ONCE = Authentication(NOW - 100, SINGLE, ("pwd",))
ALICE = SignedIn("session-1", "alice", ONCE)
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
    session: SignedIn,
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
    situation = Situation(transaction, client(**(app or {})), session, frozenset({"openid"}), now=NOW)
    demands = FactorDemands(policy, ("admin",), grace=grace, offers=offers)
    return outcome(dispatch(situation, steps("never", demands, RECENT)))


STRICT = {"require_second_factor": True}
NONE = ("none",)
ASK, ENROL, OFFER = "go to second_factor", "go to enrol_factor", "go to offer_factor"
CASES = {
    "nobody has to": (decided(ALICE), "issue"),
    "who has one is asked": (decided(OWNER), ASK),
    "who has proven it is not": (decided(PROVEN, "required", app=STRICT, acr_values=(MULTI,)), "issue"),
    "off": (decided(OWNER, "off", app=STRICT), "issue"),
    "off, essential": (
        decided(OWNER, "off", claims=essential(MULTI)),
        "refuse unmet_authentication_requirements",
    ),
    "trusted browser": (decided(TRUSTED, "required"), "issue"),
    "trusted browser, two asked for": (decided(TRUSTED, acr_values=(MULTI,)), ASK),
    "trusted browser, two or one asked for": (decided(TRUSTED, acr_values=(MULTI, SINGLE)), ASK),
    "trusted browser, one or two asked for": (decided(TRUSTED, acr_values=(SINGLE, MULTI)), "issue"),
    "trusted browser, essential": (decided(TRUSTED, claims=essential(MULTI)), ASK),
    "trusted browser, client requires": (decided(TRUSTED, app=STRICT), ASK),
    "trusted browser, role requires": (decided(replace(TRUSTED, **ADMIN)), ASK),
    "trusted browser, sensitive change": (decided(TRUSTED, demand=True), ASK),
    "code by mail": (decided(MAILED), "issue"),
    "code by mail, two asked for": (decided(MAILED, acr_values=(MULTI,)), ASK),
    "code by mail, client requires": (decided(MAILED, app=STRICT), ASK),
    "code by mail, sensitive change": (decided(MAILED, demand=True), ASK),
    "required": (decided(ALICE, "required"), ENROL),
    "required by role": (decided(replace(ALICE, **ADMIN)), ENROL),
    "required by client": (decided(ALICE, app=STRICT), ENROL),
    "wished for": (decided(ALICE, acr_values=(MULTI,)), "issue"),
    "essential": (decided(ALICE, claims=essential(MULTI)), ENROL),
    "essential, one will do": (decided(ALICE, claims=essential(MULTI, SINGLE)), "issue"),
    "essential and unknown": (
        decided(ALICE, claims=essential("gold")),
        "refuse unmet_authentication_requirements",
    ),
    "none, has one": (decided(OWNER, prompts=NONE), "refuse interaction_required"),
    "none, required": (decided(ALICE, "required", prompts=NONE), "refuse interaction_required"),
    "grace, first time": (decided(ALICE, "required", grace=True), ENROL),
    "grace, put off here": (decided(ALICE, "required", "enrol_factor", grace=True), "issue"),
    "grace, put off before": (decided(WARNED, "required", grace=True), "issue"),
    "grace, put off before, signed in anew": (decided(WARNED, "required", "login", grace=True), ENROL),
    "grace, none": (decided(ALICE, "required", grace=True, prompts=NONE), "issue"),
    "grace over": (decided(LATE, "required", "enrol_factor", grace=True), ENROL),
    "grace over, none": (
        decided(LATE, "required", grace=True, prompts=NONE),
        "refuse interaction_required",
    ),
    "grace is not for clients": (decided(WARNED, "optional", "enrol_factor", app=STRICT, grace=True), ENROL),
    "grace is not for essential acr": (decided(WARNED, grace=True, claims=essential(MULTI)), ENROL),
    "no grace any more": (decided(WARNED, "required", "enrol_factor"), ENROL),
    "offered": (decided(ALICE, "optional", "login", offers=True), OFFER),
    "offered only after a sign-in": (decided(ALICE, offers=True), "issue"),
    "offered and declined here": (
        decided(ALICE, "optional", "login", "offer_factor", offers=True),
        "issue",
    ),
    "offered before": (
        decided(replace(ALICE, factor_offered_at=NOW), "optional", "login", offers=True),
        "issue",
    ),
    "not offered where factors are off": (decided(ALICE, "off", "login", offers=True), "issue"),
}


@pytest.mark.parametrize(("decision", "expected"), CASES.values(), ids=CASES)
def test_what_happens_next(decision: str, expected: str) -> None:
    assert decision == expected
