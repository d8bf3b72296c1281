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
from tests.redis_server import RedisServer, redis_cluster, redis_sentinel, redis_server

MOST_KEYS = 100_000
PATIENCE_S = 30.0  # a machine may be busy; how long a question may take is no part of the contract


class Servers:
    """What runs for all tests, started when it is first asked for and emptied for each."""

    def __init__(self, cleanup: contextlib.ExitStack) -> None:
        self._cleanup = cleanup
        self._nodes: dict[str, list[RedisServer]] = {}
        self._sentinel: RedisServer | None = None

    def redis(self) -> RedisServer:
        return self._emptied("redis", lambda: [self._cleanup.enter_context(redis_server())])[0]

    def sentinel(self) -> RedisServer:
        """It watches the server above."""
        watched = self.redis()
        self._sentinel = self._sentinel or self._cleanup.enter_context(redis_sentinel(watched))
        return self._sentinel

    def cluster(self) -> list[RedisServer]:
        return self._emptied("cluster", lambda: self._cleanup.enter_context(redis_cluster(3)))

    def _emptied(self, name: str, start: Callable[[], list[RedisServer]]) -> list[RedisServer]:
        if name not in self._nodes:
            self._nodes[name] = start()
        for node in self._nodes[name]:
            node.ask("FLUSHALL")
        return self._nodes[name]


class Place(ABC):
    """Where what clients share is."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        self.folder = folder
        self.servers = servers
        self.cleanup = contextlib.ExitStack()

    @abstractmethod
    async def client(self) -> Store:
        """One more client of this place."""

    async def close(self) -> None:
        """After the last client."""
        self.cleanup.close()


class InMemory(Place):
    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder, servers)
        self._store = MemoryStore(Limits(MOST_KEYS))

    async def client(self) -> Store:
        return self._store


class OverSqlite(Place):
    """One process's store."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder, servers)
        self._store: MemoryStore | None = None

    async def client(self) -> Store:
        if self._store is None:
            journal = SqliteJournal(str(self.folder / FILE))
            self._store = MemoryStore(Limits(MOST_KEYS), journal)
        return self._store


class InStoreProcess(Place):
    """The server in this process, its clients over a real socket."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder, servers)
        self._folder = self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="portico-"))
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
    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder, servers)
        self.server = servers.redis()

    def url(self) -> str:
        return self.server.url

    async def client(self, now: Callable[[], float] | None = None) -> RedisStore:
        return RedisStore(store_address(self.url()), "t:", PATIENCE_S, now)


class InRedisBySocket(InRedis):
    def url(self) -> str:
        return f"unix://{self.server.path}?db=3"


class InRedisBySentinel(InRedis):
    """Found by a Sentinel that watches it."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder, servers)
        self.sentinel = servers.sentinel()

    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/mine/2"


class InCluster(Place):
    """Three nodes, one after the other responsible for a third of the slots."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder, servers)
        self.nodes = servers.cluster()

    async def client(self) -> RedisStore:
        return RedisStore(store_address(f"redis+cluster://127.0.0.1:{self.nodes[0].port}"), "t:", PATIENCE_S)


KINDS: dict[str, type[Place]] = {
    "memory": InMemory,
    "sqlite": OverSqlite,
    "process": InStoreProcess,
    "redis": InRedis,
    "redis-socket": InRedisBySocket,
    "redis-sentinel": InRedisBySentinel,
    "redis-cluster": InCluster,
}
