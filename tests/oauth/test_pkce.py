"""PKCE at the token endpoint: neither side of it can be left out, and only S256 counts (RFC 7636)."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oauth.codes import AuthorizationCode
from idp.oauth.errors import InvalidGrantError, InvalidRequestError
from idp.oauth.pkce import S256CodeChallenge

# RFC 7636 Appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def verify_code_verifier(challenge: str | None, verifier: str | None) -> None:
    """Check a verifier as Authlib's hook does."""
    code = AuthorizationCode("g", "c", None, challenge, None, "openid", expires_at=0.0)
    form = {} if verifier is None else {"code_verifier": verifier}
    request = SimpleNamespace(authorization_code=code, form=form, auth_method="client_secret_basic")
    S256CodeChallenge().validate_code_verifier(SimpleNamespace(request=request), None)


def test_the_verifier_of_the_specification_fits_its_challenge() -> None:
    verify_code_verifier(CHALLENGE, VERIFIER)


def test_a_code_without_a_challenge_needs_no_verifier() -> None:
    verify_code_verifier(None, None)


@pytest.mark.parametrize(("challenge", "verifier"), [(None, VERIFIER), (CHALLENGE, None)])
def test_a_side_that_was_stripped_is_missed(challenge: str | None, verifier: str | None) -> None:
    """authentik CVE-2024-23647, CVE-2023-48228."""
    with pytest.raises(InvalidGrantError):
        verify_code_verifier(challenge, verifier)


def test_a_plain_challenge_is_not_understood() -> None:
    with pytest.raises(InvalidGrantError):
        verify_code_verifier(VERIFIER, VERIFIER)


@pytest.mark.parametrize(
    "verifier",
    [VERIFIER[:42], "a" * 129, VERIFIER + "+", VERIFIER + "=", VERIFIER + "\n", "ä" * 43, "a b" * 20],
)
def test_a_malformed_verifier_is_refused_before_it_is_hashed(verifier: str) -> None:
    with pytest.raises(InvalidRequestError):
        verify_code_verifier(CHALLENGE, verifier)


@given(st.text(max_size=200).filter(lambda text: text != VERIFIER))
def test_no_other_verifier_passes(verifier: str) -> None:
    with pytest.raises((InvalidGrantError, InvalidRequestError)):
        verify_code_verifier(CHALLENGE, verifier)
