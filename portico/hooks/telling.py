"""What a store has to be told behind a reply that cannot wait, told again until it has heard it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from portico.stores.interface import StoreAwayError

log = logging.getLogger("portico")

_AGAIN_S = (0.1, 0.5, 2.0, 10.0, 60.0)


class Tellers:
    """What the store has to be told and cannot be told at once, is told again."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, what: str, make: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run this until the store has heard it."""
        task = asyncio.get_running_loop().create_task(_tell(what, make), name=what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _tell(what: str, make: Callable[[], Coroutine[Any, Any, object]]) -> None:
    for wait_s in _AGAIN_S:
        try:
            await make()
            return
        except StoreAwayError:
            await asyncio.sleep(wait_s)
    try:
        await make()
    except StoreAwayError as error:
        log.error("%s was lost: the store could not be told for too long: %s", what, error)
