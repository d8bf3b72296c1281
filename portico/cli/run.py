"""`portico run`: the gateway in the foreground, until a signal or `portico stop` ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from portico.cli.configuration import DEFAULT_FILE, find_file
from portico.cli.text import complain, problem_line, say

if TYPE_CHECKING:
    from portico.process.supervisor import Announcement


def run(
    file: str = typer.Argument(DEFAULT_FILE, metavar="FILE", help="The configuration, or a profile's name."),
) -> None:
    """Run the gateway of a configuration.

    It stays in the foreground until Ctrl-C, SIGTERM or "portico stop"; SIGHUP or "portico reload" reloads.
    """
    path = find_file(file)
    from portico.process import supervisor
    from portico.services.child import import_from_here

    import_from_here()
    raise typer.Exit(supervisor.run(path, announce=_announce))


def _announce(announcement: Announcement) -> None:
    from portico.cli.greeting import greeting

    try:
        complain(map(problem_line, announcement.loaded.warnings))
        say(greeting(announcement))
    except BrokenPipeError:
        pass  # nobody reads: no reason to stop serving
