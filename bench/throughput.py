"""Requests per second and CPU time per request of every peer, in turn within each round: the main table.

A peer that breaks is taken out and named; the others go on. Before the first round each is warmed up for a moment, so
that what compiles itself while it runs has done so.
"""

from __future__ import annotations

import os
import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

from .answers import check_answer, check_log
from .peers import Running
from .processes import Broken
from .results import Bar, Chart, Result, Table
from .runner import CONNECTIONS, Bench

WARM_UP_S = 4
YARDSTICK = "nginx"
COLUMNS = (
    *("proxy, one core", "requests/s, median (min–max)", "to nginx"),
    *("CPU µs per request", "to nginx", "its core in use"),
)


@dataclass(slots=True)
class Turns:
    """What one peer reached, turn by turn."""

    running: Running
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Name and version, for the chart; what is on says its heading."""
        compiled = ", compiled" if self.running.peer.group == "portico-compiled" else ""
        return self.running.version.partition(",")[0].partition(" on ")[0] + compiled

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def cpu(self) -> float:
        return statistics.median(self.cpu_us)


def compare(bench: Bench, result: Result, *, method: str, body: bytes | None = None) -> None:
    """Measure all peers of the run and fill in table, chart and figures."""
    with ExitStack() as stack:
        turns: list[Turns] = []
        for peer in bench.peers:
            try:
                turns.append(Turns(stack.enter_context(bench.start(peer))))
            except Broken as reason:
                result.failed[peer.name] = str(reason)
        for number in range(bench.rounds + 1):
            for one in list(turns):
                try:
                    _turn(bench, one, method, body, warm_up=0 if number else WARM_UP_S)
                except Broken as reason:
                    result.failed[one.running.name] = str(reason)
                    turns.remove(one)
    rounds = f"{bench.rounds} rounds" if bench.rounds > 1 else "one round"
    report(
        turns,
        result,
        f"one core each, {CONNECTIONS} connections; medians of {rounds} of {bench.seconds} s, with their spread",
    )


def _turn(bench: Bench, one: Turns, method: str, body: bytes | None, *, warm_up: int) -> None:
    """One turn of one peer, between two checked answers; nothing of a warm-up is kept."""
    running = one.running
    check_answer(running.port, bench.token, method=method, body=body)
    before = running.cpu_s()
    load = bench.wrk(running, method=method, body=body, seconds=warm_up or None)
    used = running.cpu_s() - before
    check_answer(running.port, bench.token, method=method, body=body)
    if running.peer.features == "everything":
        if warm_up:
            check_log(running.setup.access_log)
        os.truncate(running.setup.access_log, 0)  # tmpfs is memory, and there is no end of lines
    if warm_up:
        return
    one.rates.append(load.rate)
    one.cpu_us.append(used / load.requests * 1e6)
    one.used.append(used / load.seconds)
    print(f"  {running.name}: {load.rate:,.0f}/s, {one.cpu_us[-1]:.1f} µs", file=sys.stderr, flush=True)


def report(turns: list[Turns], result: Result, conditions: str) -> None:
    """The table in the order of the peers, the chart from the fastest down, those with everything on first."""
    yardstick = next((one for one in turns if one.running.name == YARDSTICK), None)
    rows: list[tuple[str, ...]] = [
        (
            one.running.peer.title,
            f"{one.rate:,.0f} ({min(one.rates):,.0f}–{max(one.rates):,.0f})",
            f"{one.rate / yardstick.rate:.2f}" if yardstick else "–",
            f"{one.cpu:.1f}",
            f"{one.cpu / yardstick.cpu:.2f}" if yardstick else "–",
            f"{statistics.median(one.used):.0%}",
        )
        for one in turns
    ]
    result.tables.append(Table(COLUMNS, rows))
    result.notes.append(
        "A core in use by less than about 95 % means that service, load or others on the machine set the pace: then "
        "CPU time per request tells more than the rate."
    )
    bars = [
        Bar(
            label=one.label,
            value=one.rate,
            low=min(one.rates),
            high=max(one.rates),
            marked=one.running.peer.group.startswith("portico"),
            group=f"{one.running.peer.features} on",
        )
        for one in sorted(turns, key=lambda one: (one.running.peer.features != "everything", -one.rate))
    ]
    result.charts.append(Chart(result.title, "requests/s", bars, conditions))
    result.measured = {
        one.running.name: {
            "requests_per_s": one.rates,
            "cpu_us_per_request": one.cpu_us,
            "core_used": one.used,
        }
        for one in turns
    }
