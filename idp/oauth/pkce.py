"""Proof Key for Code Exchange (RFC 7636): Authlib's extension of the code grant, with S256 alone."""

from typing import Any

from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge

from idp.crypto import equal
from idp.oauth.codes import AuthorizationCode
from idp.oauth.errors import InvalidGrantError, InvalidRequestError


def _compare_s256(code_verifier: str, code_challenge: str) -> bool:
    return equal(create_s256_code_challenge(code_verifier), code_challenge)


class S256CodeChallenge(CodeChallenge):
    """Checks the verifier of a token request against the challenge of its authorization request.

    Authlib checks the verifier's syntax and the method, and hooks itself in behind the grant's own checks.
    Corrected here: `plain` is not known, the comparison takes the same time whatever differs, and a side that
    was stripped is an invalid grant for every client, not only for public ones (RFC 9700 §2.1.1; authentik
    CVE-2024-23647, CVE-2023-48228).
    """

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    CODE_CHALLENGE_METHODS = {"S256": _compare_s256}  # noqa: RUF012  Authlib's name and shape

    def __init__(self) -> None:
        # Whether a challenge must be there is decided at /authorize; here it has to be met if it is.
        super().__init__(required=False)

    def validate_code_verifier(self, grant: Any, result: object) -> None:
        """Called by Authlib after the token request is validated (`after_validate_token_request`)."""
        code: AuthorizationCode = grant.request.authorization_code
        code_verifier = grant.request.form.get("code_verifier")
        if code.code_challenge is None and code_verifier is not None:
            raise InvalidGrantError("The authorization request had no code_challenge")
        if code.code_challenge is not None and code_verifier is None:
            raise InvalidGrantError("The parameter code_verifier is missing")
        if code_verifier is not None and code_verifier.endswith("\n"):  # Authlib's pattern lets it pass
            raise InvalidRequestError("The code_verifier is malformed")
        super().validate_code_verifier(grant, result)

    def get_authorization_code_challenge_method(self, _authorization_code: AuthorizationCode) -> str:
        """Return the only method that /authorize accepts."""
        return "S256"
