# A web app that lets people in with your provider.  pip install starlette uvicorn httpx authlib itsdangerous
# Register the redirect URI http://localhost:9000/callback and the post-logout URI http://localhost:9000/
# CLIENT_ID=... CLIENT_SECRET=... uvicorn starlette_app:app --port 9000  (ISSUER if not http://localhost:8000)
import html
import os
import secrets

from authlib.integrations.starlette_client import OAuth, OAuthError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

ISSUER = os.environ.get("ISSUER", "http://localhost:8000")
BASE_URL = os.environ.get("BASE_URL", "http://localhost:9000")

oauth = OAuth()
oauth.register(
    "idp",
    server_metadata_url=f"{ISSUER.rstrip('/')}/.well-known/openid-configuration",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


async def home(request: Request) -> Response:
    user = request.session.get("user")
    if not user:
        return HTMLResponse('<a href="/login">Sign in</a>')
    name = html.escape(user["name"])
    form = '<form method="post" action="/logout"><button>Sign out</button></form>'
    return HTMLResponse(f"<p>Hello, {name}.</p>{form}")


async def login(request: Request) -> Response:
    return await oauth.idp.authorize_redirect(request, f"{BASE_URL}/callback")


async def callback(request: Request) -> Response:
    try:
        # Exchanges the code, and verifies state, PKCE, and the ID token with its nonce.
        tokens = await oauth.idp.authorize_access_token(request)
    except OAuthError as error:
        message = html.escape(error.description or error.error)
        return HTMLResponse(f'<p>{message}</p><a href="/login">Try again</a>', 400)
    claims = await oauth.idp.userinfo(token=tokens)
    request.session.clear()
    request.session["user"] = {"sub": claims["sub"], "name": claims.get("name") or claims["sub"]}
    request.session["id_token"] = tokens["id_token"]
    return RedirectResponse("/", 303)


async def logout(request: Request) -> Response:
    id_token = request.session.get("id_token")
    request.session.clear()
    if not id_token:
        return RedirectResponse("/", 303)
    return await oauth.idp.logout_redirect(
        request, post_logout_redirect_uri=f"{BASE_URL}/", id_token_hint=id_token
    )


app = Starlette(
    routes=[
        Route("/", home),
        Route("/login", login),
        Route("/callback", callback),
        Route("/logout", logout, methods=["POST"]),
    ],
    # A fixed SESSION_SECRET keeps people signed in over a restart.
    middleware=[
        Middleware(
            SessionMiddleware,
            secret_key=os.environ.get("SESSION_SECRET") or secrets.token_urlsafe(32),
            session_cookie="example_session",
            same_site="lax",
            https_only=BASE_URL.startswith("https://"),
        )
    ],
)
