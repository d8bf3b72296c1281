"""What `portico status` and its like make of answers that a healthy gateway seldom gives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portico.process.control import Answer, ControlServer, DataFolder
from tests.unit.cli.command import portico

STATUS: Answer = {
    "ok": True,
    "pid": 7,
    "version": "0.1.0",
    "file": "portico.yaml",
    "uptime_s": 3725.0,
    "generation": 4,
    "addresses": ["http://127.0.0.1:3000"],
    "stopping": True,
    "workers": [
        {
            "worker": 0,
            "pid": 8,
            "state": "leaving",
            "generation": 3,
            "serving_s": 61.0,
            "in_flight": 5,
            "connections": 9,
            "restarts": 1,
            "breakers": {"tickets": {"state": "CLOSED", "totalRequests": 3, "failures": 1}},
        },
        {"worker": 1, "pid": None, "state": "down", "reason": "no memory", "restarts": 2},
    ],
    "children": [
        {
            "service": "auth",
            "app": "samples.auth:app",
            "pid": None,
            "ready": False,
            "restarts": 3,
            "reason": "no module samples",
            "leaving": False,
        }
    ],
}


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Answer], None]]:
    """Answers commands on a control socket in ./var as it is told."""
    monkeypatch.chdir(tmp_path)
    answers: dict[str, Answer] = {}
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        folder = DataFolder("var")
        server = ControlServer(folder, {name: command(name) for name in ("status", "reload", "restart")})
        await server.start()
        ready.set()
        await asyncio.to_thread(over.wait)
        await server.close()
        folder.close()

    def command(name: str) -> Any:
        async def answer() -> Answer:
            return answers[name]

        return answer

    serving = threading.Thread(target=asyncio.run, args=(serve(),))
    serving.start()
    assert ready.wait(10)
    yield answers.__setitem__
    over.set()
    serving.join()


def test_a_gateway_in_trouble(control: Callable[[str, Answer], None]) -> None:
    control("status", STATUS)
    done = portico("status")
    assert (done.code, done.err) == (0, "")
    assert done.rows == [
        "Portico 0.1.0, pid 7, stopping, generation 4",
        "portico.yaml on http://127.0.0.1:3000",
        "",
        "WORKER PID STATE UP GENERATION IN FLIGHT CONNECTIONS RESTARTS",
        "0 8 leaving 1m 1s 3 5 9 1",
        "1 - down - - - - 2 no memory",
        "",
        "SERVICE BESIDE IT PID STATE RESTARTS APPLICATION",
        "auth - down 3 samples.auth:app no module samples",
        "",
        "BREAKER STATE CALLS FAILURES",
        "tickets CLOSED 3 1",
    ]
    assert portico("status", "--json").data == STATUS


def test_warnings_of_a_reload_are_told(control: Callable[[str, Answer], None]) -> None:
    control(
        "reload",
        {"ok": True, "changes": ["route a added"], "warnings": ["old.yaml:1:1: warning"], "generation": 2},
    )
    done = portico("reload")
    assert (done.code, done.err) == (0, "old.yaml:1:1: warning\n")
    assert done.out == "route a added\nGeneration 2 is live.\n"


def test_a_restart_that_is_broken_off(control: Callable[[str, Answer], None]) -> None:
    control("restart", {"ok": False, "problems": ["the new worker 0 died"], "generation": 1})
    done = portico("restart")
    assert (done.code, done.out, done.err) == (1, "", "the new worker 0 died\n")


def test_a_gateway_that_knows_less(control: Callable[[str, Answer], None]) -> None:
    done = portico("stop")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(
        "the gateway refused stop: unknown command 'stop'; known are status, reload, restart"
    )
