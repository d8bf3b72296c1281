"""Questions to a service that are asked once, however many wait for the answer, and whose answers are kept for a while.

Who waits may go away: the question is not theirs alone, and goes on. A failure is told to all who wait and to nobody
later. What is kept is bounded by a number of entries, the oldest of which make room.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Asked(Generic[K, V]):
    """Questions on their way, by key."""

    __slots__ = ("_name", "_tasks")

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: dict[K, asyncio.Task[V]] = {}

    def begin(self, key: K, ask: Callable[[K], Coroutine[Any, Any, V]]) -> asyncio.Task[V]:
        """The question that is on its way, or else a new one. To wait for it, shield it."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(ask(key), name=self._name)
            task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: K, task: asyncio.Task[V]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # if everybody who waited has gone, nobody else looks at it

    def __len__(self) -> int:
        return len(self._tasks)


class Kept(OrderedDict[K, V]):
    """Answers by key, at most so many."""

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> None:
        """Remember it as the newest."""
        self.pop(key, None)
        while len(self) >= self._most:
            self.popitem(last=False)
        self[key] = value
