"""The supervisor: the first process, which holds the sockets, starts everything else and answers for it.

It is not on the data path and serves no request, so that nothing a client sends can harm it. Signals: SIGTERM and
SIGINT stop in good order (a second one by force), SIGHUP reloads, SIGUSR1 reopens logs. Exit codes: 0 after a good
stop, 1 after trouble, 2 for a configuration that cannot be used.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portico import __version__
from portico.config import ConfigurationError, Loaded
from portico.gateway.check import load_checked
from portico.observe.log import Log, take_over
from portico.process.children import Children
from portico.process.control import Answer, ControlError, ControlServer, DataFolder
from portico.process.crew import Crew, GaveUp
from portico.process.generation import Generation
from portico.process.plan import Load, Plan
from portico.process.reload import Changes, Outcome
from portico.process.sockets import ListenError, Sockets, bind
from portico.process.store import StoreProcess
from portico.process.timing import Timing

log = logging.getLogger("portico.process")

GATEWAY = "portico.gateway.gateway:Gateway"

OK, TROUBLE, CONFIGURATION = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Announcement:
    """What serves now. `addresses` are the real ones, also where port 0 was asked for; `children` says of each
    service beside the gateway whether it is ready."""

    addresses: tuple[str, ...]
    workers: int
    children: Mapping[str, bool]
    pid: int
    loaded: Loaded


def load_configuration(path: str) -> Loaded:
    """Read, check and compile a file with the environment of this process. Raises `ConfigurationError`."""
    return load_checked(path, os.environ)


def run(
    path: str,
    *,
    announce: Callable[[Announcement], None],
    load: Load = load_configuration,
    gateway: str = GATEWAY,
    timing: Timing | None = None,
) -> int:
    """Run the gateway of a configuration file until it is told to stop; the exit code.

    `announce` is called once, when it serves. `load` reads and checks the file, now and at every reload; `gateway`
    names what a worker runs.
    """
    try:
        loaded = load(path)
    except ConfigurationError as error:
        return _fail(map(str, error.problems), CONFIGURATION)
    plan = Plan.of(loaded.settings)
    try:
        folder = DataFolder(plan.data)
    except ControlError as error:
        return _fail([str(error)], TROUBLE)
    try:
        sockets = bind(plan.listen, plan.workers, plan.secure)
    except ListenError as error:
        folder.close()
        return _fail(error.reasons, TROUBLE)
    try:
        supervisor = Supervisor(path, load, loaded, folder, sockets, gateway, timing or Timing(), announce)
        return asyncio.run(supervisor.run())
    finally:
        sockets.close()
        folder.close()


def _fail(reasons: Iterable[str], code: int) -> int:
    for reason in reasons:
        sys.stderr.write(f"{reason}\n")
    sys.stderr.flush()
    return code


class Supervisor:
    """One running gateway, from its bound sockets to its exit code."""

    def __init__(
        self,
        path: str,
        load: Load,
        loaded: Loaded,
        folder: DataFolder,
        sockets: Sockets,
        gateway: str,
        timing: Timing,
        announce: Callable[[Announcement], None],
    ) -> None:
        self._path = path
        self._load = load
        self._loaded = loaded
        self._folder = folder
        self._sockets = sockets
        self._gateway = gateway
        self._timing = timing
        self._announce = announce
        self._plan = Plan.of(loaded.settings)
        self._started = time.monotonic()
        self._children = Children(timing)
        self._store: StoreProcess | None = None
        self._crew: Crew | None = None
        self._changes: Changes | None = None
        self._stop = asyncio.Event()
        self._force = asyncio.Event()
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._has_terminal = False
        self._log = Log()
        self._configure_log(loaded)

    async def run(self) -> int:
        """Start, serve until the end, stop; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        # Under nohup the gateway is meant to outlive its terminal.
        self._has_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL and _terminal()
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        loop.add_signal_handler(signal.SIGUSR1, self._on_reopen)
        control = ControlServer(
            self._folder,
            {
                "status": self._status,
                "reload": self._reload,
                "restart": self._restart,
                "stop": self._stop_asked,
            },
        )
        code = OK
        serving = asyncio.create_task(self._serve(control))
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
        except ControlError as error:
            code = _fail([str(error)], TROUBLE)
        except GaveUp as error:
            code = (
                _fail(error.problems, CONFIGURATION)
                if error.problems
                else _fail([f"gave up: {error}"], TROUBLE)
            )
        finally:
            stopped.cancel()
            await _cancel([serving, *self._tasks])
            in_order = await self._end()
            await control.close()
        return code or (OK if in_order else TROUBLE)

    async def _serve(self, control: ControlServer) -> None:
        """Start everything, say so, and watch over it. Raises `GaveUp` or `ControlError`."""
        plan = self._plan
        await control.start()
        self._children.adopt(self._children.start(plan.apps, plan.grace_s))
        # Services beside the gateway need not be there for it to serve; but who starts both wants both.
        await self._children.settled(self._children.current)
        if plan.shares_store:
            self._store = StoreProcess(plan.data, plan.limit_keys, self._timing)
            await self._store.settled(self._timing.children_s)
        store = self._store.path if self._store is not None else ""
        live = Generation(1, plan, self._children.paths())
        crew = self._crew = Crew(self._sockets, self._gateway, live, self._timing, store)
        self._changes = Changes(
            self._path, self._load, crew, self._children, self._loaded, self._configure_log
        )
        await crew.serving(self._timing.children_s)
        self._announce(
            Announcement(
                self._sockets.addresses,
                plan.workers,
                {name: child.ready for name, child in self._children.current.items()},
                os.getpid(),
                self._loaded,
            )
        )
        await crew.gave_up

    async def _end(self) -> bool:
        """End every process that was started: in good order unless forced. Whether it was."""
        ending = asyncio.create_task(self._end_in_order())
        forced = asyncio.create_task(self._force.wait())
        await asyncio.wait([ending, forced], return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            log.warning("stopping by force")
            if self._crew is not None:
                self._crew.kill()
            self._children.kill()
            if self._store is not None:
                self._store.kill()
        await ending
        forced.cancel()
        self._children.close()
        return not self._force.is_set()

    async def _end_in_order(self) -> None:
        if self._changes is not None:
            await self._changes.close()
        if self._crew is not None:
            plan = self._crew.live.plan
            log.info("stopping: what is in flight has %g s", plan.grace_s)
            self._sockets.release()
            if not await self._crew.stop(plan.delay_s, plan.grace_s):
                log.warning("requests were cut off: they had not ended within %g s", plan.grace_s)
        await self._children.stop()
        if self._store is not None:
            await self._store.stop()

    def _configure_log(self, loaded: Loaded) -> None:
        logs = loaded.settings.logs
        self._log.configure(logs.level, logs.format, logs.redact)
        take_over(self._log)

    # Signals.

    def _on_stop(self) -> None:
        if self._stop.is_set():
            self._force.set()
        self._stop.set()

    def _on_hangup(self) -> None:
        if self._has_terminal and not _terminal():
            self._on_stop()  # the window was closed: what was started in it must not linger on
        else:
            _ = self._spawn(self._reload())

    def _on_reopen(self) -> None:
        if self._crew is not None:
            self._crew.reopen_logs()

    def _spawn(self, work: Coroutine[Any, Any, Outcome]) -> asyncio.Task[Outcome]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Commands of the control socket.

    async def _status(self) -> Answer:
        crew = self._crew
        if crew is not None:
            await crew.snapshots()  # so that what the workers said last is from now
        return {
            "ok": True,
            "pid": os.getpid(),
            "version": __version__,
            "file": self._path,
            "uptime_s": round(time.monotonic() - self._started, 1),
            "generation": crew.live.number if crew is not None else 0,
            "addresses": list(self._sockets.addresses),
            "stopping": self._stop.is_set(),
            "workers": crew.status() if crew is not None else [],
            "children": self._children.status(),
            "store": self._store.status() if self._store is not None else None,
        }

    async def _reload(self) -> Outcome:
        return await self._change("reload", Changes.reload)

    async def _restart(self) -> Outcome:
        return await self._change("restart", Changes.restart)

    async def _change(self, name: str, change: Callable[[Changes], Coroutine[Any, Any, Outcome]]) -> Outcome:
        if self._changes is None or self._stop.is_set():
            return {"ok": False, "problems": ["the gateway is starting or stopping"], "generation": 0}
        task = self._spawn(change(self._changes))
        await asyncio.wait([task])
        if task.cancelled():
            return {"ok": False, "problems": ["the gateway is stopping"], "generation": 0}
        if (error := task.exception()) is not None:
            log.error("%s failed", name, exc_info=error)
            return {"ok": False, "problems": [f"{name} failed: {error!r}"], "generation": 0}
        return task.result()

    async def _stop_asked(self) -> Answer:
        # The answer goes out before anything ends.
        asyncio.get_running_loop().call_soon(self._stop.set)
        return {"ok": True, "pid": os.getpid()}


def _terminal() -> bool:
    """Whether this process has a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    waiting = list(tasks)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
