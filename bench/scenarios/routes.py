"""Does the size of the route table cost anything per request, and how long does it take to load?

Each turn starts a gateway anew: another one that idles beside it, with ten thousand routes' worth of snapshots to
push, would be charged to the one that is measured.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, field

from bench.goals import goal, spread
from bench.memory import MIB, rss_bytes, workers
from bench.peers import Peer
from bench.processes import Broken
from bench.results import Result, Table
from bench.runner import Bench
from bench.service import PATH
from bench.sizes import size

NAME = "routes"
TITLE = "Many routes, one core"
FEW = 10


@dataclass(slots=True)
class Turns:
    """What one table size reached: in requests per second on the first and on the last route."""

    routes: int
    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    most = size("ROUTES")
    for peer in bench.portico()[:1]:
        tables = [Turns(routes) for routes in sorted({FEW, min(1_000, most), most})]
        try:
            for _ in range(bench.rounds):
                for one in tables:
                    _turn(bench, peer, one)
        except Broken as reason:
            result.failed[peer.name] = str(reason)
        else:
            _report(bench, result, peer, tables)
    return result


def _turn(bench: Bench, peer: Peer, one: Turns) -> None:
    begin = time.monotonic()
    with bench.start(peer, routes=one.routes) as running:
        one.start_s.append(time.monotonic() - begin)
        bench.wrk(running, seconds=1)
        used = running.cpu_s()
        load = bench.wrk(running)
        one.cpu_us.append((running.cpu_s() - used) / load.requests * 1e6)
        one.first.append(load.rate)
        one.last.append(bench.wrk(running, path=_last(one.routes)).rate)
        one.mib.append(rss_bytes(workers(running)[0]) / MIB)
    print(
        f"  {one.routes} routes: {one.first[-1]:,.0f}/s, up in {one.start_s[-1]:.2f} s",
        file=sys.stderr,
        flush=True,
    )


def _last(routes: int) -> str:
    return f"/api/v1/r{routes - 1}/7" if routes > 1 else PATH


def _report(bench: Bench, result: Result, peer: Peer, tables: list[Turns]) -> None:
    columns = (
        "routes", "requests/s, first route", "requests/s, last route", "to 10 routes", "CPU µs per request",
        "up after s", "worker MiB",
    )  # fmt: skip
    few = tables[0]
    rows: list[tuple[str, ...]] = [
        (
            f"{one.routes:,}",
            spread(one.first),
            spread(one.last),
            f"{_ratio(one, few):.3f}",
            spread(one.cpu_us, 1),
            spread(one.start_s, 2),
            spread(one.mib, 1),
        )
        for one in tables
    ]
    result.tables.append(Table(columns, rows, peer.title))
    result.notes.append(
        f"{bench.rounds} rounds of {bench.seconds} s, every gateway started anew in each. *Up after* is the time from "
        "the command to the first answer: the interpreter's start, reading, checking and compiling the configuration. "
        "*To 10 routes* is the median of the rounds' ratios, over both routes."
    )
    result.measured[peer.name] = {
        one.routes: {
            "first_per_s": one.first, "last_per_s": one.last, "cpu_us": one.cpu_us,
            "start_s": one.start_s, "mib": one.mib,
        }
        for one in tables
    }  # fmt: skip
    most = tables[-1]
    slower = 1 - _ratio(most, few)
    what = f"{most.routes:,} routes at most 5 % slower than {few.routes}"
    goal(result, "G5", what, slower <= 0.05, f"{slower:.1%} slower")


def _ratio(one: Turns, few: Turns) -> float:
    """What this table leaves of the small one's speed."""
    pairs = zip(one.first + one.last, few.first + few.last, strict=True)
    return statistics.median(mine / theirs for mine, theirs in pairs)
