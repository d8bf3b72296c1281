"""What runs beside the requests while a configuration is live: key sets that are fetched anew, caches that are filled.

One task for each key. A reload ends them all and begins those of the new configuration; what they fetched is kept by
who keeps it (`Site.live`). A task that fails is logged and begun again, later each time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from .site import Make

log = logging.getLogger("portico")

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


class Background:
    """The tasks of one worker."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, makes: Mapping[str, Make]) -> None:
        """End what runs, and run these."""
        self.end()
        for key, make in makes.items():
            self.tasks.append(asyncio.get_running_loop().create_task(_keep_running(key, make), name=key))

    def end(self) -> None:
        """End everything."""
        for task in self.tasks:
            task.cancel()
        self.tasks = []

    def __repr__(self) -> str:
        return f"<Background {len(self.tasks)} tasks>"


async def _keep_running(key: str, make: Make) -> None:
    wait_s = FIRST_WAIT_S
    while True:
        try:
            await make()
            return
        except Exception:
            log.exception("%s failed, and is begun again in %g s", key, wait_s)
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2.0, LONGEST_WAIT_S)
