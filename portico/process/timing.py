"""Every wait of the supervisor in one place, so that tests can shorten them, and how a process's end is told."""

from __future__ import annotations

import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds throughout. None of these is a setting: each bounds something that should never happen."""

    beat_s: float = 1.0  # workers report that they live, and their numbers
    hung_beats: int = 15  # a worker that misses so many is hung: stacks are dumped, then it is killed
    start_s: float = 60.0  # from a worker's start to its serving
    prepare_s: float = 60.0  # a reload's compilation in a serving worker
    children_s: float = (
        10.0  # that the first start waits for services beside the gateway, and a reload for new ones
    )
    child_stop_s: float = 5.0  # that a service beside the gateway has to stop
    end_s: float = 2.0  # beyond its grace, that a worker has to exit
    snapshot_s: float = 0.8  # that the numbers of all workers are waited for
    backoff_first_s: float = 0.1
    backoff_last_s: float = 10.0
    stable_s: float = 10.0  # a process that was of use for so long starts its back-off anew
    attempts: int = 3  # that every worker may fail in a row before the first start is given up
    late_attempts: int = 10  # the same once the gateway has served


def describe_exit(code: int) -> str:
    """`was killed by SIGKILL`, `exited with code 1`."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
