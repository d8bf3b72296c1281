"""The program `portico`: its commands, and how each of them ends.

Exit codes are in `trouble`. `main` is the entry point.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from portico import __version__
from portico.cli.check import check
from portico.cli.explain import explain
from portico.cli.init import init
from portico.cli.key import keys
from portico.cli.live import reload, restart, status, stop
from portico.cli.revoke import revoke
from portico.cli.routes import routes
from portico.cli.run import run
from portico.cli.schema import schema
from portico.cli.text import complain
from portico.cli.token import token
from portico.cli.trouble import TROUBLE, Trouble


class Commands(TyperGroup):
    """All commands, with one way to say what went wrong."""

    def invoke(self, ctx: Any) -> Any:
        """Run one; `Trouble`, and what the system refuses, become lines on standard error and an exit code."""
        try:
            return super().invoke(ctx)
        except Trouble as trouble:
            complain(trouble.lines)
            raise typer.Exit(trouble.code) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # nobody reads on: the program ends without a word
            about = f"{error.filename}: " if error.filename else ""
            complain([f"{about}{(error.strerror or str(error)).lower()}"])
            if error.errno == errno.ENOSPC:
                # What could not be written would be tried again at the end, and change the exit code.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(TROUBLE) from None


app = typer.Typer(
    cls=Commands,
    help="Portico: an API gateway, configured by one YAML file and extended in Python.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Portico {__version__}")
        raise typer.Exit


@app.callback()
def before_every_command(
    _wants_version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Options that stand before a command."""


def version() -> None:
    """Print the version."""
    _print_version(wanted=True)


for command in (
    init,
    check,
    run,
    routes,
    explain,
    status,
    reload,
    restart,
    stop,
    token,
    revoke,
    schema,
    version,
):
    app.command(command.__name__)(command)
app.add_typer(keys, name="key")


def main() -> None:
    """The entry point of the program."""
    app(prog_name="portico")
