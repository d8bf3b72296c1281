"""All workers together: their numbers, their news, their beats, and what they do in step.

Snapshots of all workers go through here, also the asking worker's own, so that nobody was ever shown a number that is
not also kept here for the time after a worker's death: counters never fall (design decision 13).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from portico.observe.snapshot import Snapshot, lasting, merge
from portico.process.generation import Generation
from portico.process.messages import News, ReopenLogs, Snapshots
from portico.process.running import Gone, Refused, Running
from portico.process.slot import Slot
from portico.process.sockets import Sockets
from portico.process.timing import Timing

log = logging.getLogger("portico.process")


class GaveUp(Exception):
    """No worker comes to serve. `problems` are those of the configuration, when it is to blame."""

    def __init__(self, reason: str, problems: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(reason)


class Crew:
    """The workers of all slots. `live` is the generation that they serve or are about to."""

    def __init__(
        self, sockets: Sockets, gateway: str, live: Generation, timing: Timing, store: str = ""
    ) -> None:
        self.live = live
        self.workers: set[Running] = set()
        self.gave_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timing = timing
        self._dead: Snapshot = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._gathering: asyncio.Task[list[dict[str, Any]]] | None = None
        self._next: asyncio.Task[list[dict[str, Any]]] | None = None
        self._beating = asyncio.create_task(self._watch(), name="beats")
        self.slots = [
            Slot(number, list(zip(sockets.entries, row, strict=True)), gateway, timing, self, store)
            for number, row in enumerate(sockets.slots)
        ]

    # What slots tell.

    def joined(self, worker: Running) -> None:
        """A worker was started."""
        worker.on_news = self._pass_on
        worker.on_ask = self._asked
        self.workers.add(worker)

    def left(self, worker: Running) -> None:
        """A worker is dead: what it counted stays."""
        if worker in self.workers:
            self.workers.remove(worker)
            self._dead = merge([self._dead, lasting(worker.last.get("metrics", {}))])

    def failed(self, slot: Slot) -> None:
        """A worker died or could not start: give up when none comes to serve any more."""
        served = any(each.served.is_set() for each in self.slots)
        if not served and slot.problems:
            self._give_up(GaveUp("the configuration cannot be compiled", slot.problems))
        most = self._timing.late_attempts if served else self._timing.attempts
        if all(each.backoff.failures >= most and each.current is None for each in self.slots):
            self._give_up(GaveUp(f"no worker came to serve in {most} attempts each; the reasons are above"))

    def broken(self, error: BaseException) -> None:
        """A slot is kept no longer: a fault of our own."""
        log.critical("the supervisor has failed", exc_info=error)
        self._give_up(GaveUp(f"the supervisor has failed: {error!r}"))

    def _give_up(self, error: GaveUp) -> None:
        if not self.gave_up.done():
            self.gave_up.set_exception(error)

    # In step.

    async def serving(self, patience_s: float) -> None:
        """Wait until every slot has served; for the last ones, when others do, only so long. Raises `GaveUp`."""
        waiting = {asyncio.create_task(slot.served.wait()) for slot in self.slots}
        patience: float | None = None  # until the first one serves
        try:
            while waiting and not self.gave_up.done():
                anything: list[asyncio.Future[Any]] = [self.gave_up, *waiting]
                done, _ = await asyncio.wait(anything, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    return
                waiting = {task for task in waiting if not task.done()}
                patience = patience_s
            if self.gave_up.done():
                await self.gave_up
        finally:
            for task in waiting:
                task.cancel()

    async def prepare(self, generation: Generation) -> list[str]:
        """Have every serving worker compile a generation; why it cannot go live, nothing when it can."""
        workers = self._serving()
        answers = await asyncio.gather(
            *(worker.prepare(generation, self._timing.prepare_s) for worker in workers),
            return_exceptions=True,
        )
        reasons: list[str] = []
        for worker, answer in zip(workers, answers, strict=True):
            if isinstance(answer, Refused):
                reasons += answer.problems
            elif isinstance(answer, Gone):
                reasons.append(f"worker {worker.slot} {answer}")
            elif answer is not None:
                raise answer
        return list(dict.fromkeys(reasons))

    def discard(self, generation: Generation) -> None:
        """Have every worker forget a generation that it may have prepared."""
        for worker in self.workers:
            worker.discard(generation)

    async def commit(self, generation: Generation) -> None:
        """Make a generation live in every worker. One that cannot follow is killed; its successor will."""
        self.live = generation  # first: a worker that starts from here on gets it
        prepared = [worker for worker in self._serving() if worker.prepared == generation.number]
        await asyncio.gather(*(self._follow(worker, generation) for worker in prepared))
        # Workers that came to serve while the others prepared.
        await asyncio.gather(*(self._follow(worker, generation) for worker in self._serving()))

    async def _follow(self, worker: Running, generation: Generation) -> None:
        try:
            await worker.follow(generation, self._timing.prepare_s)
        except (Gone, Refused) as error:
            log.error("worker %d (pid %d) %s: killed", worker.slot, worker.pid, error)
            worker.kill()

    async def replace(self) -> list[str]:
        """Put newly executed workers in the place of all, one slot after another; why that had to be broken off."""
        for slot in self.slots:
            try:
                await slot.replace()
            except Refused as error:
                return list(error.problems)
            except (Gone, OSError) as error:
                return [f"the new worker {slot.number} {error}"]
        return []

    async def stop(self, delay_s: float, grace_s: float) -> bool:
        """End all workers in good order. False when something in flight was cut off."""
        clean = await asyncio.gather(*(slot.stop(delay_s, grace_s) for slot in self.slots))
        self._beating.cancel()
        for task in self._asking:
            task.cancel()
        return all(clean)

    def kill(self) -> None:
        """End all workers at once."""
        for slot in self.slots:
            slot.kill()

    def reopen_logs(self) -> None:
        """Tell all workers that log files were rotated."""
        for worker in self.workers:
            worker.link.send(ReopenLogs())

    def status(self) -> list[dict[str, Any]]:
        """For `portico status`: every worker, and every slot that has none."""
        empty = [
            {"worker": slot.number, "pid": None, "state": "down", "reason": "; ".join(slot.problems)}
            for slot in self.slots
            if all(worker.slot != slot.number for worker in self.workers)
        ]
        restarts = {slot.number: slot.restarts for slot in self.slots}
        workers = [*(worker.status() for worker in self.workers), *empty]
        workers.sort(key=lambda worker: (worker["worker"], worker["pid"] or 0))
        return [{**worker, "restarts": restarts[worker["worker"]]} for worker in workers]

    def _serving(self) -> list[Running]:
        return [slot.current for slot in self.slots if slot.current is not None]

    # Numbers and news.

    async def snapshots(self) -> list[dict[str, Any]]:
        """The numbers of all workers from now or later, and those of the dead in one more.

        However many ask at once, each worker is asked at most once at a time: who comes while an answer is being
        gathered waits for the next one, since the present one may be older than what he has seen already.
        """
        if self._gathering is None or self._gathering.done():
            self._gathering = self._next = asyncio.create_task(self._gather(None))
        elif self._next is None or self._next is self._gathering:
            self._next = asyncio.create_task(self._gather(self._gathering))
        return await asyncio.shield(self._next)

    async def _gather(self, before: asyncio.Task[list[dict[str, Any]]] | None) -> list[dict[str, Any]]:
        if before is not None:
            await asyncio.wait([before])
            self._gathering = self._next
        workers = sorted(self.workers, key=lambda worker: (worker.slot, worker.pid))
        asks = [asyncio.create_task(worker.snapshot()) for worker in workers if worker.state != "starting"]
        if asks:
            _, late = await asyncio.wait(asks, timeout=self._timing.snapshot_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*asks, return_exceptions=True)
        # What could not be had by now is what it said last; of a worker that has died, it is among the dead.
        alive = [worker.last for worker in workers if worker in self.workers and worker.last]
        return [*alive, {"worker": None, "pid": None, "metrics": self._dead}]

    def _asked(self, worker: Running, ask: int) -> None:
        task = asyncio.create_task(self._reply(worker, ask))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _reply(self, worker: Running, ask: int) -> None:
        worker.link.send(Snapshots(ask, await self.snapshots()))

    def _pass_on(self, teller: Running, news: News) -> None:
        for worker in self.workers:
            if worker is not teller:
                worker.link.send_news(news)

    async def _watch(self) -> None:
        """Kill workers whose loop no longer turns. Beats are counted, not timed: if this process was held up
        itself, or stopped and continued, no worker is to blame."""
        while True:
            await asyncio.sleep(self._timing.beat_s)
            for worker in filter(lambda worker: worker.greeted, self.workers):
                worker.missed_beats += 1
                if worker.missed_beats == self._timing.hung_beats:
                    log.critical(
                        "worker %d (pid %d) hangs: its stacks follow, then it is killed",
                        worker.slot,
                        worker.pid,
                    )
                    worker.dump()
                elif worker.missed_beats > self._timing.hung_beats:
                    worker.kill()
