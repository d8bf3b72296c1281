"""One memory budget per worker, over everything that is buffered for a client: bodies, pipelined bytes, spools.

A taker that is refused must not buffer: it answers 503, or stops reading. What is taken is given back exactly once.
"""

from __future__ import annotations


class MemoryBudget:
    """`size` bytes to share out. `used` is what is out now, `peak` the most there ever was, `refusals` a count."""

    __slots__ = ("peak", "refusals", "size", "used")

    def __init__(self, size: int) -> None:
        self.size = size
        self.used = 0
        self.peak = 0
        self.refusals = 0

    def take(self, count: int) -> bool:
        """Reserve `count` bytes; False, and nothing reserved, when they are not to be had."""
        used = self.used + count
        if used > self.size:
            self.refusals += 1
            return False
        self.used = used
        self.peak = max(self.peak, used)
        return True

    def give(self, count: int) -> None:
        """Hand back what was taken."""
        self.used -= count

    def __repr__(self) -> str:
        return f"<MemoryBudget {self.used} of {self.size} bytes, {self.refusals} refusals>"
