"""The composition root: the only place where parts are made and wired together.

Read it from the top to see what the provider consists of, and `_routes` to see where each URL is served.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import httpx
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Scope

from idp.api import PATH as API_PATH
from idp.api.first_party import ensure_first_party_client
from idp.api.lazy import LazyApp
from idp.api.problems import Problems
from idp.clock import Clock, SystemClock
from idp.config import PROJECT_ROOT, Settings, load_settings
from idp.endpoints.authorize import AuthorizeEndpoint
from idp.endpoints.discovery import DiscoveryEndpoints
from idp.endpoints.end_session import EndSessionEndpoint
from idp.endpoints.introspection import IntrospectionEndpoint
from idp.endpoints.related_origins import RelatedOrigins
from idp.endpoints.revocation import RevocationEndpoint
from idp.endpoints.token import ClientAdmission, TokenEndpoint
from idp.endpoints.userinfo import UserInfoEndpoint
from idp.errors import Unavailable
from idp.federation.registry import Providers
from idp.flow.continuations import Continuations
from idp.flow.federated import FederatedSignIn
from idp.flow.sign_out import SignOut
from idp.flow.steps import FactorDemands, steps
from idp.flow.subjects import People
from idp.flow.transaction import Transactions
from idp.i18n import Catalogues, load_catalogues
from idp.identity.accounts import Accounts
from idp.identity.acr import ACR_VALUES
from idp.identity.connections import Connections
from idp.identity.factors.registry import FactorRegistry
from idp.identity.login import PasswordLogin
from idp.identity.mail import Mailer
from idp.identity.mail_delivery import MailDelivery
from idp.identity.password_policy import PasswordPolicy
from idp.identity.passwords import PasswordHasher
from idp.identity.recovery import Recovery
from idp.identity.registration import Registration
from idp.identity.second_factor import SecondFactors
from idp.identity.self_service import SelfService
from idp.identity.sessions import Sessions
from idp.identity.throttle import SignInThrottle, factor_throttle
from idp.identity.tickets import MailThrottle, Tickets
from idp.keys.keyring import Keyring
from idp.keys.master import load_master_key
from idp.oauth.authorization import AuthorizationRequests
from idp.oauth.client_auth.registry import ClientAuthentication, client_auth_methods
from idp.oauth.clients import ClientRegistry
from idp.oauth.codes import AuthorizationCodes
from idp.oauth.context import Core
from idp.oauth.end_session import EndSessionRequests
from idp.oauth.grants.registry import GRANTS
from idp.oauth.introspection import Introspection
from idp.oauth.metadata import PATHS, server_metadata
from idp.oauth.revocation import Revocation
from idp.oauth.tokens import TokenMint
from idp.oauth.userinfo import UserInfo
from idp.ops.address import ClientAddress
from idp.ops.cors import Cors
from idp.ops.documents import Documents
from idp.ops.headers import SecurityHeaders
from idp.ops.health import Health
from idp.ops.language import RequestLanguage
from idp.ops.limits import BodyLimit
from idp.ops.logging import configure_logging
from idp.ops.metrics import Metrics
from idp.ops.rate_limit import RateLimiter
from idp.ops.requests import RequestLog, render_json
from idp.pages.account import AccountPages
from idp.pages.admission import FormAdmission
from idp.pages.brand import text_on
from idp.pages.consent import ConsentPage
from idp.pages.cookies import Cookies
from idp.pages.desk import Desk
from idp.pages.dev_mail import DevMailPage
from idp.pages.errors import ErrorPages, error_id_of
from idp.pages.factors.challenge import ChallengePage
from idp.pages.factors.enrol import EnrolPage
from idp.pages.factors.enrolment import Enrolment
from idp.pages.factors.passkey_sign_in import PasskeyChallenge
from idp.pages.factors.recovery_codes import RecoveryCodesPage
from idp.pages.factors.security import SecurityPages
from idp.pages.federation import FederationPages, Offers
from idp.pages.forms import FormProtection
from idp.pages.login import LoginPage
from idp.pages.recover import RecoverPages
from idp.pages.register import RegisterPage
from idp.pages.render import Renderer
from idp.pages.static import StaticPages
from idp.pages.strength import PasswordStrength
from idp.pages.verify_email import VerifyEmailPage
from idp.pages.verify_link import VerifyLinkPage
from idp.storage.database import Database
from idp.storage.ephemeral.build import RunningStore, build_ephemeral_store
from idp.storage.hot_path import HotPath
from idp.storage.sweeper import Sweeper
from idp.text import Text

TEMPLATES = PROJECT_ROOT / "templates"
TRANSLATIONS = PROJECT_ROOT / "translations"

REFRESH_METRICS_EVERY = 5.0
"""Seconds between two looks at what the gauges show."""

SWEEP_EVERY = 300.0
"""Seconds between two sweeps of what has expired, by each worker."""

log = structlog.get_logger("idp")


class _Served(Protocol):
    """A part that is reached by URL."""

    @property
    def routes(self) -> Sequence[BaseRoute]: ...


@dataclass(frozen=True, slots=True)
class Provider:
    """The parts, made and wired. Commands and tests take what they need from here."""

    settings: Settings
    clock: Clock
    database: Database
    store: RunningStore
    keyring: Keyring
    clients: ClientRegistry
    accounts: Accounts
    hasher: PasswordHasher
    sessions: Sessions
    sign_out: SignOut
    throttle: SignInThrottle
    login: PasswordLogin
    policy: PasswordPolicy
    registration: Registration
    recovery: Recovery
    self_service: SelfService
    factors: FactorRegistry
    second_factors: SecondFactors
    federation: FederatedSignIn
    mail_delivery: MailDelivery
    limiter: RateLimiter
    sweeper: Sweeper
    metrics: Metrics
    http: httpx.AsyncClient
    client_auth: ClientAuthentication
    core: Core
    codes: AuthorizationCodes
    desk: Desk
    catalogues: Catalogues


def build_provider(settings: Settings, clock: Clock | None = None) -> Provider:
    """Make every part. Opens no connection; raises `ConfigurationError` for what cannot work."""
    clock = clock or SystemClock()
    master_key = load_master_key(settings)
    database = Database(settings.database_url, settings.database)
    store = build_ephemeral_store(database, settings.redis_url, clock)
    keyring = Keyring(database, master_key, settings, clock)
    clients = ClientRegistry(database, clock)
    http = httpx.AsyncClient(trust_env=False)
    metrics = Metrics()
    limiter = RateLimiter(redis=_limiter_redis(settings), clock=clock)

    hasher = PasswordHasher(settings.passwords)
    sessions = Sessions(database, settings.sessions, clock)
    sign_in_throttle = SignInThrottle(store, settings.throttle, clock)
    login = PasswordLogin(database, hasher, sign_in_throttle, clock)
    policy = PasswordPolicy(settings.passwords, http)
    tickets = Tickets(master_key.derive("mail-codes"), settings.accounts, clock)
    mail_throttle = MailThrottle(store, settings.accounts)
    catalogues = load_catalogues(TRANSLATIONS, settings.locale)
    mailer = Mailer(settings, TEMPLATES, clock, catalogues, on_brand=text_on(settings.brand.color))
    registration = Registration(
        database, hasher, policy, tickets, mail_throttle, mailer, settings.registration, clock
    )
    recovery = Recovery(database, hasher, policy, tickets, mail_throttle, mailer, clock)
    self_service = SelfService(
        database,
        hasher,
        policy,
        tickets,
        mail_throttle,
        sign_in_throttle,
        mailer,
        settings.accounts,
        clock,
    )

    codes = AuthorizationCodes(store, clock)
    audiences = (settings.issuer, settings.url(PATHS["token_endpoint"]))
    client_auth = ClientAuthentication(clients, client_auth_methods(audiences, store, clock, http))
    factors = FactorRegistry(database, store, master_key, tickets, mail_throttle, mailer, settings, clock)
    second_factors = SecondFactors(
        database,
        factors,
        factor_throttle(store, settings.throttle, clock),
        store,
        mailer,
        settings.second_factor,
        clock,
    )
    core = Core(
        hot_path=HotPath(database, settings.database),
        mint=TokenMint(settings.issuer, keyring, settings.tokens, clock),
        client_auth=client_auth,
        codes=codes,
        subjects=People(database, login, second_factors, Continuations(store), settings, clock),
        clock=clock,
        admit=ClientAdmission(limiter, "token", settings.rate_limits.token_per_client),
    )
    renderer = Renderer(
        templates_dir=TEMPLATES,
        brand=settings.brand,
        base_path=settings.base_path,
        dev=settings.dev,
        catalogues=catalogues,
    )
    desk = Desk(
        settings=settings,
        clock=clock,
        database=database,
        clients=clients,
        transactions=Transactions(store, clock, settings.sessions.transaction_ttl),
        sessions=sessions,
        cookies=Cookies(settings),
        forms=FormProtection(master_key.derive("forms")),
        renderer=renderer,
        errors=ErrorPages(renderer, dev=settings.dev),
        steps=steps(
            settings.registration.verify_email,
            FactorDemands(
                settings.second_factor.policy,
                settings.second_factor.required_for_roles,
                grace=settings.second_factor.enrolment_grace > 0,
                offers=settings.second_factor.offer_after_sign_in,
            ),
        ),
        second_factors=second_factors,
    )
    return Provider(
        settings=settings,
        clock=clock,
        database=database,
        store=store,
        keyring=keyring,
        clients=clients,
        accounts=Accounts(database, hasher, clock),
        hasher=hasher,
        sessions=sessions,
        sign_out=SignOut(database, sessions, clients, clock),
        throttle=sign_in_throttle,
        login=login,
        policy=policy,
        registration=registration,
        recovery=recovery,
        self_service=self_service,
        factors=factors,
        second_factors=second_factors,
        federation=FederatedSignIn(
            Providers(settings.federation, database, master_key, clock),
            Connections(database, mailer, master_key, clock),
            database,
            store,
            mailer,
            mail_throttle,
            master_key,
            settings.registration,
            clock,
        ),
        mail_delivery=MailDelivery(database, settings, clock),
        limiter=limiter,
        sweeper=Sweeper(database, clock),
        metrics=metrics,
        http=http,
        client_auth=client_auth,
        core=core,
        codes=codes,
        desk=desk,
        catalogues=catalogues,
    )


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Starlette:
    """Return the application; without settings, those of the environment."""
    settings = settings or load_settings()
    configure_logging(settings.log)
    return application(build_provider(settings, clock))


def application(provider: Provider) -> Starlette:
    """Mount the provider's parts."""
    settings = provider.settings
    health = _health(provider)
    discovery = _discovery(provider)
    below_issuer: list[BaseRoute] = _routes(provider, discovery)
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
        middleware=_middleware(provider),
        exception_handlers={HTTPException: _NotServed(provider).answer},
        lifespan=_lifespan,
    )
    app.state.provider = provider
    return app


def _routes(provider: Provider, discovery: DiscoveryEndpoints) -> list[BaseRoute]:
    """Return every route below the issuer: the protocol endpoints, the hosted pages, their files."""
    settings, desk, core = provider.settings, provider.desk, provider.core
    database, client_auth, mint = provider.database, provider.client_auth, core.mint
    limits = settings.rate_limits
    admission = FormAdmission(provider.limiter, limits.pages_per_address)
    introspection_admission = ClientAdmission(provider.limiter, "introspect", limits.introspection_per_client)
    authorization_requests = AuthorizationRequests(provider.clients, provider.keyring)
    end_session_requests = EndSessionRequests(settings.issuer, provider.clients, provider.keyring)
    parts: list[_Served] = [
        AuthorizeEndpoint(desk, authorization_requests, provider.codes, provider.metrics),
        TokenEndpoint(settings, database, core, provider.limiter, provider.metrics),
        UserInfoEndpoint(UserInfo(mint, core.subjects, core.hot_path)),
        IntrospectionEndpoint(
            settings,
            client_auth,
            Introspection(mint, core.hot_path, provider.clock),
            introspection_admission,
        ),
        RevocationEndpoint(settings, database, client_auth, Revocation(mint, provider.clock)),
        EndSessionEndpoint(desk, end_session_requests, provider.sign_out, provider.store),
        discovery,
        *_factor_pages(provider, admission),
        LoginPage(
            desk,
            provider.login,
            provider.factors,
            admission,
            provider.metrics,
            Offers(desk, provider.federation),
        ),
        FederationPages(desk, provider.federation, admission, provider.metrics),
        RegisterPage(desk, provider.registration, provider.policy, admission),
        VerifyEmailPage(desk, provider.registration, admission),
        VerifyLinkPage(desk, provider.registration, admission),
        RecoverPages(desk, provider.recovery, provider.policy, admission),
        PasswordStrength(desk, provider.policy, admission),
        ConsentPage(desk),
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
    enrolment = Enrolment(factors, second_factors)
    return [
        ChallengePage(desk, accounts, factors, admission, provider.metrics),
        EnrolPage(desk, accounts, enrolment, admission),
        PasskeyChallenge(desk, factors, admission),
        # Before the other security pages, whose last part is a kind of factor.
        RecoveryCodesPage(desk, accounts, factors.recovery_codes, second_factors),
        SecurityPages(desk, accounts, second_factors, factors.recovery_codes, enrolment, admission),
    ]


def _api(provider: Provider) -> Mount:
    def build() -> ASGIApp:
        from idp.api.app import build_api

        return build_api(
            settings=provider.settings,
            clock=provider.clock,
            database=provider.database,
            core=provider.core,
            clients=provider.clients,
            accounts=provider.accounts,
            registration=provider.registration,
            recovery=provider.recovery,
            self_service=provider.self_service,
            sign_out=provider.sign_out,
            throttle=provider.throttle,
            limiter=provider.limiter,
            metrics=provider.metrics,
            script=provider.desk.renderer.static("api_docs.js"),
        )

    return Mount(API_PATH, app=LazyApp(build))


def _discovery(provider: Provider) -> DiscoveryEndpoints:
    metadata = server_metadata(
        provider.settings,
        GRANTS,
        provider.client_auth.names,
        list(ACR_VALUES),
        provider.catalogues.languages,
    )
    return DiscoveryEndpoints(provider.settings, metadata, provider.keyring)


def _health(provider: Provider) -> Health:
    async def database() -> None:
        await provider.database.ping()

    async def ephemeral() -> str | None:
        await provider.store.get("ready")
        return "Redis is away; the database stands in for it." if provider.store.degraded else None

    async def keys() -> None:
        provider.keyring.signing_key()

    return Health({"database": database, "ephemeral": ephemeral, "keys": keys})


def _middleware(provider: Provider) -> list[Middleware]:
    """Return the middleware, outermost first."""
    settings = provider.settings
    base = settings.base_path
    discovery = _discovery(provider)
    well_known = {route.path for route in discovery.root_routes}
    return [
        Middleware(SecurityHeaders, secure=settings.secure),
        Middleware(ClientAddress, trusted_proxies=settings.trusted_proxies),
        Middleware(RequestLanguage),
        Middleware(
            RequestLog,
            error_renderer=_ErrorRenderer(provider).render,
            observer=provider.metrics,
            enabled=settings.log.requests,
        ),
        Middleware(Documents, documents=discovery.documents),
        Middleware(
            Cors,
            open_paths={
                *well_known,
                base + "/.well-known/openid-configuration",
                base + "/.well-known/oauth-authorization-server",
                base + PATHS["jwks_uri"],
            },
            registered_paths={
                base + PATHS[name] for name in ("token_endpoint", "userinfo_endpoint", "revocation_endpoint")
            },
            registered_prefixes=(f"{base}{API_PATH}/",),
            is_registered_origin=provider.clients.is_registered_origin,
        ),
        Middleware(
            BodyLimit, max_body_bytes=settings.max_body_bytes, error_renderer=_ErrorRenderer(provider).render
        ),
    ]


PROTOCOL_PATHS = (*PATHS.values(), "/.well-known/", "/health", "/readyz", "/metrics")
"""Where programs ask and errors are JSON; everywhere else people look. Not `/authorize`, `/end_session`."""


class _ErrorRenderer:
    """Answers for the last net in the form that whoever asked can read."""

    def __init__(self, provider: Provider) -> None:
        self._errors = provider.desk.errors
        base = provider.settings.base_path
        self._api = f"{base}{API_PATH}/"
        self._problems = Problems(provider.settings.url(API_PATH))
        for_people = {PATHS["authorization_endpoint"], PATHS["end_session_endpoint"]}
        self._protocol = tuple(
            prefix + path for prefix in {"", base} for path in PROTOCOL_PATHS if path not in for_people
        )

    def render(self, status: int, sentence: str, error_id: str, scope: Scope, error: Exception) -> Response:
        """Return a page, or JSON in the protocol's or the API's form."""
        if scope["path"].startswith(self._api):
            return self._problems.for_status(scope, status, sentence)
        if scope["path"].startswith(self._protocol):
            return render_json(status, sentence, error_id, scope, error)
        return self._errors.unexpected(scope, status, sentence, error_id)


class _NotServed:
    """Answers for paths and methods that nothing serves."""

    def __init__(self, provider: Provider) -> None:
        self._errors = provider.desk.errors

    async def answer(self, request: Request, error: Exception) -> Response:
        """Return a page to people and JSON to programs."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        sentence = (
            Text("There is no page at this address.")
            if status == 404
            else Text("This address cannot be used so.")
        )
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        if "text/html" not in request.headers.get("accept", ""):
            body = {
                "error": "not_found" if status == 404 else "invalid_request",
                "error_description": sentence,
            }
            return JSONResponse(body, status, headers=headers)
        response = self._errors.unexpected(request.scope, status, sentence, error_id_of(request.scope))
        response.headers.update(headers)
        return response


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """Load the keys, keep the background work going, and close everything in the end."""
    provider: Provider = app.state.provider
    stop = asyncio.Event()
    async with AsyncExitStack() as closing:
        closing.push_async_callback(provider.database.close)
        closing.push_async_callback(provider.core.hot_path.close)
        closing.push_async_callback(provider.store.close)
        closing.push_async_callback(provider.http.aclose)
        closing.push_async_callback(provider.federation.providers.aclose)
        closing.push_async_callback(provider.limiter.stop)
        closing.callback(provider.metrics.close)
        try:
            await provider.keyring.ensure()
            await ensure_first_party_client(provider.database, provider.clock)
        except Unavailable as error:  # begin all the same: it loads them when the database is back
            log.warning("the keys could not be loaded", reason=error.sentence, detail=error.detail)
        await provider.limiter.start()
        _watch(provider)
        tasks = [
            asyncio.create_task(provider.keyring.run(stop)),
            asyncio.create_task(provider.sweeper.run(SWEEP_EVERY, stop)),
            asyncio.create_task(provider.mail_delivery.run(stop)),
            asyncio.create_task(_refresh_metrics(provider, stop)),
        ]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks, return_exceptions=True)


def _watch(provider: Provider) -> None:
    metrics = provider.metrics
    metrics.watch(metrics.ephemeral_degraded, lambda: float(provider.store.degraded))
    metrics.watch(metrics.password_queue, lambda: float(provider.hasher.pending))
    metrics.watch(metrics.signing_key_age, provider.keyring.age)


async def _refresh_metrics(provider: Provider, stop: asyncio.Event) -> None:
    """Keep this worker's gauges fresh: with several workers, another one may be asked for them."""
    while not stop.is_set():
        provider.metrics.refresh()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), REFRESH_METRICS_EVERY)


def _limiter_redis(settings: Settings) -> object | None:
    if settings.redis_url is None:
        return None
    from redis.asyncio import Redis

    return Redis.from_url(settings.redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
