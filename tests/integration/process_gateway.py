"""A gateway that does as it is told, for the tests of what runs it: it hangs, dies and refuses on request.

Its name in the configuration is its script: `refuse` refuses to be prepared, `refuse-1` only in worker 1, `die` dies
while it is.
"""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portico.config import ConfigurationError, Problem, Settings

CODE = os.environ.get("PROCESS_GATEWAY_CODE", "")


class Gateway:
    def __init__(self, *, cluster: Any, worker: int) -> None:
        self.cluster = cluster
        self.worker = worker
        self.count = 0
        self.ready = True
        self.reopened = 0
        self.heard_of: list[dict[str, Any]] = []
        self.settings: Settings | None = None
        self.staged: tuple[Settings, dict[str, str]] | None = None
        self.children: dict[str, str] = {}
        self.servers: list[asyncio.Server] = []
        self.busy: set[asyncio.Task[None]] = set()

    async def prepare(self, settings: Settings, children: Mapping[str, str]) -> None:
        name = settings.gateway.name
        if name == "refuse" or (name == "refuse-1" and self.worker == 1):
            raise ConfigurationError([Problem("portico.yaml", 2, 3, "gateway.name", "is not to our taste")])
        if name == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        self.staged = (settings, dict(children))

    def commit(self) -> None:
        assert self.staged is not None
        self.settings, self.children = self.staged
        self.staged = None

    def discard(self) -> None:
        self.staged = None

    async def listen(self, sockets: list[tuple[int, socket.socket]]) -> None:
        for _, each in sockets:
            self.servers.append(await asyncio.start_server(self.client, sock=each, backlog=128))

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            self.busy.add(task)  # from the start: who has connected is about to ask
            head = await reader.readuntil(b"\r\n\r\n")
            body = json.dumps(await self.answer(head.split()[1].decode())).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.busy.discard(task)
            writer.close()

    async def answer(self, target: str) -> Any:
        assert self.settings is not None
        self.count += 1
        path, _, argument = target.partition("?")
        match path:
            case "/wait":  # until a file is there
                while not os.path.exists(argument):  # noqa: ASYNC110 - another process makes it
                    await asyncio.sleep(0.01)
            case "/hang":
                Path(argument).touch()
                time.sleep(600)  # noqa: ASYNC251 - to hang is the point
            case "/snapshots":
                return await self.cluster.snapshots()
            case "/tell":
                self.cluster.tell({"breaker": argument})
        return {
            "pid": os.getpid(),
            "worker": self.worker,
            "name": self.settings.gateway.name,
            "routes": len(self.settings.routes),
            "children": self.children,
            "ready": self.ready,
            "heard": self.heard_of,
            "reopened": self.reopened,
            "code": CODE,
        }

    def drain(self) -> None:
        self.ready = False

    def stop_accepting(self) -> None:
        for server in self.servers:
            server.close()

    async def finish(self, grace_s: float) -> bool:
        for _ in range(5):  # a connection that was accepted last is not yet among the busy
            await asyncio.sleep(0)
        if self.busy:
            await asyncio.wait(self.busy, timeout=grace_s)
        return not self.busy

    async def close(self) -> None:
        pass

    def snapshot(self) -> dict[str, Any]:
        family = {"kind": "counter", "help": "", "labels": (), "merge": "sum", "bounds": (), "count_of": ""}
        return {
            "pid": os.getpid(),
            "worker": self.worker,
            "in_flight": len(self.busy),
            "metrics": {"requests_total": {**family, "children": [((), [self.count])]}},
        }

    def heard(self, message: dict[str, Any]) -> None:
        self.heard_of.append(message)

    def reopen_logs(self) -> None:
        self.reopened += 1
