"""A million callers of one limit: is memory bounded, and how long does the loop stand still at most?

The limiter alone, in a process of its own on the proxy's core (`bench.keys`): filled to its bound, asked again for
everybody, flooded with as many unknown callers, and emptied by expiry.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.goals import goal, spread
from bench.memory import MIB
from bench.processes import PROXY_CORE
from bench.results import Result, Table
from bench.runner import Bench
from bench.sizes import size

NAME = "keys"
TITLE = "A million keys of a limit"
ROUNDS = 2
PAUSE_MS = 5.0
PHASES = {
    "fill_ns": "every caller is new",
    "known_ns": "every caller is known",
    "flood_ns": "as many others come, beyond the bound",
    "expiry_ns": "all are forgotten",
}
KINDS = ("longest_call", "longest_sweep", "longest_collection")
_HOUSE = Path(__file__).resolve().parents[2]


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    command = ["taskset", "-c", PROXY_CORE, sys.executable, "-m", "bench.keys", str(size("KEYS"))]
    found: list[dict[str, Any]] = []
    for _ in range(min(bench.rounds, ROUNDS)):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_HOUSE)
        if done.returncode:
            result.failed["limiter"] = done.stderr.strip()[-400:]
            return result
        found.append(json.loads(done.stdout))
    _report(result, found)
    return result


def _report(result: Result, found: list[dict[str, Any]]) -> None:
    keys = found[0]["keys"]
    columns = ("while", "µs per call", "longest call, ms", "longest sweep, ms", "longest collection, ms")
    rows: list[tuple[str, ...]] = []
    for phase, title in PHASES.items():
        mean = [each[phase]["mean_call"] / 1e3 for each in found]
        longest = [spread([each[phase][kind] / 1e6 for each in found], 2) for kind in KINDS]
        rows.append((title, spread(mean, 2) if any(mean) else "–", *longest))
    result.tables.append(Table(columns, rows, f"{keys:,} keys, the limiter alone"))
    sizes = {
        "at rest": [each["before_bytes"] for each in found],
        f"with {keys:,} keys": [each["full_bytes"] for each in found],
        "after as many others came": [each["flood_bytes"] for each in found],
        "after all were forgotten": [each["after_bytes"] for each in found],
    }
    cells = tuple(spread([held / MIB for held in each], 1) for each in sizes.values())
    result.tables.append(Table(tuple(sizes), [cells], "Resident MiB"))
    each_bytes = statistics.median((one["full_bytes"] - one["before_bytes"]) / keys for one in found)
    result.notes.append(
        f"{len(found)} rounds. Pauses are CPU time of the thread, timed call by call, which itself is in the mean; "
        f"a sweep comes after every thousand calls. A key of about 17 bytes costs {each_bytes:,.0f} bytes."
    )
    result.measured["rounds"] = found
    held = max(one["held_in_flood"] for one in found)
    grown = statistics.median(one["flood_bytes"] / one["full_bytes"] for one in found)
    goal(
        result,
        "G5",
        f"{keys:,} limit keys: bounded memory",
        held <= keys * 1.01 and grown <= 1.5,
        f"{held:,} keys and {grown:.2f} × the memory after as many others came",
    )
    pause = statistics.median(
        max(one[phase][kind] for phase in PHASES for kind in KINDS) / 1e6 for one in found
    )
    goal(result, "G5", f"{keys:,} limit keys: no pause > 5 ms", pause <= PAUSE_MS, f"{pause:.2f} ms at most")
