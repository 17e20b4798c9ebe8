"""`idp doctor`: the faults of an installation, and how to mend them."""

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from idp.cli.context import AsJson, print_json, require_migrated, run, say
from idp.cli.findings import PATIENCE, Finding
from idp.cli.reachable import check_issuer, check_mail, check_providers, check_redis
from idp.errors import ConfigurationError, IdpError

if TYPE_CHECKING:
    from idp.config import Settings
    from idp.storage.database import Database

OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""Rights that only the owner may have. The group may read, because secrets are mounted so in containers."""


def doctor(as_json: AsJson = False) -> None:
    """Check the settings and every server that they name. The exit code is 1 if a check fails."""
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
    findings += [
        await check for check in (check_redis(settings), check_issuer(settings), check_mail(settings))
    ]
    return findings


def _settings(settings: "Settings") -> Finding:
    if settings.dev:
        return Finding("settings", "warn", "IDP_DEV is on: pages explain errors to everybody. Unset it.")
    if not settings.secure:
        return Finding(
            "settings",
            "warn",
            f"The issuer {settings.issuer} uses http, which is only for trying out on this machine.",
        )
    return Finding("settings", "ok", f"The issuer is {settings.issuer}.")


async def _storage(settings: "Settings") -> AsyncIterator[Finding]:
    from idp.storage.database import Database
    from idp.trust import Trust

    try:
        database = Database(settings.database_url, settings.database, Trust(settings.outgoing.ca))
    except ConfigurationError as error:
        yield Finding("database", "fail", error.sentence)
        return
    try:
        try:
            async with asyncio.timeout(PATIENCE):
                await require_migrated(database)
        except IdpError as error:
            yield Finding("database", "fail", error.for_operator)
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
        keys = await _keys(settings, database)
        yield keys
        yield await _usernames(database)
        if keys.state != "fail":
            for finding in await check_providers(settings, database):
                yield finding
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
        f"Accounts whose username was removed, because an older account has it or it is not allowed: {refused}. "
        "idp user list --json shows it as refused_username. Give each a new one: idp user username ACCOUNT NAME",
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
        return Finding("keys", "fail", error.for_operator)
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
            f"Other users of this machine can read or change files with secrets; run: chmod 600 {' '.join(open_)}",
        )
    return Finding("files", "ok", "Only their owner can read the files with secrets.")
