"""Changes a running gateway: another configuration (reload), or the same one in newly executed code (restart).

A reload is two phases over all workers: all prepare, then all commit, or none does (design decision 5). New services
beside the gateway are ready before the commit; those that are no longer wanted stop when what uses them has drained.
One change at a time; its outcome goes to who asked and to the log.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from portico.config import ConfigurationError, Loaded
from portico.config.diff import diff
from portico.process.children import Child, Children
from portico.process.crew import Crew
from portico.process.generation import Generation
from portico.process.plan import Load, Plan

log = logging.getLogger("portico.process")

Outcome = dict[str, Any]
T = TypeVar("T")

NICE = 10  # of the thread that reads a configuration: workers on the same cores have ten shares to its one


class Changes:
    """Reloads and restarts of one running gateway."""

    def __init__(
        self,
        path: str,
        load: Load,
        crew: Crew,
        children: Children,
        loaded: Loaded,
        on_live: Callable[[Loaded], None],
    ) -> None:
        self.loaded = loaded
        self._on_live = on_live
        self._path = path
        self._load = load
        self._crew = crew
        self._children = children
        self._numbers = itertools.count(crew.live.number + 1)  # never used twice, not even after a refusal
        self._changing = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._thinker = ThreadPoolExecutor(1, "reload", _step_back)

    async def reload(self) -> Outcome:
        """Read the configuration again, and serve it in all workers or in none."""
        async with self._changing:
            log.info("reloading %s", self._path)
            try:
                loaded = await self._aside(self._load, self._path)
            except ConfigurationError as error:
                return self._refuse("reload", [str(problem) for problem in error.problems])
            plan = Plan.of(loaded.settings)
            changes = diff(self.loaded.settings, loaded.settings)
            if changes.restart:
                why = "cannot be changed while the gateway runs: stop it and start it again"
                return self._refuse("reload", [f"{key} {why}" for key in changes.restart])
            wanted = self._children.start(plan.apps, plan.grace_s)
            new = {
                name: child for name, child in wanted.items() if child not in self._children.current.values()
            }
            generation = Generation(next(self._numbers), plan, self._children.paths(wanted))
            try:
                await self._aside(lambda: generation.frames)
                reasons = await self._children.settled(new) or await self._crew.prepare(generation)
                if reasons:
                    self._crew.discard(generation)
                    await self._children.stop(new.values())
                    return self._refuse("reload", reasons)
                await self._crew.commit(generation)
            except BaseException:
                self._crew.discard(generation)
                self._retire(list(new.values()), 0)
                raise
            self._retire(self._children.adopt(wanted), plan.drain_s)
            self.loaded = loaded
            self._on_live(loaded)
            return self._done("reload", changes.lines)

    async def restart(self) -> Outcome:
        """Put newly executed workers and services beside the gateway in the place of all."""
        async with self._changing:
            log.info("restarting every worker")
            crew, live = self._crew, self._crew.live
            wanted = self._children.start(live.plan.apps, live.plan.grace_s, anew=True)
            generation = Generation(next(self._numbers), live.plan, self._children.paths(wanted))
            if reasons := await self._children.settled(wanted):
                await self._children.stop(wanted.values())
                return self._refuse("restart", reasons)
            crew.live = generation
            if reasons := await crew.replace():
                # Workers that are new by now use the new children: they go back to the old ones first.
                await crew.commit(live)
                self._retire(list(wanted.values()), live.plan.drain_s)
                return self._refuse("restart", reasons)
            self._retire(self._children.adopt(wanted), live.plan.drain_s)
            return self._done("restart", ())

    async def close(self) -> None:
        """Wait for nothing any more."""
        self._thinker.shutdown(wait=False, cancel_futures=True)
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)

    async def _aside(self, work: Callable[..., T], *given: Any) -> T:
        """Do this beside the loop, which listens to workers, and behind them: ten thousand routes take a second."""
        return await asyncio.get_running_loop().run_in_executor(self._thinker, work, *given)

    def _retire(self, children: list[Child], after_s: float) -> None:
        """End children when whatever still uses them has had its time."""
        if children:
            task = asyncio.create_task(self._end(children, after_s))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _end(self, children: list[Child], after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._children.stop(children, max(child.grace_s for child in children) + 1)

    def _refuse(self, change: str, reasons: list[str]) -> Outcome:
        for reason in reasons:
            log.error("%s refused: %s", change, reason)
        log.error("%s refused: everything stays as it is (generation %d)", change, self._crew.live.number)
        return {"ok": False, "problems": reasons, "generation": self._crew.live.number}

    def _done(self, change: str, lines: Sequence[str]) -> Outcome:
        warnings = [str(problem) for problem in self.loaded.warnings]
        for warning in warnings:
            log.warning("%s", warning)
        for line in lines:
            log.info("%s: %s", change, line)
        log.info("%s done: generation %d is live", change, self._crew.live.number)
        return {
            "ok": True,
            "changes": list(lines),
            "warnings": warnings,
            "generation": self._crew.live.number,
        }


def _step_back() -> None:
    """Give this thread a lower priority than the process has: Linux takes a thread's id for a process's."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
