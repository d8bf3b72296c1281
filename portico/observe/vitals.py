"""The vital signs of this process: memory, CPU, open files, start, collections of garbage.

Read from /proc and the standard library when asked, never kept. Off Linux, what cannot be read is left out.
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence

Sample = tuple[Sequence[str], float]

_STARTED = time.time()  # this module is loaded as the process starts


def started_s() -> float:
    """When this process started, wall time in seconds."""
    return _STARTED


def cpu_s() -> float:
    """Seconds of CPU that this process has used, in user and system mode."""
    times = os.times()
    return times.user + times.system


def memory_bytes() -> tuple[int, int] | None:
    """Resident and virtual size, None where there is no /proc."""
    try:
        with open("/proc/self/statm", "rb") as file:
            virtual, resident = file.read().split()[:2]
    except OSError:
        return None
    page = resource.getpagesize()
    return int(resident) * page, int(virtual) * page


def open_files() -> int | None:
    """How many file descriptors are open, None where there is no /proc."""
    try:
        return len(os.listdir("/proc/self/fd")) - 1  # without the one that reads the folder
    except OSError:
        return None


def file_limit() -> int:
    """How many file descriptors may be open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def python_version() -> tuple[str, str]:
    """Implementation and version."""
    return sys.implementation.name, platform.python_version()


def collections() -> Iterator[Sample]:
    """Runs of the garbage collector by generation."""
    return _collector("collections")


def collected() -> Iterator[Sample]:
    """Objects that the garbage collector freed, by generation."""
    return _collector("collected")


def uncollectable() -> Iterator[Sample]:
    """Objects that it could not free, by generation."""
    return _collector("uncollectable")


def _collector(figure: str) -> Iterator[Sample]:
    for generation, figures in enumerate(gc.get_stats()):
        yield (str(generation),), figures[figure]
