"""A Django project with Python Social Auth, served by wsgiref: the test runs this file with its settings in JSON."""

import json
import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import include, path
from social_core.pipeline import DEFAULT_AUTH_PIPELINE

GIVEN = json.loads(sys.argv[1])


def home(request: HttpRequest) -> HttpResponse:
    """Show the form to sign in."""
    return render(request, "home.html")


def profile(request: HttpRequest) -> HttpResponse:
    """Show what the project knows of the user."""
    user = request.user
    return JsonResponse(
        {
            "sub": user.social_auth.get().uid,
            "email": user.email,
            "full_name": user.get_full_name(),
            "groups": sorted(group.name for group in user.groups.all()),
        }
    )


settings.configure(
    SECRET_KEY="a" * 50,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("django.db")}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "social_django",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {
                            "home.html": '<form method="post" action="/login/oidc/">'
                            "{% csrf_token %}<button>Sign in</button></form>"
                        },
                    )
                ],
            },
        }
    ],
    AUTHENTICATION_BACKENDS=["social_core.backends.open_id_connect.OpenIdConnectAuth"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    # Beside the provider on localhost, where cookies do not know ports.
    SESSION_COOKIE_NAME="django_session",
    LOGIN_REDIRECT_URL="/profile",
    SOCIAL_AUTH_OIDC_OIDC_ENDPOINT=GIVEN["issuer"],
    SOCIAL_AUTH_OIDC_KEY=GIVEN["client_id"],
    SOCIAL_AUTH_OIDC_SECRET=GIVEN["client_secret"],
    SOCIAL_AUTH_OIDC_USE_PKCE=True,
    SOCIAL_AUTH_OIDC_SCOPE=["groups"],
    SOCIAL_AUTH_OIDC_GROUPS_KEY="groups",
    SOCIAL_AUTH_OIDC_GROUPS_MAP={"editors": ["Editors"]},
    SOCIAL_AUTH_PIPELINE=(*DEFAULT_AUTH_PIPELINE, "social_core.pipeline.user.sync_groups"),
)
django.setup()  # the URLs below import models

urlpatterns = [
    path("", home),
    path("profile", profile),
    path("", include("social_django.urls", namespace="social")),
]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    apps.get_model("auth", "Group").objects.create(name="Editors")
    make_server("127.0.0.1", GIVEN["port"], get_wsgi_application(), handler_class=_Quiet).serve_forever()
