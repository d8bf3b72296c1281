"""The process of one worker: `python -m portico.process.worker`, started by the supervisor with its sockets.

Does what the supervisor orders (prepare, commit, listen, stop), reports that its loop turns, and hands the gateway its
siblings. It ends in good order when the supervisor is gone, and is ended by a C thread if it cannot.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import importlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, Protocol

import uvloop

from portico import __version__
from portico.config import ConfigurationError, Settings
from portico.config.models.route import RouteSettings
from portico.observe.log import Log, take_over
from portico.process.cluster import Siblings
from portico.process.messages import (
    Beat,
    Commit,
    Committed,
    Discard,
    Finished,
    Hello,
    Link,
    Listen,
    Message,
    News,
    Prepare,
    Prepared,
    ReopenLogs,
    RoutesPart,
    Serving,
    SettingsPart,
    Snapshot,
    Snapshots,
    Stop,
    TakeSnapshot,
)
from portico.services.child import die_with_parent, end_by, import_from_here

log = logging.getLogger("portico.process")

# Allocations net of frees before a young collection, and young ones before an older: a busy worker allocates
# thousands of short-lived objects that reference counts free; scanning for cycles among them is wasted.
_GC_THRESHOLDS = (50_000, 20, 50)

# Of the loop's time, at most, for pushing snapshots: with ten thousand routes they are not small.
_SNAPSHOT_SHARE = 0.01


class Gateway(Protocol):
    """What a worker runs; `portico.gateway.gateway:Gateway` unless the supervisor says otherwise."""

    async def prepare(self, settings: Settings, children: Mapping[str, str]) -> None: ...
    def commit(self) -> None: ...
    def discard(self) -> None: ...
    async def listen(self, sockets: list[tuple[int, socket.socket]]) -> None: ...
    def drain(self) -> None: ...
    def stop_accepting(self) -> None: ...
    async def finish(self, grace_s: float) -> bool: ...
    async def close(self) -> None: ...
    def snapshot(self) -> dict[str, Any]: ...
    def heard(self, message: dict[str, Any]) -> None: ...
    def reopen_logs(self) -> None: ...


MakeGateway = Callable[..., Gateway]


class Worker:
    """One worker. Signals and messages end here; the gateway knows of neither."""

    def __init__(
        self,
        make: MakeGateway,
        slot: int,
        sockets: list[tuple[int, socket.socket]],
        link: Link,
        beat_s: float,
        store: str,
    ) -> None:
        self._link = link
        self._sockets = sockets
        self._beat_s = beat_s
        self._siblings = Siblings(link, slot, self._snapshot, store)
        self._gateway = make(cluster=self._siblings, worker=slot)
        self._settings: Settings | None = None
        self._routes: list[RouteSettings] = []
        self._grace_s = 0.0
        self._live = 0
        self._preparing: asyncio.Task[None] | None = None
        self._prepared = 0
        self._listening: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any] | None] = set()
        self._done = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """From the first word to the last."""
        self._link.send(Hello(__version__))
        loop = self._loop
        loop.set_exception_handler(_log_uncaught)
        signal.signal(signal.SIGTERM, self._on_terminate)
        loop.add_signal_handler(signal.SIGUSR1, self._reopen_logs)
        tasks = [asyncio.create_task(self._obey()), asyncio.create_task(self._pulse())]
        self._tasks = {*tasks, asyncio.current_task()}
        await self._done.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._link.close()

    async def _obey(self) -> None:
        try:
            while (message := await self._link.receive()) is not None:
                self._heed(message)
                # Frames that have come together are still taken one a turn: see `messages`.
                await asyncio.sleep(0)
            log.warning("the supervisor is gone: finishing")
        except Exception:
            log.exception("an order of the supervisor could not be followed: finishing")
        self._finish_alone()

    def _heed(self, message: Message) -> None:
        match message:
            case TakeSnapshot():
                self._link.send(Snapshot(self._snapshot(), message.asked))
            case Snapshots():
                self._siblings.answered(message)
            case News():
                if self._live:
                    self._gateway.heard(message.message)
            case SettingsPart():
                gc.disable()  # until the generation is prepared: see `_collect`
                self._settings, self._routes = message.settings, []
            case RoutesPart():
                self._routes += message.routes
            case Prepare():
                self._grace_s = message.grace_s
                self._preparing = asyncio.create_task(self._prepare(message))
            case Commit():
                self._commit(message.generation)
            case Discard():
                self._discard(message.generation)
            case Listen():
                self._listening = asyncio.create_task(self._listen())
            case ReopenLogs():
                self._reopen_logs()
            case Stop():
                self._stop(message)
            case _:
                raise AssertionError(f"not an order: {message!r}")

    async def _prepare(self, order: Prepare) -> None:
        if self._settings is None:
            raise AssertionError("told to prepare what was not sent")
        settings = self._settings.model_copy(update={"routes": tuple(self._routes)})
        self._settings, self._routes = None, []
        problems: tuple[str, ...] = ()
        try:
            await self._gateway.prepare(settings, order.children)
        except ConfigurationError as error:
            problems = tuple(map(str, error.problems))
        except Exception as error:
            log.exception("generation %d cannot be compiled", order.generation)
            problems = (f"generation {order.generation} cannot be compiled: {error!r}",)
        else:
            self._prepared = order.generation
        self._preparing = None
        _collect()
        self._link.send(Prepared(order.generation, problems))

    def _commit(self, generation: int) -> None:
        if self._prepared != generation:
            raise AssertionError(f"generation {generation} was not prepared")
        self._gateway.commit()
        self._live, self._prepared = generation, 0
        self._link.send(Committed(generation))

    def _discard(self, generation: int) -> None:
        _collect()
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = None
        elif self._prepared != generation:
            return
        self._prepared = 0
        self._gateway.discard()

    async def _listen(self) -> None:
        # What exists by now lives as long as the process: no collection need look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        await self._gateway.listen(self._sockets)
        self._link.send(Serving())

    def _reopen_logs(self) -> None:
        if self._live:
            self._gateway.reopen_logs()

    def _snapshot(self) -> dict[str, Any]:
        """The gateway's figures, and how many tasks run beside this worker's own: those of requests that wait."""
        if not self._live:
            return {}
        own = {*self._tasks, self._preparing, self._listening, self._stopping}
        taken = self._gateway.snapshot()
        lasting = taken.pop("lasting_tasks", 0)
        return {**taken, "tasks": len(asyncio.all_tasks() - own) - lasting}

    async def _pulse(self) -> None:
        push_at = 0.0
        while True:
            await asyncio.sleep(self._beat_s)
            start = time.perf_counter()
            if self._live and start >= push_at:
                self._link.send(Snapshot(self._snapshot()))
                end = time.perf_counter()
                push_at = end + max(0.0, (end - start) / _SNAPSHOT_SHARE - self._beat_s)
            else:
                self._link.send(Beat())

    # Ending.

    def _on_terminate(self, _number: int, _frame: FrameType | None) -> None:
        # Not a handler of the loop: this one runs even where the loop is held up, and so is sure to end it.
        end_by(self._grace_s + 5)
        self._loop.call_soon_threadsafe(self._finish_alone)

    def _finish_alone(self) -> None:
        """Nobody will end this worker if it does not do so itself."""
        end_by(self._grace_s + 5)
        if self._stopping is None:
            self._stop(Stop(leaving=True, delay_s=0, grace_s=self._grace_s))

    def _stop(self, order: Stop) -> None:
        if self._stopping is not None:
            self._stopping.cancel()  # an order with less patience
        self._stopping = asyncio.create_task(self._end(order))

    async def _end(self, order: Stop) -> None:
        clean = True
        if self._listening is not None:
            await asyncio.wait([self._listening])
            if order.leaving:
                self._gateway.drain()
                await asyncio.sleep(order.delay_s)
            self._gateway.stop_accepting()
            clean = await self._gateway.finish(order.grace_s)
            self._link.send(Snapshot(self._snapshot()))
        await self._gateway.close()
        self._link.send(Finished(clean))
        self._done.set()


def _collect() -> None:
    """Have the collector work again, after a generation was received and compiled without it.

    One young collection among the objects of ten thousand new routes takes 36 ms. So it is not to find them
    afterwards either: they are set apart, and freed when their last reference goes.
    """
    if gc.get_count()[0] > gc.get_threshold()[0]:
        gc.freeze()
    gc.enable()


def _log_uncaught(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.error("uncaught: %s", context.get("message"), exc_info=context.get("exception"))


async def _run(options: argparse.Namespace) -> None:
    make: MakeGateway = _named(options.gateway)
    sockets = [
        (int(entry), socket.socket(fileno=int(number)))
        for entry, number in (each.split(":") for each in options.listen.split(",") if each)
    ]
    control = socket.socket(fileno=options.control)
    for each in (control, *(listening for _, listening in sockets)):
        os.set_inheritable(each.fileno(), False)
        each.setblocking(False)
    worker = Worker(make, options.slot, sockets, await Link.over(control), options.beat, options.store)
    await worker.run()


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one worker until it is told to end, or its supervisor is gone."""
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload by name (pkill -HUP) is for the supervisor
    die_with_parent(signal.SIGTERM)
    parser = argparse.ArgumentParser(prog="portico.process.worker")
    parser.add_argument("--slot", type=int, required=True)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--beat", type=float, required=True)
    parser.add_argument("--store", required=True)
    import_from_here()
    take_over(Log())  # until the settings are known
    uvloop.run(_run(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
