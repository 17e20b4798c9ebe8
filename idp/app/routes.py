"""Where each URL is served."""

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from idp.api import PATH as API_PATH
from idp.api.lazy import LazyApp
from idp.app.provider import Provider
from idp.config import Settings
from idp.endpoints.authorize import AuthorizeEndpoint
from idp.endpoints.discovery import DiscoveryEndpoints
from idp.endpoints.end_session import EndSessionEndpoint
from idp.endpoints.introspection import IntrospectionEndpoint
from idp.endpoints.protocol_errors import ProtocolErrors
from idp.endpoints.revocation import RevocationEndpoint
from idp.endpoints.token import TokenEndpoint
from idp.endpoints.upstream_tokens import UpstreamTokensEndpoint
from idp.endpoints.userinfo import UserInfoEndpoint
from idp.flow.consents import RememberedConsents
from idp.identity.acr import ACR_VALUES
from idp.identity.factors.passkeys import Passkeys
from idp.identity.factors.recovery_codes import RecoveryCodes
from idp.oauth.authorization import AuthorizationRequests
from idp.oauth.end_session import EndSessionRequests
from idp.oauth.grants.registry import GRANTS
from idp.oauth.metadata import server_metadata
from idp.oauth.userinfo import userinfo_resource
from idp.ops.health import Health
from idp.pages.account import AccountPages
from idp.pages.consent import ConsentPage
from idp.pages.dev_mail import DevMailPage
from idp.pages.factors.challenge import ChallengePage
from idp.pages.factors.enrol import EnrolPage
from idp.pages.factors.passkey_sign_in import PasskeyChallenge
from idp.pages.factors.recovery_codes import RecoveryCodesPage
from idp.pages.factors.security import SecurityPage
from idp.pages.factors.set_up import SetUpPage
from idp.pages.federation import FederationPages
from idp.pages.login import LoginPage
from idp.pages.offers import Offers
from idp.pages.recover import RecoverPage, ResetPage
from idp.pages.register import RegisterPage
from idp.pages.sign_out import SignOutPages
from idp.pages.static import StaticPages
from idp.pages.strength import PasswordStrength
from idp.pages.to_client import ToClientPages
from idp.pages.verify_email import AfterVerification, VerifyEmailPage
from idp.pages.verify_link import VerifyLinkPage


class _Served(Protocol):
    """A part that is reached by URL."""

    @property
    def routes(self) -> Sequence[BaseRoute]: ...


def routes_of(provider: Provider, discovery: DiscoveryEndpoints) -> list[BaseRoute]:
    """Return every route below the issuer: the protocol endpoints, the hosted pages, their files."""
    settings, clock, core = provider.settings, provider.clock, provider.core
    database = provider.database
    parts, edge, renderer = provider.page_parts, provider.edge, provider.renderer
    federation, sign_in = provider.federation, provider.sign_in
    offers = Offers(edge.links, federation.providers)
    after_verification = AfterVerification(edge, provider.visits, sign_in, clock)
    errors = ProtocolErrors(database, provider.clients, provider.limiter, provider.metrics, clock)
    served: list[_Served] = [
        AuthorizeEndpoint(
            settings,
            database,
            edge,
            provider.visits,
            AuthorizationRequests(provider.clients, provider.keyring, settings.clients),
            provider.codes,
            ToClientPages(renderer),
            errors,
            clock,
        ),
        TokenEndpoint(settings, provider.pipeline, provider.limiter, errors, provider.metrics),
        UserInfoEndpoint(userinfo_resource(settings.tokens), provider.guard, core.subjects),
        IntrospectionEndpoint(settings, core.server, errors),
        RevocationEndpoint(settings, core.server, errors),
        EndSessionEndpoint(
            edge,
            provider.sessions,
            EndSessionRequests(settings.issuer, provider.clients, provider.keyring),
            provider.sign_out,
            federation.departures,
            provider.store,
            SignOutPages(renderer),
            ToClientPages(renderer),
            errors,
        ),
        UpstreamTokensEndpoint(provider.guard, federation),
        discovery,
        *_factor_pages(provider),
        LoginPage(
            parts,
            provider.login,
            provider.second_factors,
            sign_in,
            offers,
            federation.arrivals,
            provider.metrics,
        ),
        FederationPages(parts, federation, sign_in, provider.metrics),
        RegisterPage(parts, provider.registration, provider.policy, sign_in, offers, clock),
        VerifyEmailPage(parts, provider.registration, after_verification),
        VerifyLinkPage(parts, provider.registration, after_verification),
        RecoverPage(parts, provider.recovery),
        ResetPage(parts, provider.recovery, provider.policy),
        PasswordStrength(parts, provider.policy),
        ConsentPage(parts, RememberedConsents(database, clock), federation.providers),
        AccountPages(
            parts,
            provider.gate,
            provider.accounts,
            provider.self_service,
            settings=settings,
            clock=clock,
            policy=provider.policy,
            registration=provider.registration,
            email_changes=provider.email_changes,
            second_factors=provider.second_factors,
            sessions=provider.sessions,
            sign_out=provider.sign_out,
            app_sign_ins=provider.app_sign_ins,
            federation=federation,
        ),
        StaticPages(renderer.assets),
    ]
    if settings.dev:
        served.append(DevMailPage(renderer, database))
    return [*(route for part in served for route in part.routes), *_api(provider), *_api_documents(settings)]


def _factor_pages(provider: Provider) -> list[_Served]:
    """Return the pages of the second factors."""
    parts, gate, accounts = provider.page_parts, provider.gate, provider.accounts
    factors, second_factors, sign_in = provider.factors, provider.second_factors, provider.sign_in
    enrolled, codes = provider.enrolled_factors, factors[RecoveryCodes]
    addable = [] if provider.settings.second_factor.policy == "off" else enrolled.possible
    return [
        ChallengePage(parts, accounts, factors, second_factors, sign_in, provider.metrics),
        EnrolPage(parts, accounts, enrolled, sign_in),
        PasskeyChallenge(parts, factors[Passkeys]),
        # Before the pages whose last part is a kind of factor.
        RecoveryCodesPage(parts, gate, provider.settings, accounts, codes, second_factors, enrolled),
        SecurityPage(
            parts,
            gate,
            accounts,
            codes,
            provider.factor_resets,
            enrolled,
            second_factors.trusted_browsers,
            addable,
        ),
        SetUpPage(parts, gate, accounts, enrolled, addable, sign_in),
    ]


def _api(provider: Provider) -> list[Mount]:
    if not provider.settings.api.enabled:
        return []

    def build() -> ASGIApp:
        from idp.app.api import api_of

        return api_of(provider)

    return [Mount(API_PATH, app=LazyApp(build))]


def _api_documents(settings: Settings) -> list[BaseRoute]:
    """Return redirects from where other account services have their API's documentation."""
    if not (settings.api.enabled and settings.api.short_paths):
        return []
    api = settings.base_path + API_PATH

    async def to_docs(_request: Request) -> Response:
        return RedirectResponse(f"{api}/docs", status_code=307)

    async def to_document(_request: Request) -> Response:
        return RedirectResponse(f"{api}/openapi.json", status_code=307)

    return [
        Route("/docs", to_docs, methods=["GET"]),
        Route("/redoc", to_docs, methods=["GET"]),
        Route("/openapi.json", to_document, methods=["GET"]),
    ]


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
