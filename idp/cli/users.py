"""`idp user`: people's accounts."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from idp.cli.context import (
    AsJson,
    Yes,
    confirm,
    has_terminal,
    open_provider,
    print_fields,
    print_json,
    print_table,
    run,
    say,
)
from idp.cli.context import settings as read_settings
from idp.cli.files import read_list
from idp.errors import InvalidValue

if TYPE_CHECKING:
    from idp.administration.people import PeopleAdministration
    from idp.storage.models import User

app = typer.Typer(help="People's accounts.", rich_markup_mode=None)

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The e-mail address or the id.")]
Password = Annotated[
    str | None, typer.Option("--password", help="The password. If unset, it is asked for on the terminal.")
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command()
def create(
    email: Annotated[str, typer.Option("--email", help="The e-mail address.")],
    password: Password = None,
    password_stdin: PasswordStdin = False,
    name: Annotated[str | None, typer.Option("--name", help="The person's full name.")] = None,
    username: Annotated[
        str | None,
        typer.Option("--username", help="The unique username, which apps get as preferred_username."),
    ] = None,
    given_name: Annotated[str | None, typer.Option("--given-name", help="The given name.")] = None,
    family_name: Annotated[str | None, typer.Option("--family-name", help="The family name.")] = None,
    verified: Annotated[
        bool, typer.Option("--verified", help="The address is known to belong to this person.")
    ] = False,
    admin: Annotated[bool, typer.Option("--admin", help="Give the role admin.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make an account."""
    chosen = _password(password, from_stdin=password_stdin)
    names = {"username": username, "given_name": given_name, "family_name": family_name}
    _change(
        lambda people: people.create(email, chosen, name, verified=verified, admin=admin, **names),
        as_json=as_json,
    )


@app.command()
def invite(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address to invite.")],
    as_json: AsJson = False,
) -> None:
    """Invite a person by mail to make an account, if registration is by invitation."""
    settings = read_settings()
    if settings.registration.mode != "invitation":
        raise InvalidValue("Invitations work only with IDP_REGISTRATION__MODE=invitation.", field="mode")

    async def make() -> str:
        async with _open() as people:
            return await people.invite(email)

    invited = {"email": email.strip(), "url": settings.url(f"/register?invitation={run(make())}")}
    (print_json if as_json else print_fields)(invited)


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="JSON or TOML with a list `users`; docs/accounts.md names the fields."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Make several accounts, with the password hashes of another system. If one is refused, no account is made."""
    documents = read_list(file, "users")

    async def make() -> list[dict[str, Any]]:
        async with _open() as people:
            return [_description(user) for user in await people.create_all(documents)]

    rows = run(make())
    if as_json:
        print_json({"users": rows})
    else:
        print_table(rows, ("id", "email", "email_verified", "has_password", "roles"))


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the accounts."""

    async def read() -> list[dict[str, Any]]:
        async with _open() as people:
            return [_description(user) async for user in people.all()]

    rows = run(read())
    if as_json:
        print_json({"users": rows})
    else:
        print_table(rows, ("id", "email", "username", "name", "email_verified", "roles", "disabled"))


@app.command()
def show(account: Account, as_json: AsJson = False) -> None:
    """Show an account."""
    _change(lambda people: people.get(account), as_json=as_json)


@app.command("set-password")
def set_password(
    account: Account,
    password: Password = None,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Change an account's password and end its sessions."""
    chosen = _password(password, from_stdin=password_stdin)
    _change(lambda people: people.set_password(account, chosen), as_json=as_json)


@app.command()
def username(
    account: Account,
    name: Annotated[str | None, typer.Argument(metavar="[USERNAME]", help="The new username.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the username away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show, change or remove an account's username, which apps get as preferred_username."""
    if name is None and not remove:
        show(account, as_json=as_json)
        return
    _change(lambda people: people.change_username(account, name), as_json=as_json)


@app.command()
def tier(
    account: Account,
    name: Annotated[str | None, typer.Argument(metavar="[TIER]", help="The new tier.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change the tier that a person has subscribed to. Apps with the scope tier get it as a claim."""
    if name is None:
        show(account, as_json=as_json)
        return
    _change(lambda people: people.change_tier(account, name), as_json=as_json)


@app.command()
def roles(
    account: Account,
    add: Annotated[list[str] | None, typer.Option("--add", help="A role to give.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="A role to take away.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change an account's roles."""
    _change(lambda people: people.change_roles(account, add or (), remove or ()), as_json=as_json)


@app.command()
def disable(account: Account, as_json: AsJson = False) -> None:
    """Switch an account off and end its sessions."""
    _change(lambda people: people.disable(account), as_json=as_json)


@app.command()
def enable(
    account: Account,
    reason: Annotated[
        Literal["operator", "owner", "risk"],
        typer.Option(
            help="The reason: operator (idp user disable), owner (the owner deleted the account) or risk."
        ),
    ] = "operator",
    as_json: AsJson = False,
) -> None:
    """Remove one reason for which an account is switched off."""
    from idp.storage.models import DisabledBy

    _change(lambda people: people.enable(account, DisabledBy(reason)), as_json=as_json)


@app.command("reset-factors")
def reset_factors(
    account: Account,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel a reset that has not taken effect.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove every second factor of a person who has lost them all, and end the sessions.

    Make sure first that the request comes from that person: from then on the password alone is enough to sign in.
    The person is told by mail. With IDP_SECOND_FACTOR__RESET_DELAY the factors are removed after that time, unless
    the owner uses one before.
    """
    if not cancel:
        confirm(f"Remove every second factor of {account} and end the sessions?", yes=yes)
    said = ""

    async def reset(people: "PeopleAdministration") -> "User":
        nonlocal said
        if cancel:
            user = await people.cancel_factor_reset(account)
            said = f"The second factors of {user.email} stay."
            return user
        asked = await people.reset_factors(account)
        said = (
            f"The second factors of {asked.user.email} are removed, and the sessions have ended."
            if asked.done
            else f"The second factors of {asked.user.email} will be removed on {_instant(asked.at)}, "
            "unless the owner uses one before."
        )
        return asked.user

    _change(reset, as_json=as_json)
    if not as_json:
        say(f"\n{said}")


@app.command()
def delete(account: Account, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete an account with everything that belongs to it."""
    confirm(f"Delete the account {account} with its sessions, grants and consents?", yes=yes)

    async def remove() -> "User":
        async with _open() as people:
            return await people.delete(account)

    user = run(remove())
    if as_json:
        print_json({"id": user.id, "email": user.email, "deleted": True})
    else:
        say(f"The account {user.email} is deleted.")


@asynccontextmanager
async def _open() -> AsyncIterator["PeopleAdministration"]:
    async with open_provider(read_settings()) as provider:
        yield provider.administration.people


def _change(change: Callable[["PeopleAdministration"], Awaitable["User"]], *, as_json: bool) -> None:
    """Do something to an account and show the account."""

    async def work() -> "User":
        async with _open() as people:
            return await change(people)

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
    from idp.storage.repositories.usernames import REFUSED

    return {
        "id": user.id,
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.profile.get("name"),
        "username": user.profile.get("preferred_username"),
        **({"refused_username": user.profile[REFUSED]} if REFUSED in user.profile else {}),
        "roles": user.roles,
        "tier": user.tier,
        "has_password": user.password_hash is not None,
        "created_at": int(user.created_at),
        "disabled": user.disabled_at is not None,
        "disabled_by": user.disabled_by,
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
