"""The checks of `idp doctor` on the servers that an installation needs."""

import asyncio
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from idp.cli.findings import PATIENCE, Finding
from idp.errors import ConfigurationError, IdpError

if TYPE_CHECKING:
    from idp.administration.providers import KnownProvider
    from idp.config import Settings
    from idp.storage.database import Database

CLOCK_LEEWAY: Final = 5.0
"""Seconds that this machine's clock and the issuer's may differ."""


async def check_redis(settings: "Settings") -> Finding:
    """Connect to Redis, and check that it evicts nothing."""
    if settings.redis_url is None:
        return Finding("redis", "ok", "Not configured; the database keeps short-lived state.")
    from redis.asyncio import Redis
    from redis.exceptions import AuthenticationError, RedisError

    from idp.storage.ephemeral.redis import connection_options, refuse_eviction
    from idp.trust import Trust, causes, tls_fault

    try:
        options = connection_options(settings.redis_url, Trust(settings.outgoing.ca))
    except ConfigurationError as error:
        return Finding("redis", "fail", error.sentence)
    try:
        async with asyncio.timeout(PATIENCE), Redis.from_url(settings.redis_url, **options) as redis:
            await redis.ping()
            await refuse_eviction(redis)
    except ConfigurationError as error:
        return Finding("redis", "fail", error.sentence)
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        reason = f"Redis does not answer ({type(error).__name__}); check IDP_REDIS_URL."
        if any(isinstance(cause, AuthenticationError) for cause in causes(error)):
            reason = "Redis refuses the user or password of IDP_REDIS_URL."
        reason = tls_fault(error, urlsplit(settings.redis_url).netloc.rpartition("@")[2]) or reason
        return Finding("redis", "warn", f"{reason} Until it answers, the database keeps short-lived state.")
    return Finding("redis", "ok", "Redis answers, and evicts nothing.")


async def check_issuer(settings: "Settings") -> Finding:
    """Read the issuer's metadata as an app does."""
    import httpx

    from idp.trust import Trust, tls_fault

    url = settings.url("/.well-known/openid-configuration")
    trust = Trust(settings.outgoing.ca)
    try:
        async with httpx.AsyncClient(timeout=PATIENCE, verify=trust.context) as client:
            response = await client.get(url)
            there = time.time() - response.elapsed.total_seconds() / 2
            found = response.json().get("issuer") if response.is_success else None
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        fault = tls_fault(error, urlsplit(url).netloc)
        return Finding(
            "issuer",
            "warn",
            fault
            or f"{url} cannot be read from here ({type(error).__name__}); expected if the server is not running.",
        )
    if found != settings.issuer:
        return Finding(
            "issuer",
            "fail",
            f"{url} does not answer as this issuer (status {response.status_code}); check IDP_ISSUER, and the "
            "proxy's routes and path.",
        )
    difference = _clock_difference(response.headers.get("Date"), there)
    if difference is not None and abs(difference) > CLOCK_LEEWAY:
        return Finding(
            "issuer",
            "warn",
            f"The clocks of the issuer and of this machine differ by {difference:.0f} s; run NTP on both.",
        )
    return Finding("issuer", "ok", f"{settings.issuer} answers, and the clocks agree.")


def _clock_difference(date: str | None, here: float) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return None if date is None else parsedate_to_datetime(date).timestamp() - here
    except ValueError:
        return None


async def check_mail(settings: "Settings") -> Finding:
    """Sign in to the mail server, as for a mail."""
    if settings.smtp_url is None:
        return Finding("mail", "warn", "IDP_SMTP_URL is not set, so mail waits in the database.")
    import aiosmtplib

    from idp.identity.mail_delivery import smtp_server
    from idp.trust import tls_fault

    try:
        server = smtp_server(settings)
    except ConfigurationError as error:
        return Finding("mail", "fail", error.sentence)
    try:
        async with asyncio.timeout(PATIENCE), await server.connect():
            pass
    except aiosmtplib.SMTPAuthenticationError:
        return Finding("mail", "fail", f"{server.place} refuses the user or password of IDP_SMTP_URL.")
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        fault = tls_fault(error, server.place)
        reason = (
            f"The mail server {server.place} cannot be used ({type(error).__name__}: {str(error)[:200]})."
        )
        return Finding("mail", "fail", fault or reason)
    return Finding("mail", "ok", f"The mail server {server.place} answers.")


async def check_providers(settings: "Settings", database: "Database") -> list[Finding]:
    """Ask each other provider that users may sign in with for its metadata and keys."""
    from idp.app.administration import provider_administration

    providers = provider_administration(settings, database)

    async def check(name: str, provider: "KnownProvider") -> Finding:
        try:
            report = await providers.check(provider)
        except IdpError as error:
            return Finding(f"provider {name}", "fail", error.sentence)
        if report.faults:
            return Finding(f"provider {name}", "warn", " ".join(report.faults))
        return Finding(f"provider {name}", "ok", "It answers as it should.")

    known = await providers.all()
    return list(await asyncio.gather(*(check(name, provider) for name, provider in known.items())))
