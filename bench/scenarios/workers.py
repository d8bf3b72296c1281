"""Two workers: do they cost more per request than one, and does the kernel split the connections evenly?

With fewer than four cores the two share the proxy's core, so that neither competes with the load; their throughput
says nothing then, and only CPU time per request is compared. With four or more they have a core each.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.goals import goal, spread
from bench.peers import Running
from bench.processes import PROXY_CORE, Broken
from bench.results import Result, Table
from bench.runner import Bench
from bench.sizes import size
from portico.process.control import ask

NAME = "workers"
TITLE = "Two workers"


@dataclass(slots=True)
class Turns:
    """What a number of workers reached."""

    workers: int
    running: Running
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    apart = (os.cpu_count() or 1) >= 4
    for peer in bench.portico():
        try:
            with ExitStack() as stack:
                turns = [
                    Turns(number, stack.enter_context(bench.start(peer, cores=cores, workers=number)))
                    for number, cores in ((1, PROXY_CORE), (2, f"{PROXY_CORE},2" if apart else PROXY_CORE))
                ]
                for one in turns:
                    bench.wrk(one.running, seconds=1)
                for _ in range(bench.rounds):
                    for one in turns:
                        _turn(bench, one)
                shares = _split(turns[1].running, size("SPLIT"))
        except Broken as reason:
            result.failed[peer.name] = str(reason)
        else:
            _report(bench, result, peer.title, turns, shares, apart)
    return result


def _turn(bench: Bench, one: Turns) -> None:
    before = one.running.cpu_s()
    load = bench.wrk(one.running)
    one.cpu_us.append((one.running.cpu_s() - before) / load.requests * 1e6)
    one.rates.append(load.rate)
    print(
        f"  {one.workers} workers: {load.rate:,.0f}/s, {one.cpu_us[-1]:.1f} µs", file=sys.stderr, flush=True
    )


def _split(running: Running, connections: int) -> list[float]:
    """The share of each worker in so many new connections, by what the workers themselves say."""
    before = _counts(running)
    with ExitStack() as stack:
        for _ in range(connections):
            opened = stack.enter_context(socket.create_connection(("127.0.0.1", running.port), 10))
            opened.sendall(b"GET /live HTTP/1.1\r\nHost: bench\r\n\r\n")
            if not opened.recv(4096).startswith(b"HTTP/1.1 200"):
                raise Broken("a new connection was not served")
        after = _counts(running)
    return [(after[worker] - before[worker]) / connections for worker in sorted(after)]


def _counts(running: Running) -> dict[int, int]:
    status = ask(str(running.setup.folder / "data"), {"command": "status"})
    return {worker["worker"]: worker["connections"] for worker in status["workers"]}


def _report(
    bench: Bench, result: Result, title: str, turns: list[Turns], shares: list[float], apart: bool
) -> None:
    columns = ("workers", "CPU µs per request", "to one worker", "requests/s", "connections each")
    one, two = turns
    ratio = statistics.median(mine / theirs for mine, theirs in zip(two.cpu_us, one.cpu_us, strict=True))
    faster = statistics.median(mine / theirs for mine, theirs in zip(two.rates, one.rates, strict=True))
    split = " / ".join(f"{share:.1%}" for share in shares)
    result.tables.append(
        Table(
            columns,
            [
                ("1", spread(one.cpu_us, 1), "1", spread(one.rates), "100.0%"),
                ("2", spread(two.cpu_us, 1), f"{ratio:.3f}", spread(two.rates), split),
            ],
            title,
        )
    )
    where = (
        "a core each" if apart else "one core for both, so requests per second say nothing about two cores"
    )
    result.notes.append(
        f"{title}: {bench.rounds} rounds of {bench.seconds} s; two workers on {where}. CPU time is that of the whole "
        f"gateway with its supervisor. The split is of {size('SPLIT'):,} connections, opened one after the other."
    )
    result.measured[one.running.name] = {
        "cpu_us": {turn.workers: turn.cpu_us for turn in turns},
        "requests_per_s": {turn.workers: turn.rates for turn in turns},
        "cpu_ratio": ratio, "rate_ratio": faster, "shares": shares, "cores_apart": apart,
    }  # fmt: skip
    goal(result, "G8", f"{title}: CPU per request ≤ 1.1 × one worker's", ratio <= 1.1, f"{ratio:.3f} ×")
    goal(result, "G8", f"{title}: 40 to 60 % of connections each", min(shares) >= 0.4, split)
    if apart:
        goal(result, "G8", f"{title}: ≥ 1.8 × one worker's requests", faster >= 1.8, f"{faster:.2f} ×")
