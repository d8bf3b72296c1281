"""A million callers of one limit, in a process of its own: how long the longest call takes, and what memory it needs.

Real `Limits` and the garbage collector as a worker has it; a sweep after every thousand requests, which stands for a
worker under full load (it sweeps ten times a second). Calls are timed in CPU time of the thread, so that other
processes do not count as pauses. Prints JSON.

    python -m bench.keys 1000000
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from time import thread_time, thread_time_ns

from portico.process.worker import _GC_THRESHOLDS
from portico.rules import LimitRule, Limits

from .memory import rss_bytes

RULE = LimitRule(quota=1, window_s=3600, burst=100)  # slow, so that nobody is forgotten before the end
SWEEP_EVERY = 1_000
SWEEP_S = 0.1


def main(count: int) -> int:
    """Fill the table to its bound, flood it with as many unknown callers again, and let all of them expire."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    limits = Limits(count)
    limiter = limits.get("bench", RULE)
    found: dict[str, object] = {"keys": count, "before_bytes": rss_bytes(os.getpid())}
    pauses = Pauses()
    now = _spend(pauses, limiter.spend, limits, _keys(b"known", count), 1_000.0)
    found |= {"held": limits.room.used, "full_bytes": rss_bytes(os.getpid()), "fill_ns": pauses.take()}
    now = _spend(pauses, limiter.spend, limits, _keys(b"known", count), now)
    found |= {"known_ns": pauses.take()}
    now = _spend(pauses, limiter.spend, limits, _keys(b"other", count), now)
    found |= {
        "held_in_flood": limits.room.used,
        "flood_bytes": rss_bytes(os.getpid()),
        "flood_ns": pauses.take(),
    }
    now += 10 * RULE.window_s
    while limits.room.used:
        pauses.sweep(limits, now)
    found |= {"after_bytes": rss_bytes(os.getpid()), "expiry_ns": pauses.take()}
    print(json.dumps(found))
    return 0


class Pauses:
    """The longest call, sweep and collection so far, and the sum of all calls, in nanoseconds of CPU time."""

    def __init__(self) -> None:
        self._longest = dict.fromkeys(("call", "sweep", "collection"), 0)
        self._calls = self._sum = self._began = 0
        gc.callbacks.append(self._collected)

    def call(self, spend: Callable[[bytes, float], object], key: bytes, now: float) -> None:
        """Judge one request."""
        begin = thread_time_ns()
        spend(key, now)
        took = thread_time_ns() - begin
        self._calls += 1
        self._sum += took
        if took > self._longest["call"]:
            self._longest["call"] = took

    def sweep(self, limits: Limits, now: float) -> None:
        """Let one slice of keys expire."""
        begin = thread_time_ns()
        limits.sweep(now, thread_time)
        self._longest["sweep"] = max(self._longest["sweep"], thread_time_ns() - begin)

    def take(self) -> dict[str, float]:
        """What was found since the last time: `longest_...`, and `mean` of a call."""
        found: dict[str, float] = {f"longest_{name}": value for name, value in self._longest.items()}
        found["mean_call"] = self._sum / self._calls if self._calls else 0.0
        self._longest = dict.fromkeys(self._longest, 0)
        self._calls = self._sum = 0
        return found

    def _collected(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began = thread_time_ns()
        else:
            self._longest["collection"] = max(self._longest["collection"], thread_time_ns() - self._began)


def _keys(kind: bytes, count: int) -> Iterator[bytes]:
    """Made one by one, as requests make them: what the table keeps of them is its memory."""
    return (b"%b:10.%d.%d.%d" % (kind, n >> 16, n >> 8 & 255, n & 255) for n in range(count))


def _spend(
    pauses: Pauses,
    spend: Callable[[bytes, float], object],
    limits: Limits,
    keys: Iterable[bytes],
    now: float,
) -> float:
    """One request of each caller; the time afterwards."""
    for number, key in enumerate(keys):
        pauses.call(spend, key, now)
        if number % SWEEP_EVERY == 0:
            now += SWEEP_S
            pauses.sweep(limits, now)
    return now


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
