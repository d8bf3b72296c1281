"""Opens the store that a configuration names: for a worker, for the store process, for commands beside a gateway.

What cannot be opened never stops a start: the store is away until it can be (design decision 9).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from math import inf

from portico.config.models.gateway import GatewaySettings
from portico.config.models.store import StoreSettings
from portico.rules import Limits

from .guarded import Distant
from .interface import Ask, Judged, Kind, Store, StoreAwayError
from .memory import MemoryStore
from .shared import SharedStore
from .sqlite import FILE, SqliteJournal

AGAIN_S = 1.0
PATIENT_S = 5.0  # for commands, which nobody waits for with a request

NO_REDIS = "redis is not installed; it comes with portico-gateway[redis]"


def open_in_process(limits: Limits, data: str) -> MemoryStore:
    """A store in this process over the database in the folder `data`. Raises StoreAwayError."""
    try:
        os.makedirs(data, mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreAwayError(f"{data} cannot be made: {error.strerror}") from None
    return MemoryStore(limits, SqliteJournal(os.path.join(data, FILE)))


def open_distant(settings: StoreSettings, socket: str, timeout_s: float | None = None) -> Distant:
    """Redis, or the store process behind `socket`. Nothing is connected yet. Raises ImportError without redis-py."""
    timeout_s = settings.timeout if timeout_s is None else timeout_s
    address = settings.address
    if address is None:
        return SharedStore(socket, timeout_s)
    from .redis import RedisStore

    return RedisStore(address, settings.prefix, timeout_s)


def open_facts(gateway: GatewaySettings) -> Store:
    """For commands: what they write, a gateway that runs takes over. Raises StoreAwayError."""
    if gateway.store.url is None:
        return open_in_process(Limits(0), gateway.data)
    try:
        return open_distant(gateway.store, "", PATIENT_S)
    except ImportError as error:
        raise StoreAwayError(NO_REDIS) from error


class Persistent:
    """A store in this process, whose database may not be there yet. Until it is, every verb raises StoreAwayError:
    who does not know what was revoked must not answer as if nothing were."""

    def __init__(self, limits: Limits, data: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._data = data
        self._clock = clock
        self._store: MemoryStore | None = None
        self._trouble = ""
        self._again_at = 0.0

    @property
    def _open(self) -> MemoryStore:
        if self._store is None:
            now = self._clock()
            if now < self._again_at:
                raise StoreAwayError(self._trouble)
            try:
                self._store = open_in_process(self._limits, self._data)
            except StoreAwayError as error:
                self._trouble = str(error)
                self._again_at = now + AGAIN_S
                raise
        return self._store

    @property
    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """None: it is in this process."""
        return []

    async def connect(self) -> None:
        """See that it is there. Raises StoreAwayError."""
        _ = self._open
        await asyncio.sleep(0)

    async def judge(self, ask: Ask) -> Judged:
        return self._open.judge_now(ask)

    async def revoke(self, mark: bytes, until: float, before: float = inf) -> None:
        await self._open.revoke(mark, until, before)

    async def once(self, key: bytes, until: float) -> bool:
        return await self._open.once(key, until)

    async def find(self, kind: Kind, key: str) -> bytes | None:
        return await self._open.find(kind, key)

    async def keep(self, kind: Kind, key: str, value: bytes, until: float | None) -> None:
        await self._open.keep(kind, key, value, until)

    async def swap(self, kind: Kind, key: str, old: bytes | None, new: bytes, until: float | None) -> bool:
        return await self._open.swap(kind, key, old, new, until)

    async def drop(self, kind: Kind, key: str) -> bool:
        return await self._open.drop(kind, key)

    def list(self, kind: Kind, prefix: str = "") -> AsyncIterator[tuple[str, bytes]]:
        return self._open.list(kind, prefix)

    def sweep(self) -> None:
        """As `MemoryStore.sweep`."""
        if self._store is not None:
            self._store.sweep()

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()

    def __repr__(self) -> str:
        return f"<Persistent {self._store or self._trouble!r}>"
