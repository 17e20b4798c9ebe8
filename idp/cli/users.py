"""`idp user`: people's accounts."""

import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.context import (
    AsJson,
    Yes,
    confirm,
    has_terminal,
    open_database,
    print_fields,
    print_json,
    print_table,
    run,
)
from idp.cli.context import settings as read_settings
from idp.errors import InvalidValue, NotFound

if TYPE_CHECKING:
    from idp.identity.accounts import Accounts
    from idp.storage.models import User

ADMIN = "admin"
PAGE = 500
_ROLE = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,63}")

app = typer.Typer(help="People's accounts.", rich_markup_mode=None)

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The e-mail address or the id.")]
Password = Annotated[
    str | None, typer.Option("--password", help="The password; none asks for it on the terminal.")
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command()
def create(
    email: Annotated[str, typer.Option("--email", help="The e-mail address.")],
    password: Password = None,
    password_stdin: PasswordStdin = False,
    name: Annotated[str | None, typer.Option("--name", help="The person's name.")] = None,
    verified: Annotated[bool, typer.Option("--verified", help="The address is known to be theirs.")] = False,
    admin: Annotated[bool, typer.Option("--admin", help="Give the role admin.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make an account."""
    chosen = _password(password, from_stdin=password_stdin)
    roles = (ADMIN,) if admin else ()

    async def make() -> "User":
        async with _open() as accounts:
            return await accounts.create(email, chosen, name, verified, roles, source="cli")

    _show(run(make()), as_json=as_json)


@app.command()
def invite(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom to invite.")], as_json: AsJson = False
) -> None:
    """Invite somebody to make an account, by mail, where registration is by invitation."""
    from idp.app import build_provider

    settings = read_settings()
    if settings.registration.mode != "invitation":
        raise InvalidValue("Invitations count only with IDP_REGISTRATION__MODE=invitation.", field="mode")

    async def make() -> str:
        provider = build_provider(settings)
        try:
            return await provider.registration.invite(email)
        finally:
            await provider.database.close()

    invited = {"email": email.strip(), "url": settings.url(f"/register?invitation={run(make())}")}
    (print_json if as_json else print_fields)(invited)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the accounts."""

    async def read() -> list["User"]:
        found: list[User] = []
        async with open_database(read_settings()) as database, database.reading() as uow:
            while page := await uow.users.page(found[-1].id if found else None, PAGE):
                found.extend(page)
        return found

    rows = [_description(user) for user in run(read())]
    if as_json:
        print_json({"users": rows})
    else:
        print_table(rows, ("id", "email", "email_verified", "roles", "disabled"))


@app.command()
def show(account: Account, as_json: AsJson = False) -> None:
    """Show an account."""

    async def read() -> "User":
        async with _open() as accounts:
            return await _existing(accounts, account)

    _show(run(read()), as_json=as_json)


@app.command("set-password")
def set_password(
    account: Account,
    password: Password = None,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Change an account's password and end its sessions."""
    chosen = _password(password, from_stdin=password_stdin)

    async def change(accounts: "Accounts", user: "User") -> None:
        await accounts.set_password(user.id, chosen, source="cli")

    _change(account, change, as_json=as_json)


@app.command()
def roles(
    account: Account,
    add: Annotated[list[str] | None, typer.Option("--add", help="A role to give.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="A role to take away.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change an account's roles."""
    for role in add or ():
        if _ROLE.fullmatch(role) is None:
            raise InvalidValue(
                f"{role[:80]!a} is not a role: lower-case letters, digits and _ . : - (at most 64).",
                field="role",
            )

    async def change(accounts: "Accounts", user: "User") -> None:
        await accounts.change_roles(user.id, add or (), remove or ())

    _change(account, change, as_json=as_json)


@app.command()
def disable(account: Account, as_json: AsJson = False) -> None:
    """Switch an account off and end its sessions."""

    async def change(accounts: "Accounts", user: "User") -> None:
        await accounts.disable(user.id)

    _change(account, change, as_json=as_json)


@app.command()
def enable(account: Account, as_json: AsJson = False) -> None:
    """Switch an account on again."""

    async def change(accounts: "Accounts", user: "User") -> None:
        await accounts.enable(user.id)

    _change(account, change, as_json=as_json)


@app.command("reset-factors")
def reset_factors(
    account: Account,
    cancel: Annotated[bool, typer.Option("--cancel", help="Call off a reset that waits.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove every second factor of an account, for somebody who has lost them all, and end its sessions.

    Make sure first that it is they who ask: from then on the password alone lets somebody in. They are told by
    mail. With IDP_SECOND_FACTOR__RESET_DELAY the factors go after that time, unless the owner uses one before.
    """
    from idp.app import build_provider

    if not cancel:
        confirm(f"Remove every second factor of {account} and end its sessions?", yes=yes)
    told: list[str] = []

    async def reset(_accounts: "Accounts", user: "User") -> None:
        provider = build_provider(read_settings())
        try:
            if cancel:
                if not await provider.factor_resets.cancel(user, "administrator"):
                    raise NotFound(f"No reset of the second factors of {user.email} waits.")
                told.append(f"The second factors of {user.email} stay.")
                return
            at, now = await provider.factor_resets.request(user), provider.clock.now()
            told.append(
                f"The second factors of {user.email} will be removed on {_instant(at)}, unless one is used before."
                if at > now
                else f"The second factors of {user.email} are gone, and its sessions have ended."
            )
        finally:
            await provider.database.close()

    _change(account, reset, as_json=as_json)
    if not as_json:
        typer.echo("\n" + "".join(told))


@app.command()
def delete(account: Account, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete an account with all that hangs from it."""
    confirm(f"Delete the account {account} with its sessions, grants and consents?", yes=yes)

    async def remove() -> "User":
        async with _open() as accounts:
            user = await _existing(accounts, account)
            await accounts.remove(user.id)
            return user

    user = run(remove())
    if as_json:
        print_json({"id": user.id, "email": user.email, "deleted": True})
    else:
        typer.echo(f"The account {user.email} is deleted.")


@asynccontextmanager
async def _open() -> AsyncIterator["Accounts"]:
    from idp.clock import SystemClock
    from idp.identity.accounts import Accounts
    from idp.identity.passwords import PasswordHasher

    settings = read_settings()
    async with open_database(settings) as database:
        yield Accounts(database, PasswordHasher(settings.passwords), SystemClock())


async def _existing(accounts: "Accounts", account: str) -> "User":
    user = await (accounts.find(account) if "@" in account else accounts.get(account))
    if user is None:
        raise NotFound(f"There is no account {ascii(account[:100])[1:-1]}; idp user list shows them.")
    return user


def _change(account: str, change: Callable[["Accounts", "User"], Awaitable[None]], *, as_json: bool) -> None:
    async def work() -> "User":
        async with _open() as accounts:
            user = await _existing(accounts, account)
            await change(accounts, user)
            return await _existing(accounts, user.id)

    _show(run(work()), as_json=as_json)


def _password(given: str | None, *, from_stdin: bool) -> str:
    if given is not None and from_stdin:
        raise InvalidValue("Give --password or --password-stdin, not both.", field="password")
    if given is not None:
        return given
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not has_terminal():
        raise InvalidValue(
            "There is no terminal to ask for the password; give --password-stdin or --password.",
            field="password",
        )
    chosen: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return chosen


def _description(user: "User") -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.profile.get("name"),
        "roles": user.roles,
        "has_password": user.password_hash is not None,
        "created_at": int(user.created_at),
        "disabled": user.disabled_at is not None,
        "factor_reset_at": user.factor_reset_at and int(user.factor_reset_at),
    }


def _show(user: "User", *, as_json: bool) -> None:
    description = _description(user)
    if as_json:
        print_json(description)
        return
    instants = {name: _instant(at) for name, at in description.items() if name.endswith("_at") and at}
    print_fields(description | instants)


def _instant(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
