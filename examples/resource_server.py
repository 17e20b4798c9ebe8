# An API that accepts your provider's access tokens.  pip install starlette uvicorn "pyjwt[crypto]"
# AUDIENCE=<the audience of your client's access tokens> uvicorn resource_server:app --port 9001
# curl -H "Authorization: Bearer $TOKEN" http://localhost:9001/    (ISSUER if not http://localhost:8000)
import os
import time

import jwt
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

ISSUER = os.environ.get("ISSUER", "http://localhost:8000")
CHECKS = {"issuer": ISSUER, "audience": os.environ["AUDIENCE"], "options": {"require": ["exp", "sub"]}}
TWO_FACTORS = "urn:idp:acr:mfa"
keys = jwt.PyJWKClient(f"{ISSUER.rstrip('/')}/jwks")


def claims_of(request):
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or jwt.get_unverified_header(token).get("typ", "").lower() != "at+jwt":
        raise jwt.InvalidTokenError("An access token is needed")
    return jwt.decode(token, keys.get_signing_key_from_jwt(token), ["RS256", "ES256"], **CHECKS)


def resource(request):
    claims = claims_of(request)
    return JSONResponse({"hello": claims["sub"], "scope": claims.get("scope")})


def transfer(request):
    """Asks for two factors, proven in the last five minutes (RFC 9470): the app sends the person to sign in
    again with the acr_values and max_age of this answer, and comes back with a new token."""
    claims = claims_of(request)
    if claims.get("acr") != TWO_FACTORS or time.time() - claims.get("auth_time", 0) > 300:
        challenge = (
            f'Bearer error="insufficient_user_authentication", acr_values="{TWO_FACTORS}", max_age="300"'
        )
        body = {"error": "insufficient_user_authentication"}
        return JSONResponse(body, 401, {"WWW-Authenticate": challenge})
    return JSONResponse({"transferred_by": claims["sub"]})


def refused(_request, error):
    return JSONResponse({"error": str(error)}, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


app = Starlette(
    routes=[Route("/", resource), Route("/transfer", transfer)], exception_handlers={jwt.PyJWTError: refused}
)
