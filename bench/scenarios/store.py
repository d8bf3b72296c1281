"""The same limits and revocation over memory and over Redis: what does it cost to ask one store for all gateways?

Portico with everything on and a revocation read on every request, in turn over a store in the worker and over a Redis
on the other core, where load and service are too. Limits are exact in both.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.answers import check_answer
from bench.goals import goal, spread
from bench.peers import Peer, Running, Setup
from bench.processes import LOAD_CORE, Broken, until
from bench.results import Result, Table
from bench.runner import Bench

NAME = "store"
TITLE = "Limits and revocation in Redis"
LEAST = 0.7
TIMEOUT = "5s"  # a turn of load is no place for questions that are given up


@dataclass(slots=True)
class Turns:
    """What Portico reached over one store."""

    where: str
    running: Running
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    if shutil.which("redis-server") is None:
        result.failed["redis"] = "there is no redis-server"
        return result
    for peer in (peer for peer in bench.portico() if peer.features == "everything"):
        try:
            with ExitStack() as stack:
                socket = stack.enter_context(_redis(bench.folder))
                turns = [
                    Turns("memory", stack.enter_context(bench.start(peer))),
                    Turns("Redis", stack.enter_context(bench.start(_over(peer, f"unix://{socket}")))),
                ]
                for one in turns:
                    bench.wrk(one.running, seconds=1)
                for _ in range(bench.rounds):
                    for one in turns:
                        _turn(bench, one)
        except Broken as reason:
            result.failed[peer.name] = str(reason)
        else:
            _report(bench, result, peer.title, turns)
    return result


def _over(peer: Peer, url: str) -> Peer:
    """The same Portico with its store there."""

    def configure(setup: Setup) -> str:
        store = f'gateway: {{store: {{url: "{url}", timeout: {TIMEOUT}}}, listen'
        return peer.configure(setup).replace("gateway: {listen", store, 1)

    return dataclasses.replace(peer, configure=configure)


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[Path]:
    """A Redis on the load's core that keeps nothing on disk; the path of its socket."""
    socket = folder / "redis.sock"
    options = [
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", LOAD_CORE, "redis-server", *options], stdout=log, stderr=log
        )
    try:
        until(socket.exists, lambda: "redis-server did not start")
        yield socket
    finally:
        process.terminate()
        process.wait()
        socket.unlink(missing_ok=True)


def _turn(bench: Bench, one: Turns) -> None:
    check_answer(one.running.port, bench.token)
    before = one.running.cpu_s()
    load = bench.wrk(one.running)
    one.cpu_us.append((one.running.cpu_s() - before) / load.requests * 1e6)
    one.rates.append(load.rate)
    print(f"  {one.where}: {load.rate:,.0f}/s, {one.cpu_us[-1]:.1f} µs", file=sys.stderr, flush=True)


def _report(bench: Bench, result: Result, title: str, turns: list[Turns]) -> None:
    memory, redis = turns
    rate = statistics.median(theirs / ours for theirs, ours in zip(redis.rates, memory.rates, strict=True))
    cost = statistics.median(theirs / ours for theirs, ours in zip(redis.cpu_us, memory.cpu_us, strict=True))
    rows: list[tuple[str, ...]] = [
        ("memory", spread(memory.rates), "1", spread(memory.cpu_us, 1), "1"),
        ("Redis", spread(redis.rates), f"{rate:.3f}", spread(redis.cpu_us, 1), f"{cost:.3f}"),
    ]
    columns = ("store", "requests/s", "to memory", "CPU µs per request", "to memory")
    result.tables.append(Table(columns, rows, title))
    result.notes.append(
        f"{title}: {bench.rounds} rounds of {bench.seconds} s, in turn. Two limits and the marks of the token are "
        "asked for every request, in one script call for each turn of the loop. CPU time is the gateway's alone; Redis "
        "shares the other core with load and service."
    )
    result.measured[memory.running.name] = {
        turn.where: {"requests_per_s": turn.rates, "cpu_us": turn.cpu_us} for turn in turns
    } | {"rate_ratio": rate, "cpu_ratio": cost}
    goal(result, "G4", f"{title}: Redis ≥ {LEAST:g} × memory", rate >= LEAST, f"{rate:.2f} ×")
