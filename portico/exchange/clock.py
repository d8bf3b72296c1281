"""Wall time for those who hold a monotonic `now`: one offset per worker, refreshed by the sweep.

Rules and deadlines use monotonic time; tokens, logs and headers need wall time. Asking the system for it once per
tick instead of once per use is one clock read less per request, and both stay consistent within an event.
"""

from __future__ import annotations

import time


class Clock:
    """`offset` is wall minus monotonic time, in seconds."""

    __slots__ = ("date", "offset")

    def __init__(self) -> None:
        self.offset = 0.0
        self.date = b""  # RFC 9110 section 5.6.7
        self.tick(time.monotonic())

    def tick(self, now: float) -> None:
        """Look at the system's clock."""
        wall = time.time()
        self.offset = wall - now
        self.date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(wall)).encode()

    def wall(self, now: float) -> float:
        """Wall time in seconds since the epoch at the monotonic time `now`."""
        return now + self.offset
