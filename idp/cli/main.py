"""The entry point `idp`: the table of commands, and the exit code and sentence of a failure."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from idp import __version__
from idp.cli import clients, configuration, doctor, keys, providers, server, users, worker
from idp.cli.context import say
from idp.errors import IdpError

TRACEBACK = "--traceback"

app = typer.Typer(
    name="idp",
    help="An OAuth 2.0 authorization server and OpenID Connect provider.",
    epilog=f"With {TRACEBACK}, any command shows where an unexpected error arose.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(server.serve)
app.command("dev")(server.dev)
app.command("worker")(worker.worker)
app.command("migrate")(server.migrate)
app.command("doctor")(doctor.doctor)
app.command("config")(configuration.config)
app.add_typer(clients.app, name="client")
app.add_typer(users.app, name="user")
app.add_typer(keys.app, name="keys")
app.add_typer(providers.app, name="provider")


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version or, without a command, the help."""
    if version:
        typer.echo(__version__)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code: 0, 1 for a failure, 2 for wrong usage.

    Only its user may read the files that it makes: keys, the SQLite database and its side files.
    """
    before = os.umask(0o077)
    try:
        return _run(arguments)
    finally:
        os.umask(before)


def _run(arguments: Sequence[str]) -> int:
    show = TRACEBACK in arguments
    arguments = [argument for argument in arguments if argument != TRACEBACK]
    try:
        code = app(args=arguments, prog_name="idp", standalone_mode=False)
    except typer.TyperException as error:
        return _fail(f"{error.format_message().rstrip('.')}. See: idp {_command(arguments)}--help", 2)
    except IdpError as error:
        if show:
            traceback.print_exc()
        return _fail(error.for_operator + (f" ({error.detail})" if show and error.detail else ""))
    except (typer.Abort, KeyboardInterrupt):
        return _fail("Stopped.", 130)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001  an operator gets a sentence whatever happens
        if show:
            traceback.print_exc()
        # The message of an unknown error may hold anything, so it is shown only on request.
        return _fail(f"Something unexpected went wrong ({type(error).__name__}); run again with {TRACEBACK}.")
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command that the arguments of the process ask for."""
    sys.exit(run(sys.argv[1:]))


def _command(arguments: Sequence[str]) -> str:
    groups = {info.name for info in app.registered_groups}
    names = groups | {info.name for info in app.registered_commands}
    if not arguments or arguments[0] not in names:
        return ""
    named = arguments[:2] if arguments[0] in groups else arguments[:1]
    return "".join(f"{word} " for word in named if not word.startswith("-"))


def _fail(sentence: str, code: int = 1) -> int:
    say(sentence, err=True)
    return code
