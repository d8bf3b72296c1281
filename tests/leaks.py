"""The last look of every test at the gateways that run: what no request needs any more, they must not hold.

A gateway in the test's own process (`portico.testing.gateway`) is looked into; one in another process is asked for its
`status`. Whoever starts a gateway that outlives a test watches it here; one that ends with its test is looked at
before it is stopped.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portico.process.control import ControlError, ask
from portico.testing import Leak
from portico.testing.gateway import OPEN
from portico.testing.running import held

# For what is on its way to end: connections of clients that were closed, and the loop that hears of it.
PATIENCE_S = 20.0

_watched: dict[Path, subprocess.Popen[Any]] = {}


def watch(data: Path, process: subprocess.Popen[Any]) -> None:
    """From now on look at the gateway with this data folder after every test, until its process has ended."""
    _watched[data] = process


def look_at(data: Path, process: subprocess.Popen[Any]) -> None:
    """Raises Leak when a gateway goes on holding something. One that starts, stops or hangs is left alone."""
    end = time.monotonic() + PATIENCE_S
    while process.poll() is None:
        try:
            status = ask(str(data), {"command": "status"}, PATIENCE_S)
        except ControlError:
            return
        if status["stopping"] or not (found := held(status)):
            return
        if time.monotonic() > end:
            raise Leak("; ".join(found))
        time.sleep(0.02)


def _look_around() -> None:
    for running in list(OPEN):
        loop = running.loop
        if not loop.is_running() and not loop.is_closed():
            loop.run_until_complete(running.settled(PATIENCE_S))
    for data, process in list(_watched.items()):
        if process.poll() is None:
            look_at(data, process)
        else:
            del _watched[data]


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    """Made first, so ended last: what other fixtures of the test had open is closed by then."""
    yield
    _look_around()
