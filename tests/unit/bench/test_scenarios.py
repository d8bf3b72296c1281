"""What scenarios make of their figures: what a proxy adds, ratios within a round, and which goals are reached."""

from __future__ import annotations

from pathlib import Path

from bench.peers import Running, Setup, chosen
from bench.results import Result
from bench.runner import Bench
from bench.scenarios import bodies, keys, latency, routes, workers
from bench.service import Service

BENCH = Bench(Path(), Service(1, 1, Path()), "token", [], rounds=2, seconds=1)


def goals(result: Result) -> dict[str, bool]:
    return {f"{each['goal']} {each['what']}": each["reached"] for each in result.measured["goals"]}


def ms(p50: float, p99: float) -> dict[str, float]:
    return {"p50": p50, "p90": p50, "p99": p99, "p99.9": p99, "max": p99}


def test_latency_is_what_a_proxy_adds_to_the_service_in_the_same_round() -> None:
    alone = latency.Turns(latency.ALONE, "alone", 1, ms=[ms(1.0, 5.0), ms(0.1, 0.2)])
    ours = latency.Turns("portico-bare", "ours", 1, "portico", ms=[ms(1.2, 6.0), ms(0.3, 1.2)])
    theirs = latency.Turns("envoy-bare", "theirs", 1, "envoy", ms=[ms(1.5, 5.5), ms(0.6, 0.7)])
    for one in (ours, theirs):
        one.added = [
            {name: mine[name] - base[name] for name in latency.SHOWN}
            for mine, base in zip(one.ms, alone.ms, strict=True)
        ]
    result = Result("latency", "Latency")
    latency._report(
        BENCH, result, alone, [ours, theirs], 500.0, {"portico-bare": 1000.0, "envoy-bare": 2000.0}
    )
    (table,) = result.tables
    assert table.rows[1][-2:] == ("0.200 (0.200–0.200)", "1.000 (1.000–1.000)")
    assert goals(result) == {
        "G3 ours: added p50 ≤ 0.3 ms, p99 ≤ 1.5 ms": True,
        "G3 ours: added p99 no worse than Envoy's": False,
    }
    assert "half of what portico-bare can do" in result.notes[0]


def test_a_generator_that_was_late_is_named() -> None:
    alone = latency.Turns(latency.ALONE, "alone", 1, ms=[ms(1.0, 5.0)], not_kept=1)
    result = Result("latency", "Latency")
    latency._report(BENCH, result, alone, [], 500.0, {"nginx": 1000.0})
    assert result.notes[-1].endswith("service alone 1×")


def test_large_tables_are_compared_within_each_round() -> None:
    few = routes.Turns(10, first=[100.0, 200.0], last=[100.0, 200.0], cpu_us=[1.0], start_s=[1.0], mib=[1.0])
    most = routes.Turns(
        10_000, first=[90.0, 180.0], last=[90.0, 180.0], cpu_us=[1.0], start_s=[1.0], mib=[1.0]
    )
    (peer,) = chosen(["portico-bare"])
    result = Result("routes", "Routes")
    routes._report(BENCH, result, peer, [few, most])
    assert goals(result) == {"G5 10,000 routes at most 5 % slower than 10": False}
    assert result.tables[0].rows[1][3] == "0.900"


def test_two_workers_are_judged_by_cost_and_split_and_only_on_their_own_cores_by_speed() -> None:
    (peer,) = chosen(["portico-bare"])
    running = Running(peer, "", Setup(Path(), 1, 2), 1)
    one = workers.Turns(1, running, [100.0, 100.0], [10.0, 20.0])
    two = workers.Turns(2, running, [170.0, 170.0], [10.5, 21.0])
    result = Result("workers", "Workers")
    workers._report(BENCH, result, "P", [one, two], [0.39, 0.61], apart=False)
    assert list(goals(result).values()) == [True, False]
    result = Result("workers", "Workers")
    workers._report(BENCH, result, "P", [one, two], [0.5, 0.5], apart=True)
    assert list(goals(result).values()) == [True, True, False]


def test_large_bodies_are_judged_by_growth_and_beside_nginx() -> None:
    turns = []
    for name, rate, peak in (("nginx", 100.0, 20), ("portico-bare", 50.0, 67)):
        (peer,) = chosen([name])
        measured = {(kind, way): [rate] for kind in ("small", "large") for way in bodies.WAYS}
        rest = dict.fromkeys(bodies.WAYS, 50 << 20)
        peaks = {"down": 50 << 20, "up": peak << 20}
        turns.append(bodies.Turns(peer, {}, measured, measured, rest, peaks))
    result = Result("bodies", "Bodies")
    bodies._report(BENCH, result, turns, {"small": 1 << 20, "large": 1 << 30})
    assert list(goals(result).values()) == [False, False, False]
    assert result.measured["goals"][0]["measured"] == "17.0 MiB more at most"
    assert result.tables[1].rows[1] == ("Portico, nothing on", "50.0", "67.0", "17.0")


def test_a_pause_of_any_kind_counts_and_keys_beyond_the_bound_do() -> None:
    phase = {"mean_call": 1000.0, "longest_call": 1e6, "longest_sweep": 2e6, "longest_collection": 0}
    found = {
        "keys": 1000, "held_in_flood": 1500,
        "before_bytes": 1, "full_bytes": 100_001, "flood_bytes": 100_001, "after_bytes": 1,
        **dict.fromkeys(keys.PHASES, phase), "expiry_ns": {**phase, "longest_collection": 6e6},
    }  # fmt: skip
    result = Result("keys", "Keys")
    keys._report(result, [found])
    assert list(goals(result).values()) == [False, False]
    assert "costs 100 bytes" in result.notes[0]
