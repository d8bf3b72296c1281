"""What a peer is: a proxy that can be installed, configured in front of a service, started and told its version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
MADE = ROOT / "build" / "bench"
"""Where `make bench` puts what it installs."""

Features = Literal["nothing", "everything"]


class LeftOut(Exception):
    """This peer cannot take part; the text says why."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a peer is started with. `folder` is its own, in tmpfs: configuration, access log, state.

    `routes` and `workers` above one are for peers whose `grows` says that they can.
    """

    folder: Path
    port: int
    service_port: int
    workers: int = 1
    routes: int = 1

    @property
    def access_log(self) -> Path:
        """Where the JSON access log goes, for those that write one."""
        return self.folder / "access.log"


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy under test, not yet started.

    `name` and `group` are what PEERS names, `title` is for tables. `install` brings what is missing or raises
    `LeftOut`; `version` is asked after that. `configure` gives the text of the file `file` in the folder of the setup;
    `command` starts it in the foreground. A scenario that needs another configuration takes a
    `dataclasses.replace(peer, configure=...)`.
    """

    name: str
    group: str
    title: str
    features: Features
    file: str
    install: Callable[[], object]
    version: Callable[[], str]
    configure: Callable[[Setup], str]
    command: Callable[[Setup], list[str]]
    environment: Callable[[Setup], Mapping[str, str]] = field(default=lambda setup: {})
    grows: bool = False


def tool(name: str, package: str) -> str:
    """The path of a program. Raises `LeftOut` with the Debian package that brings it."""
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        raise LeftOut(f"{name} is not installed (apt-get install {package})")
    return found


def said(*command: str) -> str:
    """What a program prints, on either channel. Raises `LeftOut` when it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LeftOut(f"{command[0]} does not run: {error}") from error
    return (done.stdout + done.stderr).strip()


def first_number(text: str) -> str:
    """The first version number in a text."""
    found = re.search(r"\d+\.\d+(?:\.\d+)?", text)
    return found[0] if found is not None else "unknown version"
