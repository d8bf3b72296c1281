"""How much of everything a scenario takes: the sizes that the goals speak of, or what the environment says.

`BENCH_RELOADS=50 make bench SCENARIOS=reload` is quick, and says nothing about a thousand reloads: every scenario
writes the sizes it used into its result.
"""

from __future__ import annotations

import os

SIZES = {
    "SMALL_BODY": 1 << 20,  # bytes
    "LARGE_BODY": 1 << 30,  # bytes
    "SMALL_BODIES": 200,  # transfers a turn
    "ROUTES": 10_000,  # the largest table
    "IDLE": 10_000,  # connections
    "STARTS": 5,  # of a worker
    "SPLIT": 1_000,  # connections over two workers
    "RELOADS": 1_000,  # one after the other
    "KEYS": 1_000_000,  # of a limit
}


def size(name: str) -> int:
    """The size of this name. Raises `ValueError` for anything but a whole number from 1."""
    written = os.environ.get(f"BENCH_{name}", "")
    number = int(written) if written else SIZES[name]
    if number < 1:
        raise ValueError(f"BENCH_{name} must be at least 1")
    return number
