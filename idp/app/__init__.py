"""The composition root: the only place where parts are made and wired together.

`provider` makes the parts, `routes` says where each URL is served, `middleware` what every request passes
through, `answers` what is said when no part answers, and `lifespan` what goes on in the background.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount

from idp.app.answers import NotServed
from idp.app.lifespan import lifespan
from idp.app.middleware import middleware_of
from idp.app.provider import Provider, build_provider
from idp.app.routes import discovery_of, health_of, routes_of
from idp.clock import Clock
from idp.config import Settings, load_settings
from idp.endpoints.related_origins import RelatedOrigins
from idp.ops.logging import configure_logging

__all__ = ["Provider", "application", "build_provider", "create_app"]


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Starlette:
    """Return the application; without settings, those of the environment."""
    settings = settings or load_settings()
    configure_logging(settings.log)
    return application(build_provider(settings, clock))


def application(provider: Provider) -> Starlette:
    """Mount the provider's parts."""
    settings = provider.settings
    health = health_of(provider)
    discovery = discovery_of(provider)
    below_issuer: list[BaseRoute] = routes_of(provider, discovery)
    routes: list[BaseRoute] = [
        *health.routes,
        *provider.metrics.routes,
        *discovery.root_routes,
        *RelatedOrigins(settings).routes,
    ]
    if settings.base_path:
        routes.append(Mount(settings.base_path, routes=[*below_issuer, *health.routes]))
    else:
        routes.extend(below_issuer)
    app = Starlette(
        routes=routes,
        middleware=middleware_of(provider, discovery),
        exception_handlers={HTTPException: NotServed(provider).answer},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would redirect to whatever host the request named
    app.state.provider = provider
    return app
