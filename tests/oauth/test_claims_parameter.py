"""Reading the `claims` parameter."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oauth.claims import MAX_CLAIMS_LENGTH, ClaimsRequest

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_no_parameter_asks_for_nothing() -> None:
    for nothing in (None, "", "{}"):
        assert ClaimsRequest.parse(nothing) == ClaimsRequest()


def test_claims_are_sorted_by_where_they_are_wanted() -> None:
    claims = ClaimsRequest.parse('{"userinfo": {"email": null}, "id_token": {"name": {"essential": true}}}')
    assert claims.userinfo == {"email": None}
    assert claims.id_token == {"name": {"essential": True}}
    assert claims.names == {"email", "name"}


def test_a_client_gets_no_claim_that_none_of_its_scopes_contains() -> None:
    asked = ClaimsRequest.parse(
        '{"userinfo": {"email": null, "tier": null}, "id_token": {"name": null, "email": null, '
        '"sub": {"value": "alice"}, "acr": {"essential": true, "value": "a"}}}'
    )
    assert asked.within(("openid",)).names == set()
    within = asked.within(("openid", "email"))
    assert within.names == {"email"}
    assert (within.subjects, within.essential_acr) == (("alice",), ("a",))
    assert asked.within(("openid", "email", "profile", "tier")) == asked


def test_unknown_claims_and_members_are_ignored() -> None:
    claims = ClaimsRequest.parse('{"userinfo": {"shoe_size": null}, "vendor": 1}')
    assert claims.names == set()


def test_the_subject_and_the_essential_acr_are_found() -> None:
    claims = ClaimsRequest.parse(
        '{"id_token": {"sub": {"value": "alice"}, "acr": {"essential": true, "values": ["a", "b"]}}}'
    )
    assert claims.subjects == ("alice",)
    assert claims.essential_acr == ("a", "b")


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '"text"',
        '{"userinfo": []}',
        '{"userinfo": false}',
        '{"userinfo": {"email": true}}',
        '{"id_token": {"email": ["essential"]}}',
        '{"id_token": {"acr": {"value": NaN}}}',
        '{"id_token": {"acr": {"value": 1e999}}}',
        '{"userinfo": {"email": {"value": "\\u0000"}}}',
        '{"userinfo": {"\\u0000": null}}',
        '{"userinfo": {"\\ud800": null}}',
        '{"userinfo": {"x": ' + "[" * 3000 + "]" * 3000 + "}}",
        '{"userinfo": {"x": ' + "[" * 30 + "]" * 30 + "}}",
        '{"userinfo": {"x": {"value": ' + "9" * 5000 + "}}}",
        '{"userinfo": {"x": ' + " " * MAX_CLAIMS_LENGTH + "null}}",
    ],
)
def test_what_is_malformed_or_could_not_be_stored_is_refused(text: str) -> None:
    """Keycloak CVE-2026-4634: deep and long input is refused before it costs anything."""
    with pytest.raises(ValueError):  # noqa: PT011  each fault has words of its own
        ClaimsRequest.parse(text)


@given(JSON_VALUES, JSON_VALUES)
def test_whatever_is_accepted_can_be_written_and_read_again(userinfo: object, id_token: object) -> None:
    try:
        claims = ClaimsRequest.parse(json.dumps({"userinfo": userinfo, "id_token": id_token}))
    except ValueError:
        return
    written = json.dumps(claims.to_document(), allow_nan=False)
    assert ClaimsRequest.from_document(json.loads(written)) == claims
    assert claims.names >= set()
    assert all(isinstance(value, str) for value in claims.essential_acr)
