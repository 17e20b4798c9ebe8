"""An API behind bearer access tokens: a resource server that asks the provider for nothing but its JWKS."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from idp.dev.relying_app.errors import RelyingAppError, TokenRejectedError
from idp.dev.relying_app.tokens import TokenVerifier

REQUIRED_SCOPE = "profile"


class ProtectedResource:
    """`audience` is what this API calls itself; a token for any other API is refused."""

    def __init__(self, *, audience: str, verifier: TokenVerifier) -> None:
        self._audience = audience
        self._verifier = verifier

    async def __call__(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            # RFC 6750 §3.1: no error code for a request that carries no authentication at all.
            return _challenge(401, "", "This resource needs a bearer access token.")
        try:
            claims = await self._verifier.access_token(token.strip(), audience=self._audience)
        except TokenRejectedError as refused:
            return _challenge(401, "invalid_token", refused.sentence)
        except RelyingAppError as error:
            return JSONResponse(
                {"error": "temporarily_unavailable", "error_description": error.sentence}, 503
            )
        if REQUIRED_SCOPE not in str(claims.get("scope", "")).split():
            return _challenge(
                403, "insufficient_scope", f"The access token lacks the scope {REQUIRED_SCOPE}."
            )
        return JSONResponse(
            {
                "message": "This is the protected resource. Your access token opened it.",
                "subject": claims["sub"],
                "client_id": claims["client_id"],
                "scope": claims["scope"],
                "token_expires_at": claims["exp"],
            }
        )


def _challenge(status_code: int, error: str, sentence: str) -> Response:
    parameters = {"realm": "demo resource", "scope": REQUIRED_SCOPE}
    if error:
        # RFC 6750 §3: a description is plain ASCII.
        parameters |= {"error": error, "error_description": sentence}
    header = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())
    body = {"error": error or "unauthorized", "error_description": sentence}
    return JSONResponse(body, status_code, headers={"WWW-Authenticate": header})
