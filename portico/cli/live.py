"""`portico status`, `reload`, `restart` and `stop`: over the control socket of a gateway that runs.

The gateway is found by its data folder. Whoever may write there may ask.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from portico.cli.text import Cell, Cells, complain, say, say_json, span, table
from portico.cli.trouble import CONFIGURATION, Trouble

_DATA = typer.Option("./var", "--data", metavar="FOLDER", help="The gateway's data folder (gateway.data).")
_JSON = typer.Option(False, "--json", help="Print JSON for a script.")

_COLOURS = {
    "serving": typer.colors.GREEN,
    "ready": typer.colors.GREEN,
    "CLOSED": typer.colors.GREEN,
    "HALF_OPEN": typer.colors.YELLOW,
    "starting": typer.colors.YELLOW,
    "leaving": typer.colors.YELLOW,
}
_POLL_S = 0.05
_LAST_WORDS_S = 5.0  # from the end of its control socket to the end of the process


def status(data: str = _DATA, as_json: bool = _JSON) -> None:
    """Print how a running gateway is."""
    answer = _ask(data, "status")
    if as_json:
        say_json(answer)
        return
    state = "stopping" if answer["stopping"] else f"up {span(answer['uptime_s'])}"
    say(
        [
            f"Portico {answer['version']}, pid {answer['pid']}, {state}, generation {answer['generation']}",
            f"{answer['file']} on {', '.join(answer['addresses'])}",
        ]
    )
    _section(
        ("WORKER", "PID", "STATE", "UP", "GENERATION", "IN FLIGHT", "CONNECTIONS", "RESTARTS", ""),
        [_worker(worker) for worker in answer["workers"]],
    )
    _section(
        ("SERVICE BESIDE IT", "PID", "STATE", "RESTARTS", "APPLICATION", ""),
        [_child(child) for child in answer["children"]],
    )
    breakers = [worker["breakers"] for worker in answer["workers"] if "breakers" in worker]
    if any(breakers):
        from portico.gateway.endpoints import merge_breakers

        merged = merge_breakers(breakers)
        _section(
            ("BREAKER", "STATE", "CALLS", "FAILURES"),
            [
                (name, _state(one["state"]), str(one["totalRequests"]), str(one["failures"]))
                for name, one in merged.items()
            ],
        )


def reload(data: str = _DATA, as_json: bool = _JSON) -> None:
    """Have a gateway read its configuration again.

    All workers change together. A configuration that is wrong changes nothing.
    """
    answer = _ask(data, "reload")
    if as_json:
        say_json(answer)
    elif answer["ok"]:
        complain(answer["warnings"])
        say(answer["changes"] or ["nothing is different"])
        say([f"Generation {answer['generation']} is live."])
    else:
        complain(answer["problems"])
        complain([f"The reload was refused: generation {answer['generation']} stays live."])
    if not answer["ok"]:
        raise typer.Exit(CONFIGURATION)


def restart(data: str = _DATA) -> None:
    """Replace every worker by a new process.

    New code is used from then on; no request is lost.
    """
    answer = _ask(data, "restart")
    if not answer["ok"]:
        raise Trouble(*answer["problems"])
    say([f"Every worker is new; generation {answer['generation']} is live."])


def stop(data: str = _DATA) -> None:
    """Stop a running gateway in good order.

    Returns when it has ended and its data folder is free.
    """
    began = time.monotonic()
    answer = _ask(data, "stop")
    while _answers(data):
        time.sleep(_POLL_S)
    last_words_s = time.monotonic() + _LAST_WORDS_S
    while _in_use(data) and time.monotonic() < last_words_s:
        time.sleep(_POLL_S)
    say([f"The gateway (pid {answer['pid']}) has stopped, after {time.monotonic() - began:.1f} s."])


def _answers(data: str) -> bool:
    from portico.process.control import ControlError, ask

    try:
        ask(data, {"command": "status"})
    except ControlError:
        return False
    return True


def _in_use(data: str) -> bool:
    from portico.process.control import LOCK

    return os.path.exists(os.path.join(data, LOCK))


def _ask(data: str, command: str) -> dict[str, Any]:
    from portico.process.control import ControlError, ask

    try:
        answer = ask(data, {"command": command})
    except ControlError as error:
        text = str(error)
        if text.startswith("no gateway"):
            text += ': start one with "portico run FILE", or name its folder with --data'
        raise Trouble(text) from None
    if "error" in answer:
        raise Trouble(f"the gateway refused {command}: {answer['error']}")
    return answer


def _section(head: Sequence[str], rows: Sequence[Cells]) -> None:
    if rows:
        say(["", *table(head, rows)])


def _state(state: str) -> Cell:
    return Cell(state, _COLOURS.get(state, typer.colors.RED))


def _worker(worker: Mapping[str, Any]) -> Cells:
    figures = [
        str(worker[key]) if key in worker else "-"
        for key in ("generation", "in_flight", "connections", "restarts")
    ]
    up = span(worker["serving_s"]) if worker.get("serving_s") else "-"
    pid = str(worker["pid"] or "-")
    return (str(worker["worker"]), pid, _state(worker["state"]), up, *figures, worker.get("reason", ""))


def _child(child: Mapping[str, Any]) -> Cells:
    state = "leaving" if child["leaving"] else "ready" if child["ready"] else "down"
    return (
        child["service"],
        str(child["pid"] or "-"),
        _state(state),
        str(child["restarts"]),
        child["app"],
        child["reason"],
    )
