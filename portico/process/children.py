"""Keeps the services beside the gateway alive: one supervised process for each `asgi://` application.

A child that dies is started again with back-off and never stops the gateway, which serves without it (requirements
13.2). Its output goes where the supervisor's errors go. The sockets are in a private folder that ends with us.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from portico.process.backoff import Backoff
from portico.process.timing import Timing, describe_exit
from portico.services.child import FAILED, READY

log = logging.getLogger("portico.process")


@dataclass(frozen=True, slots=True)
class App:
    """What to run: `target` is `package.module:app`, `env` is added to the gateway's own environment. `shared`: the
    services that run this with this `env` share one process, and are told apart by the path of their address."""

    service: str
    target: str
    env: tuple[tuple[str, str], ...] = ()
    shared: bool = False

    @property
    def label(self) -> str:
        """What the process is called."""
        return self.target if self.shared else self.service

    @property
    def process(self) -> tuple[object, ...]:
        """Equal for all that one process serves."""
        return self.label, self.target, self.env


class Child:
    """One service's process, and its successors after a death. `path` is where it listens, always the same."""

    def __init__(self, app: App, path: str, timing: Timing, grace_s: float) -> None:
        self.app = app
        self.path = path
        self.pid: int | None = None
        self.restarts = 0
        self.reason = ""  # why it is not ready
        self._timing = timing
        self.grace_s = grace_s
        self._tried = asyncio.Event()  # ready or failed once: there is something to say
        self._ready_since: float | None = None
        self._socket: socket.socket | None = None
        self._lifeline: asyncio.StreamWriter | None = None
        self._stopping = False
        self._task = asyncio.create_task(self._keep(), name=f"child {app.label}")

    @property
    def ready(self) -> bool:
        """Whether it can take requests."""
        return self._ready_since is not None

    async def settled(self, timeout_s: float) -> bool:
        """Wait until it is ready or has failed once, at most so long. True when it is ready."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._tried.wait()
        except TimeoutError:
            self.reason = f"{self.app.target} was not ready within {timeout_s:g} s"
        return self.ready

    async def stop(self, within_s: float) -> None:
        """End it in good order; by force when that takes longer than `within_s`."""
        self._stopping = True
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        if self.pid is None:
            self._task.cancel()
        done, _ = await asyncio.wait([self._task], timeout=within_s)
        if not done:
            log.warning("service %s did not stop within %g s: killed", self.app.label, within_s)
            self.kill()
            await asyncio.wait([self._task])

    def kill(self) -> None:
        """End it, and whatever it started, at once."""
        if self.pid is not None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def status(self) -> dict[str, object]:
        """For `portico status`."""
        return {
            "service": self.app.label,
            "app": self.app.target,
            "pid": self.pid,
            "ready": self.ready,
            "restarts": self.restarts,
            "reason": "" if self.ready else self.reason,
        }

    def order(self) -> tuple[str, str]:
        """By service, then by age."""
        return self.app.label, self.path

    async def _keep(self) -> None:
        backoff = Backoff(self._timing.backoff_first_s, self._timing.backoff_last_s, self._timing.stable_s)
        clock = asyncio.get_running_loop().time
        try:
            while True:
                code = await self._run()
                useful_s = clock() - self._ready_since if self._ready_since is not None else 0.0
                self._ready_since = None
                if self._stopping:
                    return
                if not useful_s:
                    self._unbind()
                self.reason = self.reason or f"{self.app.target} {describe_exit(code)}"
                self._tried.set()
                wait_s = backoff.died(useful_s)
                log.error("service %s: %s; starting it again in %g s", self.app.label, self.reason, wait_s)
                await asyncio.sleep(wait_s)
                self.restarts += 1
        finally:
            self._unbind()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)

    def _bind(self) -> socket.socket:
        """The socket that the process is to listen on. It is bound and no more: until the process listens, requests
        are refused at once. From then on it listens also while the process is dead, and what comes meanwhile waits
        for the successor; but only for one, for a successor that cannot serve gets a new socket."""
        if self._socket is None:
            bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                bound.bind(f"{self.path}+")
                os.rename(f"{self.path}+", self.path)  # there is never a moment without one
            except OSError:
                bound.close()
                raise
            self._socket = bound
        return self._socket

    def _unbind(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _run(self) -> int:
        """One process from start to end; its exit code."""
        self.reason = ""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        hearing = asyncio.create_task(self._hear(reader))
        try:
            with theirs:
                listening = self._bind()
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",
                    "-m",
                    "portico.services.child",
                    f"--service={self.app.label}",
                    f"--app={self.app.target}",
                    f"--socket={self.path}",
                    f"--listen={listening.fileno()}",
                    f"--lifeline={theirs.fileno()}",
                    f"--grace={self.grace_s}",
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=sys.stderr.fileno(),  # standard output is the access log's
                    env={**os.environ, **dict(self.app.env)},
                    pass_fds=[theirs.fileno(), listening.fileno()],
                    process_group=0,  # Ctrl-C in the terminal is for the supervisor, which stops us in order
                )
            self.pid = process.pid
            self._lifeline = None if self._stopping else writer
            if self._stopping:
                writer.close()
            code = await process.wait()
            # Its last words may still be on the way; a process that it left behind may keep the channel open.
            await asyncio.wait([hearing], timeout=1)
            return code
        except OSError as error:
            self.reason = f"cannot start a process: {error.strerror}"
            return 1
        finally:
            self.pid = self._lifeline = None
            hearing.cancel()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()  # the loop may end right behind this

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        try:
            async for line in reader:
                self._heard(line)
        except ConnectionError:
            pass

    def _heard(self, line: bytes) -> None:
        if line == READY:
            self._ready_since = asyncio.get_running_loop().time()
            self._tried.set()
            if self.restarts:
                log.info("service %s is back (pid %s)", self.app.label, self.pid)
        elif line.startswith(FAILED):
            self.reason = line.removeprefix(FAILED).decode(errors="replace").strip()


class Children:
    """All of them. `current` are those that the live configuration uses, by service."""

    def __init__(self, timing: Timing) -> None:
        self.current: dict[str, Child] = {}
        self._timing = timing
        self._all: set[Child] = set()
        self._folder = ""
        self._started = 0

    def start(self, apps: Iterable[App], grace_s: float, *, anew: bool = False) -> dict[str, Child]:
        """A child for each application: the current one where nothing has changed, else (or `anew`) a new one."""
        wanted: dict[str, Child] = {}
        running = {} if anew else {child.app.process: child for child in self.current.values()}
        for app in apps:
            child = running.get(app.process)
            if child is None:
                self._folder = self._folder or tempfile.mkdtemp(prefix="portico-")
                self._started += 1
                # Short, whatever the service is called: a socket's address has 107 bytes.
                child = Child(app, f"{self._folder}/{self._started}.sock", self._timing, grace_s)
                self._all.add(child)
                running[app.process] = child
            wanted[app.service] = child
        return wanted

    async def settled(self, children: Mapping[str, Child]) -> list[str]:
        """Wait until each is ready or has failed once; why each that is not ready is not."""
        processes = list(dict.fromkeys(children.values()))
        await asyncio.gather(*(child.settled(self._timing.children_s) for child in processes))
        return [f"service {child.app.label}: {child.reason}" for child in processes if not child.ready]

    def adopt(self, wanted: dict[str, Child]) -> list[Child]:
        """Make `wanted` the current ones; those that are not wanted any more."""
        retired = [child for child in dict.fromkeys(self.current.values()) if child not in wanted.values()]
        self.current = wanted
        return retired

    async def stop(self, children: Iterable[Child] | None = None, within_s: float | None = None) -> None:
        """End some of them, or all."""
        ending = list(dict.fromkeys(self._all if children is None else children))
        patience_s = self._timing.child_stop_s if within_s is None else within_s
        await asyncio.gather(*(child.stop(patience_s) for child in ending))
        self._all.difference_update(ending)

    def status(self) -> list[dict[str, object]]:
        """For `portico status`: also those that are on their way out."""
        current = set(self.current.values())
        return [
            {**child.status(), "leaving": child not in current}
            for child in sorted(self._all, key=Child.order)
        ]

    def kill(self) -> None:
        """End all of them at once."""
        for child in self._all:
            child.kill()

    def close(self) -> None:
        """Remove the folder of the sockets."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def paths(self, children: Mapping[str, Child] | None = None) -> dict[str, str]:
        """Service → path of its socket."""
        return {name: child.path for name, child in (self.current if children is None else children).items()}
