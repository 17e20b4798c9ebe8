"""What is believed of the claims of a provider: above all, whose address it is."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.config import UpstreamSettings
from idp.federation.claims import identity_of
from idp.federation.identity import UpstreamIdentity, UpstreamTokens

OWN, VICTIM = "own@evil.example", "victim@example.com"
EMAIL_IS_MAIL = {"email": "mail"}
BOTH_MAPPED = {"email": "mail", "email_verified": "mail_verified"}


def identity(
    id_token: Mapping[str, Any],
    userinfo: Mapping[str, Any],
    claims: Mapping[str, str] | None = None,
    *,
    assume: bool = False,
) -> UpstreamIdentity:
    settings = UpstreamSettings(
        type="oidc",
        client_id="idp",
        issuer="https://op.example",
        claims=dict(claims or {}),
        assume_email_verified=assume,
    )
    tokens = UpstreamTokens("token")
    return identity_of("op", "https://op.example", settings, {"sub": "1", **id_token}, userinfo, tokens)


@pytest.mark.parametrize(
    ("id_token", "userinfo", "claims", "email", "verified"),
    [
        ({"email": OWN, "email_verified": True}, {}, {}, OWN, True),
        ({"email": OWN, "email_verified": "true"}, {}, {}, OWN, True),
        ({}, {"email": OWN, "email_verified": True}, {}, OWN, True),
        ({"email": VICTIM}, {"email": OWN, "email_verified": True}, {}, VICTIM, False),
        ({"email_verified": True}, {"email": VICTIM}, {}, VICTIM, False),
        ({"email": VICTIM}, {"email_verified": True}, {}, VICTIM, False),
        ({"email": OWN, "mail": VICTIM, "email_verified": True}, {}, EMAIL_IS_MAIL, VICTIM, False),
        ({"mail": OWN, "mail_verified": True}, {}, BOTH_MAPPED, OWN, True),
        ({"mail": VICTIM, "email_verified": True}, {}, BOTH_MAPPED, VICTIM, False),
        ({"email": "no address", "email_verified": True}, {}, {}, None, False),
        ({"email": 7, "email_verified": True}, {"email": OWN, "email_verified": True}, {}, None, False),
    ],
)
def test_an_address_is_verified_only_by_the_document_and_the_claim_that_name_it(
    id_token: Mapping[str, Any],
    userinfo: Mapping[str, Any],
    claims: Mapping[str, str],
    email: str | None,
    verified: bool,
) -> None:
    found = identity(id_token, userinfo, claims)
    assert (found.email, found.email_verified) == (email, verified)


def test_the_operators_word_verifies_what_the_provider_does_not() -> None:
    assert identity({"mail": OWN}, {}, EMAIL_IS_MAIL, assume=True).email_verified


pairs = st.fixed_dictionaries(
    {}, optional={"email": st.sampled_from([OWN, VICTIM]), "email_verified": st.sampled_from([True, False])}
)


@given(id_token=pairs, userinfo=pairs)
def test_whatever_is_mixed_a_verified_address_was_verified_where_it_stands(
    id_token: Mapping[str, Any], userinfo: Mapping[str, Any]
) -> None:
    found = identity(id_token, userinfo)
    if found.email_verified:
        assert {"email": found.email, "email_verified": True} in (id_token, userinfo)
