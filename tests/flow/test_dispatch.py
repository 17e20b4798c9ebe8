"""The decision, as a table: what was asked and what is proven on one side, what happens next on the other."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from idp.authentication import Authentication
from idp.config import AccountSettings, Policy
from idp.flow.demand import Demand
from idp.flow.dispatch import Decision, GoTo, Refuse, dispatch
from idp.flow.situation import SignedInUser, Situation
from idp.flow.steps import STEPS
from idp.flow.transaction import Arrived, Proof, Transaction
from idp.identity.acr import ACR_SINGLE
from idp.identity.registration import Registered
from idp.oauth.authorization_request import AuthorizationRequest
from idp.oauth.claims import ClaimsRequest
from idp.oauth.client_metadata import ClientMetadata
from idp.oauth.clients import Client

NOW = 1_800_000_000.0
RECENT = 600
POLICY = Policy(accounts=AccountSettings(recent_sign_in=RECENT))
REGISTERED = Registered("ada@example.com")
ALICE = SignedInUser("session-1", "alice", Authentication(NOW - 100, ACR_SINGLE, ("pwd",), 0))


def client(**metadata: Any) -> Client:
    values = {"redirect_uris": ("https://app.example/cb",), "scopes": ("openid", "email")} | metadata
    return Client("app", None, ClientMetadata("App", **values))


def asked(**request: Any) -> AuthorizationRequest:
    return AuthorizationRequest("app", "https://app.example/cb", **({"scopes": ("openid",)} | request))


def proof(step: str, decision: str = "done", session_id: str = "session-1") -> Proof:
    return Proof(step, "alice", session_id, decision, NOW)


def decide(
    request: AuthorizationRequest | None,
    *proofs: Proof,
    session: SignedInUser | None = ALICE,
    consented: frozenset[str] = frozenset({"openid"}),
    consented_claims: frozenset[str] = frozenset(),
    app: Client | None = None,
    now: float = NOW,
    **state: Any,
) -> Decision:
    by_step: Mapping[str, Proof] = {p.step: p for p in proofs}
    transaction = Transaction("tx", "browser", request, NOW, by_step, **state)
    known = None if request is None else app or client()
    return dispatch(
        Situation(transaction, known, session, consented, consented_claims, now, POLICY),
        STEPS,
    )


def outcome(decision: Decision) -> str:
    if isinstance(decision, GoTo):
        return f"go to {decision.step.name}"
    return f"refuse {decision.error.error}" if isinstance(decision, Refuse) else "issue"


NATIVE = replace(asked(), redirect_uri="com.example.app:/cb")
PUBLIC_NATIVE = {"redirect_uris": ("com.example.app:/cb",), "token_endpoint_auth_method": "none"}

CASES = {
    "nobody signed in": (partial(decide, asked(), session=None), "go to login"),
    "signed in and allowed before": (partial(decide, asked()), "issue"),
    "a scope not allowed before": (partial(decide, asked(scopes=("openid", "email"))), "go to consent"),
    "first party": (partial(decide, asked(), consented=frozenset(), app=client(first_party=True)), "issue"),
    "a native app with a scheme of its own, allowed before": (
        partial(decide, NATIVE, app=client(**PUBLIC_NATIVE)),
        "go to consent",
    ),
    "the same without a word to the user": (
        partial(decide, replace(NATIVE, prompts=("none",)), app=client(**PUBLIC_NATIVE)),
        "refuse consent_required",
    ),
    "the same after a sign-in just now": (
        partial(decide, NATIVE, proof("login"), app=client(**PUBLIC_NATIVE)),
        "issue",
    ),
    "the same of the operator's own": (
        partial(decide, NATIVE, app=client(**PUBLIC_NATIVE, first_party=True)),
        "go to consent",
    ),
    "a native app with a secret": (
        partial(decide, NATIVE, app=client(redirect_uris=("com.example.app:/cb",))),
        "issue",
    ),
    "first party that asks for consent": (
        partial(decide, asked(prompts=("consent",)), app=client(first_party=True)),
        "go to consent",
    ),
    "a claim not allowed before": (
        partial(decide, asked(claims=ClaimsRequest(userinfo={"email": None}))),
        "go to consent",
    ),
    "a claim allowed before": (
        partial(
            decide,
            asked(claims=ClaimsRequest(userinfo={"email": None})),
            consented_claims=frozenset({"email"}),
        ),
        "issue",
    ),
    "prompt=login": (partial(decide, asked(prompts=("login",))), "go to login"),
    "prompt=login, done": (partial(decide, asked(prompts=("login",)), proof("login")), "issue"),
    "prompt=login, done in another session": (
        partial(decide, asked(prompts=("login",)), proof("login", session_id="session-0")),
        "go to login",
    ),
    "prompt=login, another step's proof": (
        partial(decide, asked(prompts=("login",)), proof("consent", "allow"), proof("select_account")),
        "go to login",
    ),
    "prompt=consent": (partial(decide, asked(prompts=("consent",))), "go to consent"),
    "prompt=consent, allowed": (
        partial(decide, asked(prompts=("consent",)), proof("consent", "allow")),
        "issue",
    ),
    "consent denied": (partial(decide, asked(), proof("consent", "deny")), "refuse access_denied"),
    "prompt=select_account": (partial(decide, asked(prompts=("select_account",))), "go to select_account"),
    "prompt=select_account, nobody there": (
        partial(decide, asked(prompts=("select_account",)), session=None),
        "go to login",
    ),
    "prompt=select_account, chosen": (
        partial(decide, asked(prompts=("select_account",)), proof("select_account")),
        "issue",
    ),
    "prompt=select_account, just signed in": (
        partial(decide, asked(prompts=("select_account",)), proof("login")),
        "issue",
    ),
    "prompt=select_account login, chosen": (
        partial(decide, asked(prompts=("select_account", "login")), proof("select_account")),
        "go to login",
    ),
    "switching": (partial(decide, asked(), switching=True), "go to login"),
    "switching after a sign-in in this very transaction": (
        partial(decide, asked(), proof("login"), switching=True),
        "go to login",
    ),
    "max_age held": (partial(decide, asked(max_age=100)), "issue"),
    "max_age past": (partial(decide, asked(max_age=99)), "go to login"),
    "max_age=0 however short ago": (
        partial(
            decide,
            asked(max_age=0),
            session=replace(ALICE, authentication=replace(ALICE.authentication, auth_time=NOW)),
        ),
        "go to login",
    ),
    "max_age past, signed in again": (partial(decide, asked(max_age=0), proof("login")), "issue"),
    "another person expected": (partial(decide, asked(subjects=("bob",))), "go to login"),
    "another person expected than signed in": (
        partial(decide, asked(subjects=("bob",)), proof("login")),
        "refuse login_required",
    ),
    "one of the persons expected": (partial(decide, asked(subjects=("bob", "alice"))), "issue"),
    "the person expected": (partial(decide, asked(subjects=("alice",))), "issue"),
    "essential acr out of reach": (
        partial(
            decide, asked(claims=ClaimsRequest(id_token={"acr": {"essential": True, "values": ["gold"]}}))
        ),
        "refuse unmet_authentication_requirements",
    ),
    "voluntary acr out of reach": (
        partial(decide, asked(claims=ClaimsRequest(id_token={"acr": {"values": ["gold"]}}))),
        "issue",
    ),
    "coming back from a provider to link an account": (
        partial(decide, None, arrived=Arrived("arrival", "alice")),
        "go to login",
    ),
    "link account, signed in to it": (
        partial(decide, None, proof("login"), arrived=Arrived("arrival", "alice")),
        "go to link_identity",
    ),
    "link account, signed in to another": (
        partial(decide, None, proof("login"), arrived=Arrived("arrival", "bob")),
        "issue",
    ),
    "came back from a provider": (
        partial(decide, asked(), session=None, arrived=Arrived("arrival")),
        "go to welcome",
    ),
    "came back from a provider, another sign-in alive": (
        partial(decide, asked(prompts=("login",)), arrived=Arrived("arrival")),
        "go to welcome",
    ),
    "came back from a provider, signed in otherwise": (
        partial(decide, asked(prompts=("login",)), proof("login"), arrived=Arrived("arrival")),
        "issue",
    ),
    "registered": (partial(decide, None, session=None, registered=REGISTERED), "go to verify_registration"),
    "registered instead of choosing the account": (
        partial(decide, asked(prompts=("select_account",)), registered=REGISTERED),
        "go to verify_registration",
    ),
    "registered, nothing asked": (partial(decide, None, registered=REGISTERED), "issue"),
    "registered and cancelled": (
        partial(decide, asked(), session=None, registered=REGISTERED, cancelled=True),
        "refuse access_denied",
    ),
    "a recent sign-in demanded": (
        partial(decide, None, now=NOW + RECENT - 99, demand=Demand(recent=True)),
        "go to login",
    ),
    "a recent sign-in demanded and there": (
        partial(decide, None, now=NOW + RECENT - 100, demand=Demand(recent=True)),
        "issue",
    ),
    "a recent sign-in demanded and made here": (
        partial(decide, None, proof("login"), now=NOW + RECENT, demand=Demand(recent=True)),
        "issue",
    ),
    "cancelled": (partial(decide, asked(), cancelled=True), "refuse access_denied"),
    "none, all proven": (partial(decide, asked(prompts=("none",))), "issue"),
    "none, nobody signed in": (
        partial(decide, asked(prompts=("none",)), session=None),
        "refuse login_required",
    ),
    "none, max_age past": (partial(decide, asked(prompts=("none",), max_age=1)), "refuse login_required"),
    "none, another person": (
        partial(decide, asked(prompts=("none",), subjects=("bob",))),
        "refuse login_required",
    ),
    "none, consent missing": (
        partial(decide, asked(prompts=("none",)), consented=frozenset()),
        "refuse consent_required",
    ),
    "by themselves, not signed in": (partial(decide, None, session=None), "go to login"),
    "by themselves, signed in": (partial(decide, None), "issue"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_asked_and_proven_decides_what_comes_next(case: str) -> None:
    decision, expected = CASES[case]
    assert outcome(decision()) == expected


def test_a_list_of_steps_without_a_sign_in_issues_nothing() -> None:
    situation = Situation(Transaction("tx", "browser", asked(), NOW), client(), None, now=NOW)
    assert outcome(dispatch(situation, steps=())) == "refuse login_required"
