"""The decision whose account somebody gets, case by case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.federation.identity import UpstreamIdentity
from idp.federation.linking import (
    AskForEmail,
    ConfirmAddress,
    CreateAccount,
    Decision,
    LinkAutomatically,
    LinkingPolicy,
    LocalAccount,
    ProveExisting,
    Reject,
    SignInKnown,
    TakeOverUnverified,
    decide,
)

VERIFIED = UpstreamIdentity("google", "https://g.example", "1", "a@example.com", email_verified=True)
UNVERIFIED = UpstreamIdentity("google", "https://g.example", "1", "a@example.com", email_verified=False)
NO_EMAIL = UpstreamIdentity("google", "https://g.example", "1")

MINE = LocalAccount("u1", email_verified=True, same_mailbox=True)
MINE_SPELLED_DIFFERENTLY = LocalAccount("u1", email_verified=True)
PENDING = LocalAccount("u1", email_verified=False, same_mailbox=True)
PENDING_SPELLED_DIFFERENTLY = LocalAccount("u1", email_verified=False)
VOUCHED = LocalAccount("u1", email_verified=False, vouched=True, same_mailbox=True)
VOUCHED_SPELLED_DIFFERENTLY = LocalAccount("u1", email_verified=False, vouched=True)
WITH_FACTOR = LocalAccount("u1", email_verified=False, has_factor=True, same_mailbox=True)
WITH_FACTOR_SPELLED_DIFFERENTLY = LocalAccount("u1", email_verified=False, has_factor=True)
OFF = LocalAccount("u1", email_verified=True, disabled=True, same_mailbox=True)
AUTO = LinkingPolicy(auto_link=True)


@pytest.mark.parametrize(
    ("identity", "known", "account", "policy", "decision"),
    [
        (VERIFIED, MINE, None, LinkingPolicy(), SignInKnown("u1")),
        (NO_EMAIL, MINE, None, LinkingPolicy(registration_open=False), SignInKnown("u1")),
        (VERIFIED, OFF, None, LinkingPolicy(), Reject("disabled")),
        (VERIFIED, None, None, LinkingPolicy(), CreateAccount()),
        (VERIFIED, None, None, LinkingPolicy(registration_open=False), Reject("registration_closed")),
        (VERIFIED, None, None, LinkingPolicy(domain_allowed=False), Reject("domain_not_allowed")),
        (VERIFIED, None, MINE, LinkingPolicy(), ProveExisting("u1")),
        (VERIFIED, None, MINE, LinkingPolicy(registration_open=False), ProveExisting("u1")),
        (VERIFIED, None, MINE, AUTO, LinkAutomatically("u1")),
        (VERIFIED, None, MINE_SPELLED_DIFFERENTLY, AUTO, ProveExisting("u1")),
        (VERIFIED, None, PENDING_SPELLED_DIFFERENTLY, AUTO, ConfirmAddress()),
        (VERIFIED, None, PENDING, LinkingPolicy(), TakeOverUnverified("u1")),
        (VERIFIED, None, PENDING, AUTO, TakeOverUnverified("u1")),
        (VERIFIED, None, VOUCHED, AUTO, ProveExisting("u1")),
        (VERIFIED, None, VOUCHED_SPELLED_DIFFERENTLY, AUTO, ProveExisting("u1")),
        (VERIFIED, None, WITH_FACTOR, AUTO, ProveExisting("u1")),
        (VERIFIED, None, WITH_FACTOR_SPELLED_DIFFERENTLY, AUTO, ProveExisting("u1")),
        (VERIFIED, None, OFF, AUTO, Reject("disabled")),
        (UNVERIFIED, None, MINE, AUTO, AskForEmail("a@example.com")),
        (UNVERIFIED, None, PENDING, AUTO, AskForEmail("a@example.com")),
        (UNVERIFIED, None, None, LinkingPolicy(), AskForEmail("a@example.com")),
        (NO_EMAIL, None, None, LinkingPolicy(), AskForEmail(None)),
    ],
)
def test_each_case(
    identity: UpstreamIdentity,
    known: LocalAccount | None,
    account: LocalAccount | None,
    policy: LinkingPolicy,
    decision: Decision,
) -> None:
    assert decide(identity, known, account, policy) == decision


def test_an_address_proven_by_our_own_mail_is_never_linked_automatically() -> None:
    assert decide(UNVERIFIED, None, MINE, AUTO, proven_here=True) == ProveExisting("u1")
    assert decide(UNVERIFIED, None, None, AUTO, proven_here=True) == CreateAccount()


@given(
    identity=st.sampled_from([VERIFIED, UNVERIFIED, NO_EMAIL]),
    account=st.sampled_from(
        [
            None,
            MINE,
            MINE_SPELLED_DIFFERENTLY,
            PENDING,
            PENDING_SPELLED_DIFFERENTLY,
            VOUCHED,
            WITH_FACTOR,
            OFF,
        ]
    ),
    policy=st.builds(LinkingPolicy, st.booleans(), st.booleans(), st.booleans()),
    proven_here=st.booleans(),
)
def test_nobody_gets_a_verified_account_without_proof_or_the_operators_word(
    identity: UpstreamIdentity, account: LocalAccount | None, policy: LinkingPolicy, proven_here: bool
) -> None:
    decision = decide(identity, None, account, policy, proven_here=proven_here)
    assert not isinstance(decision, SignInKnown)
    if isinstance(decision, LinkAutomatically):
        assert policy.auto_link
        assert identity.email_verified
        assert account == MINE
    if isinstance(decision, TakeOverUnverified):
        assert account == PENDING
        assert identity.email_verified or proven_here
