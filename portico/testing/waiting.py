"""The one way in which tests wait: for a condition, and not longer than they can say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

PATIENCE_S = 10.0


class TookTooLong(AssertionError):
    """What a test waited for has not come."""


async def until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Let the loop run until `condition()` is true. Raises TookTooLong, with `what` and the last answer."""
    end = monotonic() + patience_s
    turns = 0
    while not (answer := condition()):
        if monotonic() > end:
            raise TookTooLong(f"{what}: still {answer!r} after {patience_s:g} s")
        turns += 1
        # Most conditions come true within a few turns of the loop; the others must not burn the processor.
        await asyncio.sleep(0 if turns < 20 else 0.002)


async def turns(count: int = 4) -> None:
    """Let the loop turn, so that bytes on loopback sockets reach those who read them."""
    for _ in range(count):
        await asyncio.sleep(0)
