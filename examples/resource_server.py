# An API that accepts your provider's access tokens.  pip install starlette uvicorn "pyjwt[crypto]"
# AUDIENCE=<the audience of your client's access tokens> uvicorn resource_server:app --port 9001
# curl -H "Authorization: Bearer $TOKEN" http://localhost:9001/    (ISSUER if not http://localhost:8000)
import os

import jwt
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

ISSUER = os.environ.get("ISSUER", "http://localhost:8000")
CHECKS = {"issuer": ISSUER, "audience": os.environ["AUDIENCE"], "options": {"require": ["exp", "sub"]}}
keys = jwt.PyJWKClient(f"{ISSUER.rstrip('/')}/jwks")


def resource(request):
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer" or jwt.get_unverified_header(token).get("typ", "").lower() != "at+jwt":
            raise jwt.InvalidTokenError("An access token is needed")
        claims = jwt.decode(token, keys.get_signing_key_from_jwt(token), ["RS256", "ES256"], **CHECKS)
    except jwt.PyJWTError as error:
        return JSONResponse({"error": str(error)}, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return JSONResponse({"hello": claims["sub"], "scope": claims.get("scope")})


app = Starlette(routes=[Route("/", resource)])
