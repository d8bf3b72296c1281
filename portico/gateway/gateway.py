"""One worker's gateway: the road with everything around it that lives as long as the process.

It is prepared and committed in two steps, so that all workers change together or not at all (design decision 5).
One sweep, ten times a second, is the clock of every deadline, pool, log and heartbeat of the worker.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from time import monotonic, perf_counter
from typing import Any, Protocol, cast

from portico.config import ConfigurationError, Marks, Problem, Settings
from portico.exchange.clock import Clock
from portico.exchange.memory import MemoryBudget
from portico.http.door import Door
from portico.http.listener import Listener
from portico.observe import vitals
from portico.observe.audit import Audit
from portico.observe.families import Metrics
from portico.observe.log import Log, in_charge, take_over
from portico.observe.stall import StageMap, StallWatch
from portico.observe.writer import LogWriter, LogWriters
from portico.rules import Cause, Limits, State, Transition
from portico.services.service import LiveServices
from portico.stages import load_stages
from portico.stores import MemoryStore, Store

from .background import Background
from .compile import Compiler
from .endpoints import endpoint_routes
from .entrances import prepare_contexts
from .figures import sample_figures
from .remains import Remains
from .road import Road
from .site import Live
from .store import open_store
from .store import sweep as sweep_store
from .store import tasks as store_tasks
from .store import trouble as store_trouble

log = logging.getLogger("portico")

SWEEP_S = 0.1
SLICE_S = 0.0005  # of the loop's time that compiling may take at once: requests wait for it
BACKLOG = 4096
LAME_S = 1.0  # how long a worker that no longer accepts waits for requests that are on their way
LOOK_S = 0.05


class Cluster(Protocol):
    """The worker's view of its siblings, handed in by the process that holds them together."""

    async def snapshots(self) -> Sequence[Mapping[str, Any]]:
        """Of every live worker, this one included, and one for the figures of the dead."""

    def tell(self, message: dict[str, Any]) -> None:
        """To all siblings."""

    @property
    def store(self) -> str | None:
        """The socket of the store process; empty for a worker alone, None for one that keeps nothing on disk."""


class Gateway:
    """A worker's gateway. `started` and deadlines are monotonic seconds."""

    def __init__(self, *, cluster: Cluster, worker: int) -> None:
        self.worker = worker
        self.clock = Clock()
        self.started = monotonic()
        self.live = Live()
        self.services = LiveServices()
        self.metrics = Metrics()
        self.live.put("metrics", self.metrics)
        self.log = in_charge() or Log()
        self.access_logs = LogWriters(self._log_writer)
        self.stage_map = StageMap()
        self.live.put("clock", self.clock)
        self.audit = Audit(self.log)
        self.live.put("audit", self.audit)
        self.live.put("access_log", self.access_logs)
        self.limits = Limits(0)
        self.live.put("limits", self.limits)
        self.store: Store = MemoryStore(self.limits)
        self._store_opened = False
        self.live.put("store", self.store)
        self.memory = MemoryBudget(0)
        self.road = Road(self.memory, self.clock)
        self.listener: Listener | None = None
        self._cluster = cluster
        self._servers: list[asyncio.Server] = []
        self._doors: list[Door] = []
        self._pending: Compiler | None = None
        self._generation = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch: StallWatch | None = None
        self._remains = Remains()
        self.background = Background()
        self._retired: list[tuple[float, int]] = []  # (when its tunnels must end, generation)
        self._stages: tuple[tuple[str, ...], Mapping[str, Any]] = ((), {})
        sample_figures(self)

    def _log_writer(self, destination: str) -> LogWriter:
        dropped = self.metrics.log_lines_dropped.labels(destination)
        return LogWriter(destination, dropped, self._loop)

    # -- configuration

    async def prepare(self, settings: Settings, children: Mapping[str, str]) -> None:
        """Compile a configuration beside the live one. Raises ConfigurationError; then nothing has changed."""
        self.discard()
        self._loop = asyncio.get_running_loop()
        await _in_slices(self._remains.steps())
        self._open_store(settings)
        contexts = await prepare_contexts(settings.services.values())
        compiler = self.compiler(settings, children)
        try:
            await _in_slices(compiler.steps())
            self._audit_log(settings)
            self.access_logs.open()
        except OSError as error:
            self.live.discard()
            reason = f"cannot be written: {error}"
            logs = settings.logs
            key = "logs.audit" if error.filename == logs.audit != logs.access else "logs.access"
            raise ConfigurationError([Problem("", 0, 0, key, reason)]) from error
        except BaseException:
            self.live.discard()
            raise
        del contexts  # whatever is in use is held by who uses it
        self._pending = compiler

    def _open_store(self, settings: Settings) -> None:
        """With the first configuration; another store needs another process."""
        if not self._store_opened:
            self.store = open_store(settings.gateway, self._cluster.store, self.limits, self.metrics)
            self.live.put("store", self.store)
            self._store_opened = True

    def compiler(
        self, settings: Settings, children: Mapping[str, str], marks: Marks | None = None
    ) -> Compiler:
        """A compiler for this gateway; its steps are the caller's to run. `children`: service → Unix socket."""
        return Compiler(
            settings,
            self._stages_of(settings),
            live=self.live,
            services=self.services,
            children=children,
            clock=self.clock,
            road=self.road,
            moved=self._breaker_moved,
            answers=partial(endpoint_routes, settings, self),
            stage_map=self.stage_map,
            generation=self._generation + 1,
            marks=marks,
        )

    def commit(self) -> None:
        """Make the prepared configuration live, in one step of the loop."""
        compiler, self._pending = self._pending, None
        if compiler is None:
            raise RuntimeError("nothing was prepared")
        before = self.road.runtime
        runtime = compiler.commit()
        settings = runtime.settings.gateway
        self._generation = runtime.generation
        self._configure_logs(runtime.settings)
        self.memory.size = settings.limits.memory
        self.limits.room.most = settings.rate_limits.keys
        if self.listener is None:
            self.listener = Listener(
                self.road, settings.limits, settings.timeouts, settings.trusted_proxies, self.memory
            )
        else:
            self.listener.configure(settings.limits, settings.timeouts, settings.trusted_proxies)
        self.listener.enter_by(compiler.entrances)
        self.road.runtime = runtime
        self.background.begin(runtime.background)
        if before is not None:
            self._retired.append((monotonic() + settings.drain_timeout, before.generation))
            self._remains.add(before)

    def _audit_log(self, settings: Settings) -> Log | None:
        """Where audit lines go: the gateway's own log, a stream of their own, or nowhere."""
        logs = settings.logs
        if logs.audit is None:
            return None
        if logs.audit == "stderr":
            return self.log
        return Log(self.access_logs.to(logs.audit), logs.level, logs.format, logs.redact)

    def _configure_logs(self, settings: Settings) -> None:
        logs = settings.logs
        self.log.configure(logs.level, logs.format, logs.redact)
        self.audit.write_to(self._audit_log(settings))
        if in_charge() is self.log:
            take_over(self.log)  # at its new level
        threshold = settings.gateway.stall
        watch = self._watch
        if watch is not None and watch.threshold_s != threshold:
            watch.stop()
            self._watch = watch = None
        if watch is None and threshold is not None:
            self._watch = StallWatch(threshold, self.stage_map, self.log, self.metrics.stalls)
            if self._sweeper is not None:
                self._watch.start()

    def discard(self) -> None:
        """Forget what was prepared."""
        self._pending = None
        self.live.discard()

    def _stages_of(self, settings: Settings) -> Mapping[str, Any]:
        extra = tuple(settings.stages)
        if not self._stages[1] or self._stages[0] != extra:
            self._stages = (extra, load_stages(extra))
        return self._stages[1]

    # -- serving

    async def listen(self, sockets: list[tuple[int, socket.socket]]) -> None:
        """Accept connections on these bound sockets, each given with its place in `gateway.listen`.

        What stands behind an address may change at a reload, but not whether it has TLS.
        """
        listener = self.listener
        if listener is None:
            raise RuntimeError("listening before a configuration is live")
        loop = asyncio.get_running_loop()
        for entry, bound in sockets:
            if listener.entrances[entry].tls is not None:
                self._doors.append(Door(bound, listener, entry))
                continue
            server = await loop.create_server(partial(_plain, listener, entry), sock=bound, backlog=BACKLOG)
            self._servers.append(server)
        if self._sweeper is None:
            self._sweep()
            if self._watch is not None:
                self._watch.start()

    def drain(self) -> None:
        """`/ready` fails and replies end their connections; connections are still accepted."""
        if self.listener is not None:
            self.listener.drain()

    def stop_accepting(self) -> None:
        """No new connections. Those that are open may still bring a request that is on its way: see `finish`."""
        for server in self._servers:
            server.close()
        for door in self._doors:
            door.close()
        self._servers, self._doors = [], []
        self.drain()

    async def finish(self, grace_s: float) -> bool:
        """Wait for what is in flight. False when the grace period ended first and the rest was cut off.

        A connection that was accepted and not yet read, or is idle while its next request is on the wire, looks the
        same as one that nobody needs: for a moment each may still be answered, and is closed with its reply.
        """
        until = monotonic() + grace_s
        listener = self.listener
        if listener is not None:
            for _ in range(round(min(LAME_S, grace_s) / LOOK_S)):
                await asyncio.sleep(LOOK_S)
                if not listener.waiting():
                    break
            listener.close_idle()
        whole = await self.road.in_flight.empty(max(0.0, until - monotonic()))
        self.road.patience.cut()
        return whole

    async def close(self) -> None:
        """Close every connection and the pools."""
        self.background.end()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
            if self._watch is not None:
                self._watch.stop()
        if self.listener is not None:
            self.listener.close()
        for pool in self.services.pools():
            pool.close()
        await self.store.close()
        await asyncio.sleep(0)
        self.access_logs.close()
        self.log.close()

    # -- the sweep

    def _sweep(self) -> None:
        now = monotonic()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
        if self._watch is not None:
            self._watch.beat = now
        self.clock.tick(now)
        self.access_logs.flush()
        self.log.flush()
        self.road.patience.sweep(now)
        self.limits.sweep(now, perf_counter)
        sweep_store(self.store)
        self._remains.sweep()
        if self.listener is not None:
            self.listener.sweep(now)
        for pool in self.services.pools():
            pool.sweep(now)
        while self._retired and self._retired[0][0] < now:
            self.road.patience.end_tunnels(self._retired.pop(0)[1])

    # -- what others see

    async def snapshots(self) -> Sequence[Mapping[str, Any]]:
        """Of all workers."""
        return await self._cluster.snapshots()

    def readiness(self) -> dict[str, bool]:
        """What `/ready` depends on."""
        runtime = self.road.runtime
        checks = {
            "configuration": runtime is not None,
            "accepting": self.listener is not None and not self.listener.draining,
        }
        if runtime is not None:
            now = monotonic()
            for name in runtime.settings.gateway.ready.require:
                breaker = self.services.breakers.get(name)
                checks[name] = breaker is None or breaker.state(now) is not State.OPEN
        return checks

    def store_away(self) -> bool:
        """Whether the store cannot be asked, or cannot keep what it is told: the gateway serves without it."""
        return bool(store_trouble(self.store))

    def pool_stats(self) -> dict[str, Counter[str]]:
        """Service → counts over the pools of its instances."""
        stats: dict[str, Counter[str]] = {}
        if self.listener is None:
            return stats
        for name, service in self.road.runtime.services.items():
            stats[name] = Counter()
            for instance in service.instances:
                stats[name].update(instance.pool.stats())
        return stats

    def lasting_tasks(self) -> list[asyncio.Task[None]]:
        """What runs for no request."""
        running = [task for task in self.background.tasks if not task.done()]
        return [*running, *store_tasks(self.store)]

    def snapshot(self) -> dict[str, Any]:
        """This worker's figures, as plain data."""
        now = monotonic()
        offset = self.clock.offset
        memory = vitals.memory_bytes()
        return {
            "worker": self.worker,
            "pid": os.getpid(),
            "uptime_s": round(now - self.started, 3),
            "generation": self._generation,
            "in_flight": len(self.road.active),
            "tunnels": len(self.road.tunnels),
            "lasting_tasks": len(self.lasting_tasks()),
            "reserved_bytes": self.memory.used,
            "connections": len(self.listener.connections) if self.listener is not None else 0,
            "rss_bytes": memory[0] if memory is not None else 0,
            "breakers": {
                name: breaker.stats(now, offset) for name, breaker in self.services.breakers.items()
            },
            "pools": {name: dict(stats) for name, stats in self.pool_stats().items()},
            "metrics": self.metrics.registry.snapshot(),
        }

    # -- what siblings tell each other

    def _breaker_moved(self, service: str, transition: Transition) -> None:
        log.warning(
            "breaker of %s: %s -> %s, %s",
            service,
            transition.before.name,
            transition.after.name,
            transition.cause.value,
            extra={"service": service, "event": transition.event},
        )
        breaker = self.services.breakers.get(service)
        if breaker is not None and transition.after is State.OPEN and transition.cause is not Cause.TOLD:
            open_s = breaker.retry_after(monotonic())
            self._cluster.tell({"about": "breaker", "service": service, "open_s": open_s})

    def heard(self, message: dict[str, Any]) -> None:
        """Something that a sibling told."""
        if message.get("about") != "breaker":
            return
        breaker = self.services.breakers.get(message["service"])
        if breaker is not None:
            breaker.force_open(monotonic(), message["open_s"])

    def reopen_logs(self) -> None:
        """After the log files were moved away."""
        try:
            self.access_logs.reopen()
        except OSError as error:
            log.error("a log file cannot be opened anew: %s", error)

    def __repr__(self) -> str:
        return (
            f"<Gateway worker {self.worker} generation {self._generation} {len(self.road.active)} in flight>"
        )


def _plain(listener: Listener, entry: int) -> asyncio.Protocol:
    return cast(asyncio.Protocol, listener.entrances[entry].plain_connection(listener))


async def _in_slices(steps: Iterator[None]) -> None:
    """Run a generator without holding the loop for longer than SLICE_S."""
    until = perf_counter() + SLICE_S
    for _ in steps:
        if perf_counter() > until:
            await asyncio.sleep(0)
            until = perf_counter() + SLICE_S
