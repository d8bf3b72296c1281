"""A small GET with a token, as fast as it goes: the main table, and the goals that are about it."""

from __future__ import annotations

import statistics

from bench.goals import goal
from bench.results import Result
from bench.runner import CONNECTIONS, Bench
from bench.service import BODY
from bench.throughput import compare

NAME = "get"
TITLE = "Small GET, one core"

# What Portico with everything on (G1) and with nothing on (G2) shall reach of a peer's rate.
GOALS = (
    ("G1", "everything", "envoy-everything", 2.0),
    ("G1", "everything", "nginx", 0.5),
    ("G1", "everything", "fastify-everything", 7.0),
    ("G1", "everything", "express-everything", 25.0),
    ("G2", "bare", "nginx", 0.6),
    ("G2", "bare", "envoy-bare", 1.6),
)


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    compare(bench, result, method="GET")
    result.notes.append(
        f"GET with a bearer token over {CONNECTIONS} keep-alive connections; the answer is a JSON of {len(BODY)} bytes."
    )
    for ours in ("portico-compiled", "portico"):
        _judge(result, ours)
    return result


def _judge(result: Result, ours: str) -> None:
    for number, features, theirs, least in GOALS:
        mine, other = (result.measured.get(name) for name in (f"{ours}-{features}", theirs))
        if mine is None or other is None:
            continue
        ratio = statistics.median(mine["requests_per_s"]) / statistics.median(other["requests_per_s"])
        goal(result, number, f"{ours}-{features} ≥ {least:g} × {theirs}", ratio >= least, f"{ratio:.2f} ×")
