"""Keeps one worker running in one slot: starts it, starts it again after a death, replaces it by newer code.

A dead worker's sockets stay open here, so its queued clients wait for its successor. A successor always gets the
generation that is live. Deaths are answered with back-off; replacing happens beside the old worker, which leaves only
when the new one serves.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Protocol

from portico.process.backoff import Backoff
from portico.process.generation import Generation
from portico.process.running import Gone, Refused, Running
from portico.process.timing import Timing, describe_exit

log = logging.getLogger("portico.process")


class Employer(Protocol):
    """What a slot asks of the crew."""

    @property
    def live(self) -> Generation:
        """The generation to serve."""

    def joined(self, worker: Running) -> None:
        """A worker was started."""

    def left(self, worker: Running) -> None:
        """A worker is dead."""

    def failed(self, slot: Slot) -> None:
        """A worker died, or could not start."""

    def broken(self, error: BaseException) -> None:
        """A slot is kept no longer: a fault of our own."""


class Slot:
    """One place for a worker. `current` is the worker in it; `served` is set once one has served."""

    def __init__(
        self,
        number: int,
        sockets: list[tuple[int, socket.socket]],
        gateway: str,
        timing: Timing,
        employer: Employer,
        store: str = "",
    ) -> None:
        self.number = number
        self.current: Running | None = None
        self.served = asyncio.Event()
        self.restarts = 0
        self.problems: tuple[str, ...] = ()  # why the last start was refused
        self.backoff = Backoff(timing.backoff_first_s, timing.backoff_last_s, timing.stable_s)
        self._sockets = sockets
        self._gateway = gateway
        self._timing = timing
        self._employer = employer
        self._store = store
        self._closing = False
        self._leaving: dict[Running, asyncio.Task[None]] = {}
        self._task = asyncio.create_task(self._keep(), name=f"slot {number}")
        self._task.add_done_callback(self._ended)

    async def replace(self) -> None:
        """Put a freshly executed worker in the place of the current one, which then leaves at its leisure.

        Raises `Gone`, `Refused` or `OSError`, and leaves everything as it was, when the new one does not come to
        serve.
        """
        old = self.current
        if old is None:
            return  # it is about to be started anyway
        new = await self._start()
        if self.current is not old:
            new.kill()  # the old one has died, and has a successor already
            await self._see_off(new, self._timing.end_s)
            return
        self.current = new
        drain_s = self._employer.live.plan.drain_s
        old.stop(leaving=False, delay_s=0, grace_s=drain_s)
        self._leaving[old] = asyncio.create_task(self._see_off(old, drain_s + self._timing.end_s))

    async def stop(self, delay_s: float, grace_s: float) -> bool:
        """Let every worker of this slot finish and exit. False when something in flight was cut off."""
        self._closing = True
        workers = [*self._leaving, *([self.current] if self.current else [])]
        for worker in workers:
            worker.stop(leaving=True, delay_s=delay_s, grace_s=grace_s)
        if self.current is None:
            self._task.cancel()
        _, late = await asyncio.wait(
            {self._task, *self._leaving.values()}, timeout=delay_s + grace_s + self._timing.end_s
        )
        if late:
            self.kill()
            await asyncio.wait(late)
        return not late and all(worker.clean is not False for worker in workers)

    def kill(self) -> None:
        """End every worker of this slot at once."""
        self._closing = True
        for worker in [*self._leaving, *([self.current] if self.current else [])]:
            worker.kill()
        if self.current is None:
            self._task.cancel()

    async def _keep(self) -> None:
        while True:
            useful_s = 0.0
            try:
                self.current = await self._start()
            except (Gone, Refused, OSError) as error:
                self.problems = error.problems if isinstance(error, Refused) else ()
                reason = "did not start: " + ("; ".join(self.problems) or str(error))
            else:
                self.problems = ()
                if self.served.is_set():
                    log.info("worker %d is back (pid %d)", self.number, self.current.pid)
                self.served.set()
                worker, code = await self._outlive(self.current)
                useful_s = worker.served_s
                reason = f"(pid {worker.pid}) {describe_exit(code)}"
                self.current = None
            if self._closing:
                return
            wait_s = self.backoff.died(useful_s)
            log.error("worker %d %s; starting another in %g s", self.number, reason, wait_s)
            self._employer.failed(self)
            await asyncio.sleep(wait_s)
            self.restarts += 1

    async def _outlive(self, worker: Running) -> tuple[Running, int]:
        """Wait until the worker in this slot is dead, be it this one or one that has replaced it; its exit code."""
        while True:
            code = await worker.exited()
            if self.current is worker or self.current is None:
                self._employer.left(worker)
                return worker, code
            worker = self.current

    async def _start(self) -> Running:
        """A new worker that serves the live generation. Raises `Gone`, `Refused` or `OSError`."""
        worker = await Running.start(
            self.number, self._sockets, self._gateway, self._timing.beat_s, self._store
        )
        self._employer.joined(worker)
        try:
            generation = self._employer.live
            await worker.begin(generation, self._timing.start_s)
            # A reload may have come in between; it did not know this worker.
            while generation is not self._employer.live:
                generation = self._employer.live
                await worker.follow(generation, self._timing.prepare_s)
        except BaseException as error:
            worker.kill()
            code = await worker.exited()
            self._employer.left(worker)
            if isinstance(error, Gone):
                raise Gone(f"{error} ({describe_exit(code)})") from None
            raise
        return worker

    async def _see_off(self, worker: Running, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await worker.exited()
        except TimeoutError:
            log.warning("worker %d (pid %d) did not leave: killed", self.number, worker.pid)
        finally:
            worker.kill()
            await worker.exited()
            self._leaving.pop(worker, None)
            self._employer.left(worker)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._employer.broken(error)

    def __repr__(self) -> str:
        return f"<Slot {self.number} {self.current!r}>"
