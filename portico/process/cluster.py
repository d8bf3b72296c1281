"""A worker's door to its siblings, by way of the supervisor: everybody's numbers, and news to everybody.

Never waits longer than a second: with the supervisor gone or busy, the last known numbers of the others stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from portico.process.messages import AskSnapshots, Link, News, Snapshots

PATIENCE_S = 1.0


class Siblings:
    """What the gateway is handed as its cluster. `own` takes this worker's snapshot; `store` is the socket of the
    store process, empty for a worker that is alone."""

    def __init__(self, link: Link, worker: int, own: Callable[[], dict[str, Any]], store: str = "") -> None:
        self.store: str | None = store
        self._link = link
        self._worker = worker
        self._own = own
        self._asks = 0
        self._waiting: dict[int, asyncio.Future[list[dict[str, Any]]]] = {}
        self._known: list[dict[str, Any]] = []

    async def snapshots(self) -> list[dict[str, Any]]:
        """Every live worker's snapshot, this one's included, and one (`worker` is None) with the counts of the dead."""
        self._asks += 1
        ask = self._asks
        answer = self._waiting[ask] = asyncio.get_running_loop().create_future()
        self._link.send(AskSnapshots(ask))
        try:
            async with asyncio.timeout(PATIENCE_S):
                self._known = await answer
        except TimeoutError:
            own = self._own()
            return [*(each for each in self._known if each.get("pid") != own.get("pid")), own]
        finally:
            del self._waiting[ask]
        return self._known

    def tell(self, message: dict[str, Any]) -> None:
        """Tell every sibling. Nobody answers, and nobody may be there."""
        self._link.send_news(News(message))

    def answered(self, snapshots: Snapshots) -> None:
        """The supervisor's answer to an ask."""
        future = self._waiting.get(snapshots.ask)
        if future is not None and not future.done():
            future.set_result(snapshots.snapshots)

    def __repr__(self) -> str:
        return f"<Siblings of worker {self._worker}, {len(self._waiting)} asks>"
