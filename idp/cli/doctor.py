"""`idp doctor`: what is wrong with an installation, and what to do about it."""

import asyncio
import stat
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from idp.cli.context import AsJson, print_json, require_migrated, run, say
from idp.errors import ConfigurationError, IdpError

if TYPE_CHECKING:
    from idp.config import Settings
    from idp.storage.database import Database

PATIENCE = 5.0
"""Seconds that a server may take to answer."""
CLOCK_LEEWAY = 5.0
"""Seconds that this machine's clock and the issuer's may differ."""

OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""Rights that nobody but the owner may have; a group may read what is mounted for it."""

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What was found about one part."""

    part: str
    state: State
    text: str


def doctor(as_json: AsJson = False) -> None:
    """Check the settings and every server that they name. The exit code is 1 when something fails."""
    findings = run(_examine())
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            say(f"{finding.state:<5} {finding.part}: {finding.text}")
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


async def _examine() -> list[Finding]:
    from idp.cli.context import settings as read_settings

    try:
        settings = read_settings()
    except ConfigurationError as error:
        return [Finding("settings", "fail", error.sentence)]
    findings = [_settings(settings)]
    findings += [finding async for finding in _storage(settings)]
    findings.append(_files(settings))
    findings += [await check for check in (_redis(settings), _issuer(settings), _mail(settings))]
    return findings


def _settings(settings: "Settings") -> Finding:
    if settings.dev:
        return Finding("settings", "warn", "IDP_DEV is on: errors are explained to everybody; unset it.")
    if not settings.secure:
        return Finding(
            "settings", "warn", f"The issuer {settings.issuer} is http: for trying out on this machine only."
        )
    return Finding("settings", "ok", f"The issuer is {settings.issuer}.")


async def _storage(settings: "Settings") -> AsyncIterator[Finding]:
    from idp.storage.database import Database

    try:
        database = Database(settings.database_url, settings.database)
    except ConfigurationError as error:
        yield Finding("database", "fail", error.sentence)
        return
    try:
        try:
            async with asyncio.timeout(PATIENCE):
                await require_migrated(database)
        except IdpError as error:
            reason = f" ({error.detail})" if error.detail else ""
            yield Finding("database", "fail", error.sentence + reason)
            yield _master_key_alone(settings)
            return
        except TimeoutError:
            yield Finding("database", "fail", "The database does not answer; is IDP_DATABASE_URL right?")
            yield _master_key_alone(settings)
            return
        if database.is_sqlite:
            yield Finding("database", "ok", "SQLite, migrated: fine for one machine with a moderate load.")
        else:
            yield Finding("database", "ok", "PostgreSQL, migrated.")
        yield await _keys(settings, database)
        yield await _usernames(database)
    finally:
        await database.close()


async def _usernames(database: "Database") -> Finding:
    async with database.reading() as uow:
        refused = await uow.usernames.count_refused()
    if not refused:
        return Finding("usernames", "ok", "Every username belongs to one account.")
    return Finding(
        "usernames",
        "warn",
        f"Accounts that lost a username, because an older account has it or it cannot be one: {refused}. "
        "idp user list --json shows it as refused_username; give each another with: idp user username ACCOUNT NAME",
    )


def _master_key_alone(settings: "Settings") -> Finding:
    from idp.keys.master import load_master_key

    try:
        load_master_key(settings)
    except ConfigurationError as error:
        return Finding("keys", "fail", error.sentence)
    return Finding("keys", "ok", "There is a master key.")


async def _keys(settings: "Settings", database: "Database") -> Finding:
    from idp.clock import SystemClock
    from idp.keys.keyring import Keyring
    from idp.keys.master import load_master_key

    try:
        keyring = Keyring(database, load_master_key(settings), settings, SystemClock())
        await keyring.reload()
    except IdpError as error:
        return Finding("keys", "fail", error.sentence)
    if not keyring.keys:
        return Finding("keys", "warn", "There are no signing keys yet; the first start makes them.")
    return Finding("keys", "ok", f"The master key opens {len(keyring.keys)} signing keys.")


def _files(settings: "Settings") -> Finding:
    from sqlalchemy.engine import make_url

    from idp.keys.master import FILE_NAME

    directory = settings.keys.directory
    files = [directory / FILE_NAME, *directory.glob("*.pem")]
    if settings.database_url.startswith("sqlite"):
        name = make_url(settings.database_url).database or ""
        files += [Path(name + suffix) for suffix in ("", "-wal", "-shm")]
    open_ = [str(file) for file in files if file.is_file() and file.stat().st_mode & OTHERS]
    if open_:
        return Finding(
            "files",
            "warn",
            f"Other users of this machine can read or change what holds secrets; run: chmod 600 {' '.join(open_)}",
        )
    return Finding("files", "ok", "The files with secrets are their owner's alone.")


async def _redis(settings: "Settings") -> Finding:
    if settings.redis_url is None:
        return Finding("redis", "ok", "Not configured; ephemeral state is kept in the database.")
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    try:
        async with asyncio.timeout(PATIENCE), Redis.from_url(settings.redis_url) as redis:
            await redis.ping()
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        return Finding(
            "redis",
            "warn",
            f"Redis does not answer ({type(error).__name__}); until it does, the database stands in. "
            "Check IDP_REDIS_URL.",
        )
    return Finding("redis", "ok", "Redis answers.")


async def _issuer(settings: "Settings") -> Finding:
    import httpx

    url = settings.url("/.well-known/openid-configuration")
    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            response = await client.get(url)
            there = time.time() - response.elapsed.total_seconds() / 2
            found = response.json().get("issuer") if response.is_success else None
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        return Finding(
            "issuer",
            "warn",
            f"{url} cannot be read from here ({type(error).__name__}); fine if the server is not running.",
        )
    if found != settings.issuer:
        return Finding(
            "issuer",
            "fail",
            f"{url} is answered by something else (status {response.status_code}); check IDP_ISSUER, the "
            "proxy's routes and its path.",
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


async def _mail(settings: "Settings") -> Finding:
    if settings.smtp_url is None:
        return Finding("mail", "warn", "IDP_SMTP_URL is not set, so mail waits in the database.")
    from urllib.parse import urlsplit

    parts = urlsplit(settings.smtp_url)
    usual = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}.get(parts.scheme)
    try:
        host, port = parts.hostname, parts.port or usual
    except ValueError:
        host = port = None
    if usual is None or host is None:
        return Finding("mail", "fail", "IDP_SMTP_URL must be smtp://, smtp+starttls:// or smtps://HOST:PORT.")
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except (OSError, TimeoutError) as error:
        return Finding(
            "mail", "fail", f"The mail server {host}:{port} cannot be reached ({type(error).__name__})."
        )
    return Finding("mail", "ok", f"The mail server {host}:{port} can be reached.")
