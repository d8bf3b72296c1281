"""Every kind of store, opened for the contract suite: one place that several clients share."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from portico.config.values.stores import store_address
from portico.rules import Limits
from portico.stores import MemoryStore, Store
from portico.stores.redis import RedisStore
from portico.stores.server import StoreServer
from portico.stores.shared import SharedStore
from portico.stores.sqlite import FILE, SqliteJournal
from tests.redis_server import redis_server

MOST_KEYS = 100_000
PATIENCE_S = 30.0  # a machine may be busy; how long a question may take is no part of the contract


class Place(ABC):
    """Where what clients share is. `outlives` says whether facts survive the end of all that runs."""

    outlives = False

    def __init__(self, folder: Path, cleanup: contextlib.ExitStack) -> None:
        self.folder = folder
        self.cleanup = cleanup

    @abstractmethod
    async def client(self) -> Store:
        """One more client of this place."""

    async def close(self) -> None:
        """After the last client."""
        self.cleanup.close()


class InMemory(Place):
    def __init__(self, folder: Path, cleanup: contextlib.ExitStack) -> None:
        super().__init__(folder, cleanup)
        self._store = MemoryStore(Limits(MOST_KEYS))

    async def client(self) -> Store:
        return self._store


class OverSqlite(Place):
    """One process's store; `again` is the process that comes after it."""

    outlives = True

    def __init__(self, folder: Path, cleanup: contextlib.ExitStack) -> None:
        super().__init__(folder, cleanup)
        self._store: MemoryStore | None = None

    async def client(self) -> Store:
        if self._store is None:
            journal = SqliteJournal(str(self.folder / FILE))
            self._store = MemoryStore(Limits(MOST_KEYS), journal)
        return self._store


class InStoreProcess(Place):
    """The server in this process, its clients over a real socket."""

    def __init__(self, folder: Path, cleanup: contextlib.ExitStack) -> None:
        super().__init__(folder, cleanup)
        self._folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="portico-"))
        self._server: StoreServer | None = None

    async def client(self) -> Store:
        path = f"{self._folder}/store.sock"
        if self._server is None:
            self._server = StoreServer(MemoryStore(Limits(MOST_KEYS)))
            listening = self.cleanup.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(path)
            await self._server.serve(listening)
        return SharedStore(path, PATIENCE_S)

    async def close(self) -> None:
        if self._server is not None:
            await self._server.close()
        await super().close()


class InRedis(Place):
    def __init__(self, folder: Path, cleanup: contextlib.ExitStack) -> None:
        super().__init__(folder, cleanup)
        self.server = cleanup.enter_context(redis_server())

    def url(self) -> str:
        return self.server.url

    async def client(self, now: Callable[[], float] | None = None) -> RedisStore:
        return RedisStore(store_address(self.url()), "t:", PATIENCE_S, now)


class InRedisBySocket(InRedis):
    def url(self) -> str:
        return f"unix://{self.server.path}?db=3"


KINDS: dict[str, type[Place]] = {
    "memory": InMemory,
    "sqlite": OverSqlite,
    "process": InStoreProcess,
    "redis": InRedis,
    "redis-socket": InRedisBySocket,
}
