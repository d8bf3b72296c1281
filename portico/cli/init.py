"""`portico init`: a first configuration, small enough to read whole. Never overwrites anything."""

from __future__ import annotations

import os

import typer

from portico.cli.configuration import DEFAULT_FILE
from portico.cli.trouble import Trouble

FIRST_FILE = """\
# Portico's configuration. `portico check` tells what is wrong with it, `portico run` serves it.
version: 1

gateway:
  listen: [":3000"]                # where clients connect
  workers: 1                       # about one per core

services:
  app:
    url: http://127.0.0.1:8000     # EDIT: where your service listens
    timeout: 10s                   # to the headers of its reply

routes:
  - match: /**                     # every path, any method; or say "GET /users/{id}"
    service: app
    authenticate: none             # everybody may call; with identity: you can ask for tokens

# What `portico run` prints to try it with.
development:
  try: [GET /health, GET /]
"""


def init(
    file: str = typer.Argument(DEFAULT_FILE, metavar="FILE", help="The file to write.", show_default=True),
) -> None:
    """Write a first configuration, with comments."""
    try:
        # "x": whatever is there already is somebody's work.
        with open(file, "x", encoding="utf-8") as written:
            written.write(FIRST_FILE)
    except FileExistsError:
        raise Trouble(f"{file} exists already and is left as it is – name another file") from None
    except OSError as error:
        raise Trouble(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from None
    named = "" if os.path.normpath(file) == DEFAULT_FILE else f" {file}"
    typer.echo(f"Wrote {file}. Edit the service's url in it, then: portico run{named}")
