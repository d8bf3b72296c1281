"""Latency at a fixed rate that everybody can serve: half of what the slowest peer here can do, open loop.

The generator against the bare service is measured at the same rate in each round: what a proxy adds is the
difference between its percentile and that one's.
"""

from __future__ import annotations

import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.fixed_rate import fixed_rate
from bench.goals import goal, spread
from bench.peers import Running
from bench.processes import Broken
from bench.results import Result, Table
from bench.runner import CONNECTIONS, Bench

NAME = "latency"
TITLE = "Latency at a fixed rate, one core"
SHARE = 0.5
ALONE = "service alone"
SHOWN = ("p50", "p90", "p99", "p99.9", "max")


@dataclass(slots=True)
class Turns:
    """What one peer reached. `ms` has the percentiles of each round, `added` what it added to those of the service."""

    name: str
    title: str
    port: int
    group: str = ""
    ms: list[dict[str, float]] = field(default_factory=list)
    added: list[dict[str, float]] = field(default_factory=list)
    not_kept: int = 0

    def median(self, percentile: str) -> float:
        return statistics.median(each[percentile] for each in self.added)


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    with ExitStack() as stack:
        alone = Turns(ALONE, "the service alone, without a proxy", bench.service.port)
        turns: list[Turns] = []
        capacity: dict[str, float] = {}
        for peer in [*bench.portico(), *bench.chosen("envoy", "nginx")]:
            try:
                running = stack.enter_context(bench.start(peer))
                capacity[peer.name] = _capacity(bench, running)
            except Broken as reason:
                result.failed[peer.name] = str(reason)
            else:
                turns.append(Turns(peer.name, peer.title, running.port, peer.group))
        if not turns:
            return result
        rate = round(SHARE * min(capacity.values()), -2) or 100.0
        for _ in range(bench.rounds):
            _round(bench, result, alone, turns, rate)
    turns = [one for one in turns if one.name not in result.failed]
    _report(bench, result, alone, turns, rate, capacity)
    return result


def _capacity(bench: Bench, running: Running) -> float:
    """Requests per second as fast as it goes, after a moment of warming up."""
    short = min(2, bench.seconds)
    bench.wrk(running, seconds=short)
    return bench.wrk(running, seconds=short).rate


def _round(bench: Bench, result: Result, alone: Turns, turns: list[Turns], rate: float) -> None:
    base = _turn(bench, alone, rate)
    alone.ms.append(base)
    for one in turns:
        if one.name in result.failed:
            continue
        try:
            ms = _turn(bench, one, rate)
        except Broken as reason:
            result.failed[one.name] = str(reason)
            continue
        one.ms.append(ms)
        one.added.append({name: ms[name] - base[name] for name in SHOWN})


def _turn(bench: Bench, one: Turns, rate: float) -> dict[str, float]:
    outcome = fixed_rate(bench, one.port, rate, bench.seconds)
    one.not_kept += not outcome["kept"]
    ms: dict[str, float] = outcome["ms"]
    print(f"  {one.name}: p50 {ms['p50']:.3f} ms, p99 {ms['p99']:.3f} ms", file=sys.stderr, flush=True)
    return ms


def _report(
    bench: Bench, result: Result, alone: Turns, turns: list[Turns], rate: float, capacity: dict[str, float]
) -> None:
    columns = ("", *(f"{name} ms" for name in SHOWN), "p50 added", "p99 added")
    rows: list[tuple[str, ...]] = []
    for one in (alone, *turns):
        cells = [spread([each[name] for each in one.ms], 3) for name in SHOWN]
        added = [
            spread([each[name] for each in one.added], 3) if one.added else "–" for name in ("p50", "p99")
        ]
        rows.append((one.title, *cells, *added))
    result.tables.append(Table(columns, rows, f"{rate:,.0f} requests per second, open loop"))
    slowest = min(capacity, key=lambda name: capacity[name])
    result.notes.append(
        f"{rate:,.0f} requests per second (half of what {slowest} can do) are due at even distances, over "
        f"{CONNECTIONS} keep-alive connections; latency counts from when a request was due. {bench.rounds} rounds of "
        f"{bench.seconds} s; medians of the rounds' percentiles and their spread. Generator and service share a core."
    )
    late = {one.name: one.not_kept for one in (alone, *turns) if one.not_kept}
    if late:
        result.notes.append(
            "The generator itself was late in some turns (more than 1 in 100 requests by over 1 ms, or its core "
            "full), which makes their upper percentiles too high: "
            + ", ".join(f"{name} {count}×" for name, count in late.items())
        )
    result.measured.update(
        rate=rate,
        capacity=capacity,
        ms={one.name: one.ms for one in (alone, *turns)},
        added={one.name: one.added for one in turns},
        not_kept=late,
    )
    _goals(result, turns)


def _goals(result: Result, turns: list[Turns]) -> None:
    envoys = {one.name.removeprefix("envoy-"): one for one in turns if one.group == "envoy"}
    for one in turns:
        if not one.group.startswith("portico"):
            continue
        p50, p99 = one.median("p50"), one.median("p99")
        shown = f"{p50:.3f} ms and {p99:.3f} ms"
        goal(result, "G3", f"{one.title}: added p50 ≤ 0.3 ms, p99 ≤ 1.5 ms", p50 <= 0.3 and p99 <= 1.5, shown)
        envoy = envoys.get(one.name.removeprefix(f"{one.group}-"))
        if envoy is not None:
            theirs = envoy.median("p99")
            beside = f"{p99:.3f} ms beside {theirs:.3f} ms"
            goal(result, "G3", f"{one.title}: added p99 no worse than Envoy's", p99 <= theirs, beside)
