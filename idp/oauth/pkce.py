"""Proof Key for Code Exchange (RFC 7636), S256 only."""

import re

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from idp.crypto import equal
from idp.oauth.errors import InvalidGrantError, InvalidRequestError

_CODE_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # RFC 7636 §4.1


def verify_code_verifier(code_challenge: str | None, code_verifier: str | None) -> None:
    """Check the verifier of a token request against the challenge of its authorization request.

    A verifier without a challenge fails like its reverse, so that stripping either side gains nothing
    (RFC 9700 §2.1.1; authentik CVE-2024-23647, CVE-2023-48228).
    """
    if code_challenge is None and code_verifier is None:
        return
    if code_challenge is None:
        raise InvalidGrantError("The authorization request had no code_challenge")
    if code_verifier is None:
        raise InvalidGrantError("The parameter code_verifier is missing")
    if not _CODE_VERIFIER.fullmatch(code_verifier):
        raise InvalidRequestError("The code_verifier is malformed")
    if not equal(create_s256_code_challenge(code_verifier), code_challenge):
        raise InvalidGrantError("The code_verifier does not match the code_challenge")
