"""The parts, made and wired: every constructor of the provider is called here and nowhere else."""

from dataclasses import dataclass

from idp.administration.people import PeopleAdministration
from idp.app.administration import (
    Administration,
    client_administration,
    key_administration,
    provider_administration,
)
from idp.clock import Clock, SystemClock
from idp.config import Policies, Settings, SettingsPolicies
from idp.endpoints.token import ClientAdmission
from idp.federation.registry import Providers
from idp.flow.continuations import Continuations
from idp.flow.federated.arrivals import Arrivals
from idp.flow.federated.departures import Departures
from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.sign_in import SignIn
from idp.flow.sign_out import SignOut
from idp.flow.situation import Situations
from idp.flow.steps import STEPS
from idp.flow.subjects import People
from idp.flow.transaction import Transactions
from idp.flow.visits import Visits
from idp.i18n import Catalogues, load_catalogues
from idp.identity.accounts import Accounts
from idp.identity.app_sign_ins import AppSignIns
from idp.identity.connected_apps import ConnectedApps
from idp.identity.connections import Connections
from idp.identity.data_export import DataExport
from idp.identity.deletion import Deletion
from idp.identity.email_change import EmailChanges
from idp.identity.enrolled_factors import EnrolledFactors
from idp.identity.factor_reset import FactorResets
from idp.identity.factors.factor import FactorParts
from idp.identity.factors.registry import FactorRegistry
from idp.identity.login import PasswordLogin
from idp.identity.mail import Mailer
from idp.identity.mail_delivery import MailDelivery
from idp.identity.mail_reach import MailReach
from idp.identity.mail_throttle import MailThrottle
from idp.identity.password_change import PasswordChange
from idp.identity.password_policy import LIMITS as RANGE_API_LIMITS
from idp.identity.password_policy import PasswordPolicy
from idp.identity.passwords import PasswordHasher
from idp.identity.profiles import Profiles
from idp.identity.recovery import Recovery
from idp.identity.registration import Registration
from idp.identity.second_factor import SecondFactors
from idp.identity.self_service import SelfService
from idp.identity.sessions import Sessions
from idp.identity.throttle import CodeThrottle, SignInThrottle, factor_throttle
from idp.identity.tickets import Tickets
from idp.identity.way_back import WayBack
from idp.identity.ways_in import WaysIn
from idp.keys.keyring import Keyring
from idp.keys.master import load_master_key
from idp.oauth.client_auth.key_sets import LIMITS as KEY_SET_LIMITS
from idp.oauth.client_auth.private_key_jwt import AssertionAudience
from idp.oauth.client_auth.registry import ClientAuthentication, client_auth_methods
from idp.oauth.clients import ClientRegistry
from idp.oauth.codes import AuthorizationCodes
from idp.oauth.context import Core
from idp.oauth.introspection import Introspection
from idp.oauth.paths import TOKEN
from idp.oauth.pipeline import TokenPipeline
from idp.oauth.resource import ResourceGuard
from idp.oauth.revocation import Revocation
from idp.oauth.scopes import ScopePolicy
from idp.oauth.server import ProtocolServer
from idp.oauth.tokens import TokenMint
from idp.ops.metrics import Metrics
from idp.ops.rate_limit import RateLimiter
from idp.outgoing import Outgoing
from idp.pages.account.gate import AccountGate
from idp.pages.admission import FormAdmission
from idp.pages.brand import text_on
from idp.pages.parts import PageParts
from idp.pages.render import Renderer
from idp.resources import TEMPLATES, TRANSLATIONS
from idp.storage.database import Database
from idp.storage.ephemeral.build import RunningStore, build_ephemeral_store
from idp.storage.hot_path import HotPath
from idp.storage.single_use import SingleUse
from idp.storage.sweeper import Sweeper
from idp.trust import Trust
from idp.web.cookies import Cookies
from idp.web.edge import BrowserEdge
from idp.web.forms import FormProtection
from idp.web.links import Links


@dataclass(frozen=True, slots=True)
class Provider:
    """The parts, made and wired. Commands and tests take what they need from here."""

    settings: Settings
    policies: Policies
    clock: Clock
    database: Database
    store: RunningStore
    keyring: Keyring
    clients: ClientRegistry
    accounts: Accounts
    hasher: PasswordHasher
    sessions: Sessions
    sign_out: SignOut
    app_sign_ins: AppSignIns
    throttle: SignInThrottle
    login: PasswordLogin
    policy: PasswordPolicy
    registration: Registration
    recovery: Recovery
    self_service: SelfService
    email_changes: EmailChanges
    factors: FactorRegistry
    second_factors: SecondFactors
    enrolled_factors: EnrolledFactors
    factor_resets: FactorResets
    federation: FederatedSignIn
    mail_delivery: MailDelivery
    limiter: RateLimiter
    sweeper: Sweeper
    metrics: Metrics
    outgoing: tuple[Outgoing, ...]
    """Ways out, to be closed; federation closes its own."""
    client_auth: ClientAuthentication
    core: Core
    pipeline: TokenPipeline
    revocation: Revocation
    guard: ResourceGuard
    codes: AuthorizationCodes
    transactions: Transactions
    visits: Visits
    situations: Situations
    sign_in: SignIn
    page_parts: PageParts
    gate: AccountGate
    catalogues: Catalogues
    administration: Administration

    @property
    def edge(self) -> BrowserEdge:
        """The edge to browsers."""
        return self.page_parts.edge

    @property
    def renderer(self) -> Renderer:
        """Renders templates."""
        return self.page_parts.renderer


def build_provider(settings: Settings, clock: Clock | None = None) -> Provider:
    """Make every part. Opens no connection; raises `ConfigurationError` for what cannot work."""
    clock = clock or SystemClock()
    master_key = load_master_key(settings)
    trust = Trust(settings.outgoing.ca)
    database = Database(settings.database_url, settings.database, trust)
    store = build_ephemeral_store(database, settings.redis_url, clock, trust)
    single_use = SingleUse(database, clock)
    keyring = Keyring(database, master_key, settings, clock)
    clients = ClientRegistry(database, clock)
    metrics = Metrics()
    limiter = RateLimiter(redis=_limiter_redis(settings, trust), clock=clock)

    policies = SettingsPolicies(settings)
    hasher = PasswordHasher(settings.passwords)
    sessions = Sessions(database, policies, clock)
    sign_in_throttle = SignInThrottle(store, settings.throttle, clock)
    range_api = Outgoing(allow_private=True, setting="IDP_PASSWORDS__BREACH_API", limits=RANGE_API_LIMITS)
    policy = PasswordPolicy(policies, range_api)
    tickets = Tickets(master_key.derive("mail-codes"), settings.accounts, clock)
    mail_throttle = MailThrottle(
        store,
        settings.accounts,
        CodeThrottle(sign_in_throttle, store, settings.accounts.code_guesses_per_day),
        MailReach(store),
    )
    catalogues = load_catalogues(TRANSLATIONS, settings.locale)
    mailer = Mailer(settings, TEMPLATES, clock, catalogues, on_brand=text_on(settings.brand.color))
    way_back = WayBack(database, tickets, mailer, mail_throttle, clock)
    login = PasswordLogin(
        database,
        hasher,
        sign_in_throttle,
        way_back,
        clock,
        by_username=settings.accounts.username_sign_in,
    )
    registration = Registration(
        database, hasher, policy, tickets, mail_throttle, mailer, way_back, policies, clock
    )
    self_service = SelfService(
        Profiles(database, settings.accounts, clock),
        PasswordChange(database, hasher, policy, sign_in_throttle, mailer, clock),
        ConnectedApps(database, clock),
        DataExport(database, ConnectedApps(database, clock), clock),
        Deletion(database, tickets, mailer, settings.accounts, clock),
    )

    codes = AuthorizationCodes(store, clock)
    assertion_audience = AssertionAudience(
        settings.issuer, settings.url(TOKEN), strict=settings.clients.assertion_audience == "issuer"
    )
    to_clients = Outgoing(
        allow_private=settings.clients_may_be_private,
        setting="IDP_CLIENTS__ALLOW_PRIVATE_ADDRESSES",
        limits=KEY_SET_LIMITS,
        trust=trust,
    )
    client_auth = ClientAuthentication(
        clients,
        client_auth_methods(assertion_audience, single_use, clock, to_clients, settings.clients.clock_skew),
    )
    factors = FactorRegistry(
        FactorParts(database, store, single_use, master_key, tickets, mail_throttle, mailer, settings, clock)
    )
    factor_resets = FactorResets(database, mailer, settings.second_factor.reset_delay, clock)
    providers = Providers(settings.federation, database, master_key, clock, trust)

    async def ways_in() -> WaysIn:
        return WaysIn(await providers.offered(), factors=settings.second_factor.policy != "off")

    second_factors = SecondFactors(factors, factor_throttle(store, settings.throttle, clock), factor_resets)
    connections = Connections(database, mailer, master_key, ways_in, clock)
    hot_path = HotPath(database)
    mint = TokenMint(settings.issuer, keyring, settings.tokens, clock)
    server = ProtocolServer(client_auth)
    revocation = Revocation(database, mint, hot_path, clock, client_auth_methods=client_auth.names)
    server.register_endpoint(revocation)
    server.register_endpoint(
        Introspection(
            mint,
            hot_path,
            clock,
            ClientAdmission(limiter, "introspect", settings.rate_limits.introspection_per_client),
            client_auth_methods=client_auth.confidential_names,
        )
    )
    situations = Situations(database, second_factors, policies, clock)
    core = Core(
        server=server,
        hot_path=hot_path,
        mint=mint,
        codes=codes,
        subjects=People(
            database,
            login,
            second_factors,
            Continuations(store),
            situations,
            STEPS,
            settings.accounts.username_fallback,
        ),
        clock=clock,
        admit=ClientAdmission(limiter, "token", settings.rate_limits.token_per_client),
        scope_policy=ScopePolicy(refuse=settings.clients.unknown_scopes == "refuse"),
    )
    renderer = Renderer(
        templates_dir=TEMPLATES,
        brand=settings.brand,
        base_path=settings.base_path,
        dev=settings.dev,
        catalogues=catalogues,
    )
    transactions = Transactions(store, single_use, master_key, clock, settings.sessions.transaction_ttl)
    visits = Visits(transactions, sessions, clients, situations, STEPS, clock)
    sign_in = SignIn(sessions, transactions, second_factors, clock)
    page_parts = PageParts(
        BrowserEdge(Cookies(settings), FormProtection(master_key.derive("forms")), Links(settings.base_path)),
        visits,
        renderer,
        FormAdmission(limiter, settings.rate_limits.pages_per_address),
    )
    gate = AccountGate(page_parts.edge, visits)
    accounts = Accounts(database, hasher, clock)
    return Provider(
        settings=settings,
        policies=policies,
        clock=clock,
        database=database,
        store=store,
        keyring=keyring,
        clients=clients,
        accounts=accounts,
        hasher=hasher,
        sessions=sessions,
        sign_out=SignOut(database, sessions, clients, clock),
        app_sign_ins=AppSignIns(database, clock),
        throttle=sign_in_throttle,
        login=login,
        policy=policy,
        registration=registration,
        recovery=Recovery(database, hasher, policy, tickets, mail_throttle, mailer, way_back, clock),
        self_service=self_service,
        email_changes=EmailChanges(database, tickets, mail_throttle, mailer, settings.accounts, clock),
        factors=factors,
        second_factors=second_factors,
        enrolled_factors=EnrolledFactors(factors, factor_resets, ways_in),
        factor_resets=factor_resets,
        federation=FederatedSignIn(
            providers,
            connections,
            Departures(providers, store, master_key, settings.url),
            Arrivals(connections, database, store, mailer, mail_throttle, master_key),
            database,
            policies,
            way_back,
            clock,
        ),
        mail_delivery=MailDelivery(database, settings, MailReach(store), clock),
        limiter=limiter,
        sweeper=Sweeper(
            database,
            clock,
            unverified_ttl=(
                settings.registration.unverified_ttl
                if settings.registration.verify_email == "before_sign_in"
                else 0
            ),
        ),
        metrics=metrics,
        outgoing=(to_clients, range_api),
        client_auth=client_auth,
        core=core,
        pipeline=TokenPipeline(database, core),
        revocation=revocation,
        guard=ResourceGuard(mint, clients, hot_path),
        codes=codes,
        transactions=transactions,
        visits=visits,
        situations=situations,
        sign_in=sign_in,
        page_parts=page_parts,
        gate=gate,
        catalogues=catalogues,
        administration=Administration(
            clients=client_administration(settings, database, clock),
            people=PeopleAdministration(database, accounts, registration, factor_resets, clock),
            providers=provider_administration(settings, database, clock),
            keys=key_administration(settings, database, clock, keyring),
        ),
    )


def _limiter_redis(settings: Settings, trust: Trust) -> object | None:
    if settings.redis_url is None:
        return None
    from redis.asyncio import Redis

    from idp.storage.ephemeral.redis import connection_options

    options = connection_options(settings.redis_url, trust)
    return Redis.from_url(settings.redis_url, **options, socket_timeout=1.0, socket_connect_timeout=1.0)
