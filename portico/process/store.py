"""Keeps the store process alive, which several workers share when there is no Redis (design decision 9).

It is started before the workers and ended after them. When it dies it is started again with back-off: facts come back
from SQLite, counts begin anew. Its socket is in a private folder and is held here, so that workers that connect while
it is dead are served by its successor.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import suppress

from portico.process.backoff import Backoff
from portico.process.timing import Timing, describe_exit

log = logging.getLogger("portico.process")

READY = b"ready\n"
_BACKLOG = 256


class StoreProcess:
    """The process and its successors. `path` is where it answers; `data` the folder of its database."""

    def __init__(self, data: str, most_keys: int, timing: Timing) -> None:
        self.pid: int | None = None
        self.restarts = 0
        self.ready = asyncio.Event()
        self._data = data
        self._most_keys = most_keys
        self._timing = timing
        self._stopping = False
        self._lifeline: asyncio.StreamWriter | None = None
        self._folder = tempfile.mkdtemp(prefix="portico-")  # mode 0700
        self.path = os.path.join(self._folder, "store.sock")
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(self.path)
        self._listening.listen(_BACKLOG)
        self._task = asyncio.create_task(self._keep(), name="store")

    async def settled(self, timeout_s: float) -> None:
        """Wait until it answers, at most so long: workers serve without it."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.ready.wait()
        except TimeoutError:
            log.error("the store process was not ready within %g s", timeout_s)

    async def stop(self) -> None:
        """End it in good order; by force when that takes too long."""
        self._stopping = True
        if self._lifeline is not None:
            self._lifeline.close()
        if self.pid is None:
            self._task.cancel()
        done, _ = await asyncio.wait([self._task], timeout=self._timing.child_stop_s)
        if not done:
            log.warning("the store process did not stop within %g s: killed", self._timing.child_stop_s)
            self.kill()
            await asyncio.wait([self._task])
        self._listening.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it at once."""
        if self.pid is not None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def status(self) -> dict[str, object]:
        """For `portico status`."""
        return {"pid": self.pid, "ready": self.ready.is_set(), "restarts": self.restarts}

    async def _keep(self) -> None:
        backoff = Backoff(self._timing.backoff_first_s, self._timing.backoff_last_s, self._timing.stable_s)
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            code = await self._run()
            useful_s = clock() - started if self.ready.is_set() else 0.0
            self.ready.clear()
            if self._stopping:
                return
            wait_s = backoff.died(useful_s)
            log.error("the store process %s; starting it again in %g s", describe_exit(code), wait_s)
            await asyncio.sleep(wait_s)
            self.restarts += 1

    async def _run(self) -> int:
        """One process from start to end; its exit code."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        hearing = asyncio.create_task(self._hear(reader))
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",
                    "-m",
                    "portico.process.store_child",
                    f"--listen={self._listening.fileno()}",
                    f"--lifeline={theirs.fileno()}",
                    f"--data={self._data}",
                    f"--keys={self._most_keys}",
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=sys.stderr.fileno(),  # standard output is the access log's
                    pass_fds=[theirs.fileno(), self._listening.fileno()],
                    process_group=0,  # Ctrl-C in the terminal is for the supervisor, which stops us in order
                )
            self.pid = process.pid
            self._lifeline = writer
            if self._stopping:
                writer.close()
            return await process.wait()
        except OSError as error:
            log.error("the store process cannot be started: %s", error.strerror)
            return 1
        finally:
            self.pid = self._lifeline = None
            hearing.cancel()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()  # the loop may end right behind this

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        try:
            if await reader.readline() == READY:
                self.ready.set()
                if self.restarts:
                    log.info("the store process is back (pid %s)", self.pid)
        except ConnectionError:
            pass
