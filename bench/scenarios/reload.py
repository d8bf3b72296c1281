"""Reloads: does a request fail or wait because of one, and does memory stay flat over a thousand?

Under load, at a fixed rate that is half of the capacity, a turn without reloads is followed by one with a reload every
second. Each reload adds a route or takes it away, so that it is a real one. Afterwards, without load, as many as
wanted, one after the other.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.fixed_rate import FixedRate
from bench.goals import goal, spread
from bench.memory import MIB, rss_bytes, workers
from bench.peers import Running
from bench.processes import Broken
from bench.results import Result, Table
from bench.runner import CONNECTIONS, Bench
from bench.sizes import size
from portico.process.control import ask

NAME = "reload"
TITLE = "Reload under load, one core"
EVERY_S = 1.0
SHARE = 0.5
ROUTES = 20
MARKS = 10  # how often memory is read over all reloads
SETTLED = 2  # marks after which memory must not grow any more
FLAT_BYTES = 2 * MIB


@dataclass(slots=True)
class Turns:
    """Percentiles in ms of turns without and with reloads, and how long each reload took."""

    usual: list[dict[str, float]] = field(default_factory=list)
    reloading: list[dict[str, float]] = field(default_factory=list)
    reload_s: list[float] = field(default_factory=list)
    not_kept: int = 0

    def p99(self) -> tuple[list[float], list[float]]:
        return [ms["p99"] for ms in self.usual], [ms["p99"] for ms in self.reloading]


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    for peer in bench.portico():
        try:
            with bench.start(peer, routes=ROUTES) as running:
                short = min(2, bench.seconds)
                bench.wrk(running, seconds=short)
                rate = round(SHARE * bench.wrk(running, seconds=short).rate, -2) or 100.0
                texts = _texts(running)
                turns = Turns()
                for _ in range(bench.rounds):
                    _round(bench, running, rate, texts, turns)
                memory = _many(running, texts, size("RELOADS"))
        except Broken as reason:
            result.failed[peer.name] = str(reason)
        else:
            _report(bench, result, running, rate, turns, memory)
    return result


def _texts(running: Running) -> Iterator[str]:
    """The configuration with one route more, and as it was, in turn and without end."""
    peer, setup = running.peer, running.setup
    more = dataclasses.replace(setup, routes=setup.routes + 1)
    return itertools.cycle([peer.configure(more), peer.configure(setup)])


def _round(bench: Bench, running: Running, rate: float, texts: Iterator[str], turns: Turns) -> None:
    for reloading in (False, True):
        load = FixedRate(bench, running.port, rate, bench.seconds)
        try:
            next_at = time.monotonic() + EVERY_S
            while not load.over:
                if reloading and time.monotonic() >= next_at:
                    turns.reload_s.append(_reload(running, next(texts)))
                    next_at += EVERY_S
                time.sleep(0.01)
            outcome = load.outcome()
        finally:
            load.stop()
        turns.not_kept += not outcome["kept"]
        (turns.reloading if reloading else turns.usual).append(outcome["ms"])
        said = f"p50 {outcome['ms']['p50']:.3f} ms, p99 {outcome['ms']['p99']:.3f} ms"
        print(
            f"  {running.name}, {'reloading' if reloading else 'usual'}: {said}", file=sys.stderr, flush=True
        )


def _reload(running: Running, text: str) -> float:
    """Seconds until all workers serve this configuration. Raises `Broken` when it is refused or changes nothing."""
    running.configuration.write_text(text, "utf-8")
    begin = time.monotonic()
    answer = ask(str(running.setup.folder / "data"), {"command": "reload"})
    if not answer["ok"] or not answer["changes"]:
        raise Broken(f"a reload was refused or changed nothing: {answer}")
    return time.monotonic() - begin


def _many(running: Running, texts: Iterator[str], reloads: int) -> dict[str, list[int]]:
    """Resident bytes of the worker and of the supervisor: before, and at even distances up to the last reload."""
    worker = workers(running)[0]
    found: dict[str, list[int]] = {"reloads": [], "worker": [], "supervisor": []}
    step = max(1, reloads // MARKS)
    for number in range(reloads + 1):
        if number:
            _reload(running, next(texts))
        if number % step == 0:
            found["reloads"].append(number)
            found["worker"].append(rss_bytes(worker))
            found["supervisor"].append(rss_bytes(running.pid))
    return found


def _report(
    bench: Bench, result: Result, running: Running, rate: float, turns: Turns, memory: dict[str, list[int]]
) -> None:
    title = running.peer.title
    rows: list[tuple[str, ...]] = []
    for name, found in (("usual", turns.usual), ("a reload every second", turns.reloading)):
        rows.append(
            (name, *(spread([ms[each] for ms in found], 3) for each in ("p50", "p99", "p99.9", "max")))
        )
    columns = ("", "p50 ms", "p99 ms", "p99.9 ms", "max ms")
    result.tables.append(Table(columns, rows, f"{title}: {rate:,.0f} requests per second, open loop"))
    marks = ("reloads", *(f"{number:,}" for number in memory["reloads"]))
    rows = [
        (f"{process}, MiB", *(f"{each / MIB:.1f}" for each in memory[process]))
        for process in ("worker", "supervisor")
    ]
    result.tables.append(Table(marks, rows, f"{title}: resident memory over reloads"))
    result.notes.append(
        f"{title}: {bench.rounds} rounds of {bench.seconds} s each, {CONNECTIONS} connections, {ROUTES} routes and one "
        f"more at every other reload; no request failed. A reload under load took {spread(turns.reload_s, 3)} s."
    )
    if turns.not_kept:
        result.notes.append(f"{title}: the generator itself was late in {turns.not_kept} turns.")
    usual, reloading = turns.p99()
    ratio = statistics.median(mine / theirs for mine, theirs in zip(reloading, usual, strict=True))
    result.measured[running.name] = {
        "rate": rate, "usual_ms": turns.usual, "reloading_ms": turns.reloading, "reload_s": turns.reload_s,
        "not_kept": turns.not_kept, "memory_bytes": memory,
    }  # fmt: skip
    reloads = f"{len(turns.reload_s)} reloads under load"
    goal(result, "G9", f"{title}: no request fails", True, reloads)
    goal(result, "G9", f"{title}: p99 ≤ 2 × the usual", ratio <= 2, f"{ratio:.2f} ×")
    for process in ("worker", "supervisor"):
        held = memory[process]
        growth = held[-1] - held[min(SETTLED, len(held) - 1)]
        what = f"{title}: {memory['reloads'][-1]:,} reloads leave the {process}'s memory flat (within 2 MiB)"
        goal(result, "G9", what, growth <= FLAT_BYTES, f"{growth / MIB:+.1f} MiB after the first fifth")
