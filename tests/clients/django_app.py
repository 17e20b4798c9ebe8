"""A Django project with mozilla-django-oidc, served by wsgiref: the test runs this file with its settings in JSON."""

import json
import sys
from pathlib import Path
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import include, path

GIVEN = json.loads(sys.argv[1])
ISSUER = GIVEN["issuer"]
BASE_URL = f"http://localhost:{GIVEN['port']}"


def logout_url(request: HttpRequest) -> str:
    """Where mozilla-django-oidc sends the person once it has ended its own session."""
    query = {
        "id_token_hint": request.session["oidc_id_token"],
        "post_logout_redirect_uri": f"{BASE_URL}/",
    }
    return f"{ISSUER}/end_session?{urlencode(query)}"


def home(request: HttpRequest) -> HttpResponse:
    """Who is signed in, and the form to sign out."""
    return render(request, "home.html")


def health(_request: HttpRequest) -> HttpResponse:
    """The server is up."""
    return JsonResponse({"ok": True})


settings.configure(
    SECRET_KEY="a" * 50,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("django.db")}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "mozilla_django_oidc",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "mozilla_django_oidc.middleware.SessionRefresh",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                ],
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {
                            "home.html": "<p>{{ user.email|default:'nobody' }}</p>"
                            '<form method="post" action="/oidc/logout/">{% csrf_token %}<button>Out</button></form>'
                        },
                    )
                ],
            },
        }
    ],
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    # Beside the provider on localhost, where cookies do not know ports.
    SESSION_COOKIE_NAME="django_session",
    LOGIN_REDIRECT_URL=GIVEN["after_login"],
    LOGOUT_REDIRECT_URL="/",
    OIDC_RP_CLIENT_ID=GIVEN["client_id"],
    OIDC_RP_CLIENT_SECRET=GIVEN["client_secret"],
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_RP_SCOPES="openid email profile",
    OIDC_USE_PKCE=True,
    OIDC_STORE_ID_TOKEN=True,
    OIDC_OP_AUTHORIZATION_ENDPOINT=f"{ISSUER}/authorize",
    OIDC_OP_TOKEN_ENDPOINT=f"{ISSUER}/token",
    OIDC_OP_USER_ENDPOINT=f"{ISSUER}/userinfo",
    OIDC_OP_JWKS_ENDPOINT=f"{ISSUER}/jwks",
    OIDC_OP_LOGOUT_URL_METHOD=f"{__name__}.logout_url",
    OIDC_EXEMPT_URLS=["/health"],
    # Its SessionRefresh asks again, with prompt=none, at each page opened after so long.
    OIDC_RENEW_ID_TOKEN_EXPIRY_SECONDS=GIVEN["renew_after"],
)

urlpatterns = [
    path("", home),
    path("health", health),
    path("oidc/", include("mozilla_django_oidc.urls")),
]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""


if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    make_server("127.0.0.1", GIVEN["port"], get_wsgi_application(), handler_class=_Quiet).serve_forever()
