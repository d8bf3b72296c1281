"""What is on the road of one worker, and how an exchange leaves it: exactly once, whatever else happens to it.

It never writes to a client: whoever ends an exchange has told the client before, or the client is gone.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from portico.exchange.exchange import Exchange
from portico.exchange.memory import MemoryBudget
from portico.exchange.stream import Tunnel

from .bodies import release

log = logging.getLogger("portico")


class InFlight:
    """The exchanges that have begun and not ended, and the tunnels that some have become."""

    def __init__(self, memory: MemoryBudget) -> None:
        self.memory = memory
        self.active: set[Exchange] = set()
        self.tunnels: dict[Exchange, Tunnel] = {}
        self._emptied: asyncio.Event | None = None  # while somebody waits for the last exchange to end

    def give_up(self, x: Exchange) -> None:
        """Stop whatever is under way for this exchange."""
        task, x.task = x.task, None
        if task is not None:
            task.cancel()
        attempt, x.attempt = x.attempt, None
        if attempt is not None:
            attempt.cancel()

    def end(self, x: Exchange, now: float) -> None:
        """It is over: give back what it holds, and tell the stages. Nothing happens when it was over already."""
        if x.ended:
            return
        x.ended = True
        x.finished = now
        self.active.discard(x)
        if x.reserved:
            release(x, self.memory)
        if self._emptied is not None and not self.active:
            self._emptied.set()
        for hook in x.chain.ends:
            try:
                hook(x)
            except Exception:
                log.exception("a stage failed at the end of an exchange", extra=about(x))

    async def empty(self, within_s: float) -> bool:
        """Wait until nothing is in flight; False when that took too long."""
        if self.active:
            self._emptied = asyncio.Event()
            try:
                await asyncio.wait_for(self._emptied.wait(), within_s)
            except TimeoutError:
                return False
            finally:
                self._emptied = None
        return True

    def __repr__(self) -> str:
        return f"<InFlight {len(self.active)} exchanges {len(self.tunnels)} tunnels>"


def about(x: Exchange) -> dict[str, Any]:
    """What a log line says of an exchange."""
    return {"requestId": x.request_id.decode("latin-1"), "route": x.route.name}
