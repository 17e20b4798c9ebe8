"""The JSON API, made from the provider's parts. It is imported only when the API is first asked."""

from fastapi import FastAPI

from idp.api import PATH
from idp.api.access import AccountAccess
from idp.api.app import build_api
from idp.api.auth import AuthRoutes
from idp.api.tokens import FirstPartyTokens
from idp.api.users import UserRoutes
from idp.app.provider import Provider


def api_of(provider: Provider) -> FastAPI:
    """Return the API as an application."""
    settings = provider.settings
    access = AccountAccess(
        provider.guard,
        provider.situations,
        provider.visits.steps,
        provider.clock,
        token_url=f"{settings.url(PATH)}/auth/access-token",
        origin=settings.origin,
    )
    auth = AuthRoutes(
        database=provider.database,
        tokens=FirstPartyTokens(
            settings, provider.database, provider.pipeline, provider.clients, provider.clock, provider.metrics
        ),
        accounts=provider.accounts,
        registration=provider.registration,
        policies=provider.policies,
        recovery=provider.recovery,
        revocation=provider.revocation,
    )
    users = UserRoutes(
        database=provider.database,
        access=access,
        self_service=provider.self_service,
        email_changes=provider.email_changes,
        sign_out=provider.sign_out,
        sign_ins=provider.app_sign_ins,
        sessions=settings.sessions,
        clock=provider.clock,
        limiter=provider.limiter,
        profile_per_minute=settings.rate_limits.profile_per_address,
    )
    script = provider.renderer.static("api_docs.js")
    return build_api(settings, (auth.router, users.me, users.router), provider.limiter, script=script)
