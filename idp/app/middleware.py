"""What every request passes through, outermost first."""

from starlette.middleware import Middleware

from idp.api import PATH as API_PATH
from idp.api.short_paths import ShortPaths
from idp.app.answers import ErrorRenderer
from idp.app.provider import Provider
from idp.endpoints.discovery import DiscoveryEndpoints
from idp.oauth import paths
from idp.ops.address import ClientAddress
from idp.ops.cors import Cors
from idp.ops.documents import Documents
from idp.ops.headers import SecurityHeaders
from idp.ops.language import RequestLanguage
from idp.ops.limits import BodyLimit
from idp.ops.loopback import LoopbackOnly
from idp.ops.request_rate import RequestRate
from idp.ops.requests import RequestLog
from idp.ops.spellings import ProtocolSpellings


def middleware_of(provider: Provider, discovery: DiscoveryEndpoints) -> list[Middleware]:
    """Return the middleware, outermost first."""
    settings = provider.settings
    base = settings.base_path
    return [
        Middleware(
            ProtocolSpellings,
            paths={base + path for path in paths.ANNOUNCED.values()}
            | {document.path for document in discovery.documents},
        ),
        *([Middleware(ShortPaths, base=base, api=base + API_PATH)] if settings.api.short_paths else ()),
        Middleware(SecurityHeaders, secure=settings.secure),
        *([Middleware(LoopbackOnly)] if settings.dev else ()),
        Middleware(ClientAddress, trusted_proxies=settings.trusted_proxies),
        Middleware(RequestLanguage),
        Middleware(
            RequestLog,
            error_renderer=ErrorRenderer(provider).render,
            observer=provider.metrics,
            enabled=settings.log.requests,
        ),
        Middleware(Documents, documents=discovery.documents),
        Middleware(
            RequestRate,
            limiter=provider.limiter,
            per_minute=settings.rate_limits.gets_per_address,
            unlimited={
                base + "/static/",
                f"{base}{API_PATH}/",
                base + paths.USERINFO,
                *(prefix + path for prefix in ("", base) for path in ("/health", "/readyz", "/metrics")),
            },
        ),
        Middleware(
            Cors,
            open_paths={document.path for document in discovery.documents},
            registered_paths={base + path for path in (paths.TOKEN, paths.USERINFO, paths.REVOCATION)},
            api_prefix=f"{base}{API_PATH}/",
            is_registered_origin=provider.clients.is_registered_origin,
            is_api_origin=provider.clients.is_api_origin,
        ),
        Middleware(
            BodyLimit, max_body_bytes=settings.max_body_bytes, error_renderer=ErrorRenderer(provider).render
        ),
    ]
