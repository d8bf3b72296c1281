"""One worker process as the supervisor sees it: how to start it, what to tell it, what it said last.

It decides nothing: who is started, replaced or killed is for the slot and the crew. Whatever the worker fails to
answer because it died is answered here by `Gone`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from portico import __version__
from portico.process.generation import Generation
from portico.process.messages import (
    AskSnapshots,
    Commit,
    Committed,
    Discard,
    Finished,
    Hello,
    Link,
    Listen,
    Message,
    News,
    Prepared,
    Serving,
    Snapshot,
    Stop,
    TakeSnapshot,
)

log = logging.getLogger("portico.process")


# Of a worker's figures, what `portico status` tells: what it holds now, and how its services are.
_TOLD = (
    "in_flight",
    "tunnels",
    "tasks",
    "reserved_bytes",
    "connections",
    "rss_bytes",
    "pools",
    "breakers",
)


class Gone(Exception):
    """The worker died, or said nothing in time, before it answered."""


class Refused(Exception):
    """The worker could not compile the settings; `problems` are lines for a person."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)


class Running:
    """A worker process. `generation` is the one that it serves (0: none yet); `last` its latest snapshot."""

    def __init__(self, slot: int, process: asyncio.subprocess.Process, link: Link) -> None:
        self.slot = slot
        self.pid = process.pid
        self.generation = 0
        self.prepared = 0
        self.state = "starting"
        self.last: dict[str, Any] = {}
        self.greeted = False  # its interpreter runs, and from here on its loop must turn
        self.missed_beats = 0
        self.serving_since: float | None = None
        self.clean: bool | None = None
        self.on_news: Callable[[Running, News], None] | None = None
        self.on_ask: Callable[[Running, int], None] | None = None
        self.link = link
        self._process = process
        self._asked = 0
        self._answers: dict[tuple[type[Message], int], asyncio.Future[Message]] = {}
        self._reading = asyncio.create_task(self._read(), name=f"worker {slot} ({self.pid})")

    @classmethod
    async def start(
        cls,
        slot: int,
        sockets: Sequence[tuple[int, socket.socket]],
        gateway: str,
        beat_s: float,
        store: str = "",
    ) -> Running:
        """Execute a fresh interpreter that holds `sockets`, each with its place in `gateway.listen`. `store`: the
        socket of the store process, if there is one.

        Raises `OSError` when there can be no process.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                listening = [(entry, each.fileno()) for entry, each in sockets]
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",
                    "-m",
                    "portico.process.worker",
                    f"--slot={slot}",
                    f"--control={theirs.fileno()}",
                    f"--listen={','.join(f'{entry}:{number}' for entry, number in listening)}",
                    f"--gateway={gateway}",
                    f"--beat={beat_s}",
                    f"--store={store}",
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno(), *(number for _, number in listening)],
                    process_group=0,  # Ctrl-C in the terminal is for the supervisor, which stops us in order
                )
            except BaseException:
                ours.close()
                raise
        return cls(slot, process, await Link.over(ours))

    async def begin(self, generation: Generation, timeout_s: float) -> None:
        """Bring a new worker to serve `generation`. Raises `Gone` or `Refused`."""
        async with _within(timeout_s, "did not start"):
            hello = await self._answer(Hello, 0)
            if isinstance(hello, Hello) and hello.version != __version__:
                raise Refused(
                    [
                        f"Portico {hello.version} is installed, but {__version__} is running: "
                        "stop the gateway and start it again"
                    ]
                )
            await self.follow(generation, timeout_s)
            self.link.send(Listen())
            await self._answer(Serving, 0)
        self.state = "serving"
        self.serving_since = asyncio.get_running_loop().time()

    async def prepare(self, generation: Generation, timeout_s: float) -> None:
        """Have it compile a generation. Raises `Gone` or `Refused`."""
        async with _within(timeout_s, f"did not prepare generation {generation.number}"):
            answer = self._answer(Prepared, generation.number)
            for frame in generation.frames:
                self.link.send_frame(frame)
            prepared = await answer
        if isinstance(prepared, Prepared) and prepared.problems:
            raise Refused(prepared.problems)
        self.prepared = generation.number

    async def follow(self, generation: Generation, timeout_s: float) -> None:
        """Have it serve a generation, prepared or not. Raises `Gone` or `Refused`."""
        if self.generation == generation.number:
            return
        if self.prepared != generation.number:
            await self.prepare(generation, timeout_s)
        async with _within(timeout_s, f"did not commit generation {generation.number}"):
            answer = self._answer(Committed, generation.number)
            self.link.send(Commit(generation.number))
            await answer
        self.generation = generation.number

    def discard(self, generation: Generation) -> None:
        """Have it forget what it was sent."""
        self.link.send(Discard(generation.number))

    async def snapshot(self) -> dict[str, Any]:
        """Its numbers of this moment. Raises `Gone`."""
        self._asked += 1
        asked = self._asked
        answer = self._answer(Snapshot, asked)
        self.link.send(TakeSnapshot(asked))
        try:
            taken = await answer
        finally:
            del self._answers[Snapshot, asked]
        return taken.data if isinstance(taken, Snapshot) else {}

    def stop(self, leaving: bool, delay_s: float, grace_s: float) -> None:
        """Have it finish and exit; see `messages.Stop`."""
        self.state = "leaving"
        self.link.send(Stop(leaving, delay_s, grace_s))

    def dump(self) -> None:
        """Have it write the stacks of its threads to standard error."""
        self._signal(signal.SIGUSR2)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    async def exited(self) -> int:
        """Wait for its end, and hear it out; its exit code."""
        code = await self._process.wait()
        # What it sent last is still in the channel, unless something that it started holds the other end.
        await asyncio.wait([self._reading], timeout=1)
        self._reading.cancel()
        await self.link.close()
        self.state = "dead"
        return code

    @property
    def served_s(self) -> float:
        """Seconds since it began to serve; 0 when it never did."""
        since = self.serving_since
        return 0.0 if since is None else max(asyncio.get_running_loop().time() - since, 0.001)

    def status(self) -> dict[str, Any]:
        """For `portico status`."""
        return {
            "worker": self.slot,
            "pid": self.pid,
            "state": self.state,
            "generation": self.generation,
            "serving_s": round(self.served_s, 1),
            **{key: self.last[key] for key in _TOLD if key in self.last},
        }

    def _signal(self, number: signal.Signals) -> None:
        # Not Process.send_signal: it polls, and so takes the exit code from the one who waits for it (gh-87744).
        if self._process.returncode is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def _answer(self, kind: type[Message], number: int) -> asyncio.Future[Message]:
        """The message of a kind and number, which may have come already. Numbers are never used twice."""
        future = self._answers.get((kind, number))
        if future is None:
            future = self._answers[kind, number] = asyncio.get_running_loop().create_future()
        if self._reading.done() and not future.done():
            future.set_exception(Gone("died"))
        return future

    async def _read(self) -> None:
        while (message := await self.link.receive()) is not None:
            self.greeted = True
            self.missed_beats = 0
            match message:
                case Snapshot():
                    self.last = message.data
                    if message.asked and (Snapshot, message.asked) in self._answers:
                        self._resolve(message, message.asked)
                case News() if self.on_news is not None:
                    self.on_news(self, message)
                case AskSnapshots() if self.on_ask is not None:
                    self.on_ask(self, message.ask)
                case Prepared() | Committed():
                    self._resolve(message, message.generation)
                case Finished():
                    self.clean = message.clean
                case Hello() | Serving():
                    self._resolve(message, 0)
                case _:
                    pass
        for future in self._answers.values():
            if not future.done():
                future.set_exception(Gone("died"))
                future.exception()  # retrieved: that nobody waits for an answer is no fault

    def _resolve(self, message: Message, number: int) -> None:
        future = self._answer(type(message), number)
        if not future.done():
            future.set_result(message)

    def __repr__(self) -> str:
        return f"<Running worker {self.slot} pid {self.pid} {self.state} generation {self.generation}>"


@asynccontextmanager
async def _within(seconds: float, failing: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Gone(f"{failing} within {seconds:g} s") from None
