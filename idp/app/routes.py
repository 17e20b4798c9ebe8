"""Where each URL is served."""

from collections.abc import Sequence
from typing import Protocol

from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from idp.api import PATH as API_PATH
from idp.api.lazy import LazyApp
from idp.app.provider import Provider
from idp.endpoints.authorize import AuthorizeEndpoint
from idp.endpoints.discovery import DiscoveryEndpoints
from idp.endpoints.end_session import EndSessionEndpoint
from idp.endpoints.introspection import IntrospectionEndpoint
from idp.endpoints.revocation import RevocationEndpoint
from idp.endpoints.token import TokenEndpoint
from idp.endpoints.upstream_tokens import UpstreamTokensEndpoint
from idp.endpoints.userinfo import UserInfoEndpoint
from idp.identity.acr import ACR_VALUES
from idp.oauth.authorization import AuthorizationRequests
from idp.oauth.end_session import EndSessionRequests
from idp.oauth.grants.registry import GRANTS
from idp.oauth.metadata import server_metadata
from idp.oauth.userinfo import UserInfo
from idp.ops.health import Health
from idp.pages.account import AccountPages
from idp.pages.admission import FormAdmission
from idp.pages.consent import ConsentPage
from idp.pages.dev_mail import DevMailPage
from idp.pages.factors.challenge import ChallengePage
from idp.pages.factors.enrol import EnrolPage
from idp.pages.factors.enrolment import Enrolment
from idp.pages.factors.passkey_sign_in import PasskeyChallenge
from idp.pages.factors.recovery_codes import RecoveryCodesPage
from idp.pages.factors.security import SecurityPages
from idp.pages.federation import FederationPages
from idp.pages.federation.offers import Offers
from idp.pages.login import LoginPage
from idp.pages.recover import RecoverPages
from idp.pages.register import RegisterPage
from idp.pages.static import StaticPages
from idp.pages.strength import PasswordStrength
from idp.pages.verify_email import VerifyEmailPage
from idp.pages.verify_link import VerifyLinkPage


class _Served(Protocol):
    """A part that is reached by URL."""

    @property
    def routes(self) -> Sequence[BaseRoute]: ...


def routes_of(provider: Provider, discovery: DiscoveryEndpoints) -> list[BaseRoute]:
    """Return every route below the issuer: the protocol endpoints, the hosted pages, their files."""
    settings, desk, core = provider.settings, provider.desk, provider.core
    database, mint = provider.database, core.mint
    limits = settings.rate_limits
    admission = FormAdmission(provider.limiter, limits.pages_per_address)
    authorization_requests = AuthorizationRequests(provider.clients, provider.keyring, settings.clients)
    end_session_requests = EndSessionRequests(settings.issuer, provider.clients, provider.keyring)
    offers = Offers(desk, provider.federation)
    parts: list[_Served] = [
        AuthorizeEndpoint(desk, authorization_requests, provider.codes, provider.metrics),
        TokenEndpoint(settings, provider.pipeline, provider.limiter, provider.metrics),
        UserInfoEndpoint(UserInfo(mint, core.subjects, core.hot_path)),
        IntrospectionEndpoint(settings, core.server),
        RevocationEndpoint(settings, core.server),
        EndSessionEndpoint(
            desk, end_session_requests, provider.sign_out, provider.store, provider.federation
        ),
        UpstreamTokensEndpoint(mint, core.hot_path, provider.federation),
        discovery,
        *_factor_pages(provider, admission),
        LoginPage(
            desk,
            provider.login,
            admission,
            provider.metrics,
            offers,
        ),
        FederationPages(desk, provider.federation, admission, provider.metrics),
        RegisterPage(desk, provider.registration, provider.policy, admission, offers),
        VerifyEmailPage(desk, provider.registration, admission),
        VerifyLinkPage(desk, provider.registration, admission),
        RecoverPages(desk, provider.recovery, provider.policy, admission),
        PasswordStrength(desk, provider.policy, admission),
        ConsentPage(desk, provider.federation.providers),
        AccountPages(
            desk,
            provider.self_service,
            admission,
            policy=provider.policy,
            registration=provider.registration,
            sign_out=provider.sign_out,
            federation=provider.federation,
        ),
        StaticPages(desk.renderer.assets),
    ]
    if settings.dev:
        parts.append(DevMailPage(desk.renderer, database))
    return [*(route for part in parts for route in part.routes), _api(provider)]


def _factor_pages(provider: Provider, admission: FormAdmission) -> list[_Served]:
    """Return the pages of the second factors."""
    desk, factors, accounts = provider.desk, provider.factors, provider.self_service
    second_factors = provider.second_factors
    enrolment = Enrolment(factors, second_factors, desk.renderer.say)
    return [
        ChallengePage(desk, accounts, factors, admission, provider.metrics),
        EnrolPage(desk, accounts, enrolment, admission),
        PasskeyChallenge(desk, factors, admission),
        # Before the other security pages, whose last part is a kind of factor.
        RecoveryCodesPage(desk, accounts, factors.recovery_codes, second_factors),
        SecurityPages(desk, accounts, factors.recovery_codes, provider.factor_resets, enrolment, admission),
    ]


def _api(provider: Provider) -> Mount:
    def build() -> ASGIApp:
        from idp.app.api import api_of

        return api_of(provider)

    return Mount(API_PATH, app=LazyApp(build))


def discovery_of(provider: Provider) -> DiscoveryEndpoints:
    metadata = server_metadata(
        provider.settings,
        GRANTS,
        provider.client_auth.names,
        list(ACR_VALUES),
        provider.catalogues.languages,
    )
    return DiscoveryEndpoints(provider.settings, metadata, provider.keyring)


def health_of(provider: Provider) -> Health:
    async def database() -> None:
        await provider.database.ping()

    async def ephemeral() -> str | None:
        await provider.store.get("ready")
        return "Redis is away; the database stands in for it." if provider.store.degraded else None

    async def keys() -> None:
        provider.keyring.signing_key()

    return Health({"database": database, "ephemeral": ephemeral, "keys": keys})
