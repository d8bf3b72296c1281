"""An open-loop load generator: requests are due at fixed times, whether or not earlier ones have been answered.

A latency counts from the moment at which a request was *due*, not from when it could be sent: a service that stands
still is charged with every request that was due meanwhile ("coordinated omission" cannot hide them). N keep-alive
connections, one request at a time on each; one that is due while all are busy waits, and its waiting counts. Every
reply must be a 200 with the expected body. Percentiles are exact: all samples are kept. The clock is a timerfd,
because uvloop's timers know milliseconds only. The generator reports its own CPU time and its own lateness, and says
when it could not keep the rate: then its figures mean nothing.

    python -m bench.openloop --port 8080 --path /x --rate 5000 --seconds 10 [--header 'Name: value'] [--expect FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import math
import os
import sys
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from time import monotonic, process_time
from typing import Any, cast

import httptools
import uvloop

PATIENCE_S = 10.0  # for the last replies
RETRY_S = 0.01  # between attempts to reach a service that refuses connections
LATE_MS = 1.0  # requests sent later than this, though a connection was free, are the generator's own fault
BUSY = 0.9  # of the time on a processor or waiting for one: beyond this, replies lie unread
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True)
class Load:
    """What to send, how often and for how long. `request` is sent as it is; `expect` None takes any body."""

    port: int
    request: bytes
    rate: float
    seconds: float
    connections: int = 50
    warmup_s: float = 1.0  # before `seconds`; not counted
    expect: bytes | None = None
    host: str = "127.0.0.1"


@dataclass
class Outcome:
    """What came of a load. `due` and `took` are seconds, one pair per counted request that was answered rightly."""

    asked: int
    wrong: int = 0  # another status or body
    failed: int = 0  # the connection ended first
    unanswered: int = 0  # no reply when patience ended
    waited: int = 0  # all connections were busy
    reopened: int = 0
    refused: int = 0  # attempts to open a connection again
    wall_s: float = 0.0
    cpu_s: float = 0.0
    starved_s: float = 0.0  # ready to run, but others had the processor
    first_wrong: str = ""
    due: array[float] = field(default_factory=lambda: array("d"))
    took: array[float] = field(default_factory=lambda: array("d"))
    lag: array[float] = field(
        default_factory=lambda: array("d")
    )  # sent minus due, where a connection was free

    @property
    def bad(self) -> int:
        """Requests without their right answer."""
        return self.wrong + self.failed + self.unanswered

    @property
    def kept(self) -> bool:
        """Whether the generator had time enough, and sent 99 of 100 requests with a free connection in time."""
        in_time = percentiles(self.lag).get("p99", 0.0) <= LATE_MS
        return in_time and self.cpu_s + self.starved_s <= BUSY * self.wall_s

    def percentiles(self) -> dict[str, float]:
        """Milliseconds: `p50`, `p90`, `p99`, `p99.9`, `max`."""
        return percentiles(self.took)

    def summary(self) -> dict[str, Any]:
        """All that is worth writing down."""
        lists = {"due", "took", "lag"}
        plain = {name: value for name, value in asdict(self).items() if name not in lists}
        return {
            **plain,
            "answered": len(self.took),
            "kept": self.kept,
            "cpu_share": self.cpu_s / self.wall_s if self.wall_s else 0.0,
            "ms": self.percentiles(),
            "lag_ms": percentiles(self.lag),
        }


def percentiles(took: Iterable[float]) -> dict[str, float]:
    """The smallest sample that at least p % of all samples do not exceed, in milliseconds; {} without samples."""
    ordered = sorted(took)
    if not ordered:
        return {}
    found = {f"p{p:g}": ordered[math.ceil(len(ordered) * p / 100) - 1] * 1000 for p in PERCENTILES}
    return {**found, "max": ordered[-1] * 1000}


def even(rate: float, seconds: float) -> Iterable[float]:
    """The schedule of a fixed rate: seconds from the start at which each request is due."""
    return (number / rate for number in range(int(rate * seconds)))


async def drive(load: Load, schedule: Sequence[float] | None = None) -> Outcome:
    """Send the load. `schedule` (ascending seconds) replaces the even one. Raises OSError when nothing listens."""
    generator = _Generator(load, schedule)
    gc.collect()
    gc.disable()  # a collection of ours would be charged to the service
    try:
        return await generator.run()
    finally:
        gc.enable()


class _Generator:
    def __init__(self, load: Load, schedule: Sequence[float] | None) -> None:
        self.load = load
        times = even(load.rate, load.warmup_s + load.seconds) if schedule is None else schedule
        self.warmup_s = load.warmup_s if schedule is None else 0.0
        times = array("d", times)
        self.outcome = Outcome(asked=sum(each >= self.warmup_s for each in times))
        self._last = times[-1]
        self._times = chain(times, [math.inf])
        self._left = len(times)
        self._next = next(self._times)
        self._idle: deque[_Connection] = deque()
        self._backlog: deque[float] = deque()
        self._open: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._start = self._counted = 0.0
        self._clock = TimerFd()

    async def run(self) -> Outcome:
        for _ in range(self.load.connections):
            await self._connect()
        cpu_s, starved_s = process_time(), _starved_s()
        self._start = monotonic() + 0.01
        self._counted = self._start + self.warmup_s
        self._loop.add_reader(self._clock.fd, self._tick)
        self._clock.set(self._start + self._next)
        try:
            async with asyncio.timeout(self._last + PATIENCE_S):
                await self._ended.wait()
        except TimeoutError:
            self.outcome.unanswered = self._left
            self._ended.set()
        finally:
            self._loop.remove_reader(self._clock.fd)
            self._clock.close()
            for task in self._opening:
                task.cancel()
            await asyncio.gather(*self._opening, return_exceptions=True)
            for connection in list(self._open):
                connection.close()
        self.outcome.wall_s = monotonic() - self._start
        self.outcome.cpu_s = process_time() - cpu_s
        self.outcome.starved_s = _starved_s() - starved_s
        return self.outcome

    def _tick(self) -> None:
        now = monotonic()
        while (due := self._start + self._next) <= now:
            self._next = next(self._times)
            if self._idle:
                self._idle.popleft().send(due)
                if due >= self._counted:
                    self.outcome.lag.append(now - due)
            else:
                self._backlog.append(due)
                self.outcome.waited += due >= self._counted
            now = monotonic()
        self._clock.set(due)

    # What connections tell.

    def made(self, connection: _Connection) -> None:
        self._open.add(connection)
        self._free(connection)

    def answered(self, connection: _Connection, due: float, right: bool, what: str, last: bool) -> None:
        """`last`: the service closes this connection after this reply."""
        now = monotonic()
        if due >= self._counted:
            if right:
                self.outcome.due.append(due)
                self.outcome.took.append(now - due)
            else:
                self.outcome.wrong += 1
                self.outcome.first_wrong = self.outcome.first_wrong or what
        self._done()
        if last:
            self._open.discard(connection)
            self._replace()
        else:
            self._free(connection)

    def lost(self, connection: _Connection, due: float | None) -> None:
        """It ended, while the request that was due then waited for its reply."""
        if connection not in self._open:
            return
        self._open.discard(connection)
        if due is None:
            self._idle.remove(connection)
        else:
            self.outcome.failed += due >= self._counted
            self._done()
        self._replace()

    def _free(self, connection: _Connection) -> None:
        if self._backlog:
            connection.send(self._backlog.popleft())
        else:
            self._idle.append(connection)

    def _done(self) -> None:
        self._left -= 1
        if not self._left:
            self._ended.set()

    def _replace(self) -> None:
        if not self._ended.is_set():
            self.outcome.reopened += 1
            task = self._loop.create_task(self._reconnect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _reconnect(self) -> None:
        while True:
            try:
                return await self._connect()
            except OSError:
                self.outcome.refused += 1
                await asyncio.sleep(RETRY_S)

    async def _connect(self) -> None:
        await self._loop.create_connection(lambda: _Connection(self), self.load.host, self.load.port)


class _Connection(asyncio.Protocol):
    """One keep-alive connection. `_due` is when the request under way was due; None while it is idle."""

    def __init__(self, generator: _Generator) -> None:
        self._generator = generator
        self._expect = generator.load.expect
        self._request = generator.load.request
        self._due: float | None = None
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._generator.made(self)

    def send(self, due: float) -> None:
        assert self._transport is not None
        self._due = due
        self._transport.write(self._request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._due is None:
            return self.close()  # an answer that nobody asked for
        due, body = self._due, self._body
        self._due, self._body = None, b""
        status = self._parser.get_status_code()
        right = status == 200 and (self._expect is None or body == self._expect)
        last = not self._parser.should_keep_alive()
        self._generator.answered(self, due, right, f"{status}: {body[:200]!r}", last)
        return self.close() if last else None

    def connection_lost(self, _error: Exception | None) -> None:
        self._generator.lost(self, self._due)


class TimerFd:
    """A timer of the kernel that a loop can wait for, exact to microseconds: timerfd_create(2), CLOCK_MONOTONIC."""

    _libc = ctypes.CDLL(None, use_errno=True)

    def __init__(self) -> None:
        flags = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK and TFD_CLOEXEC have these values
        self.fd: int = self._libc.timerfd_create(1, flags)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = (ctypes.c_long * 4)()  # interval and value, each seconds and nanoseconds

    def set(self, at: float) -> None:
        """Be readable from this monotonic time on (which may have passed; infinity: never), and not before."""
        whole = 0 if at == math.inf else int(at)
        self._spec[2], self._spec[3] = whole, int((at - whole) * 1e9) if whole else 0
        if self._libc.timerfd_settime(self.fd, 1, self._spec, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        """Give it back."""
        os.close(self.fd)


def _starved_s() -> float:
    """Seconds for which this thread was ready to run and did not: the second field of proc_pid_schedstat(5)."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:  # a kernel without it
        return 0.0


def get(host: str, path: str, headers: Iterable[str] = ()) -> bytes:
    """The bytes of a GET."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was measured as JSON. 1: some answers were wrong or missing; 2: the rate was not kept."""
    parser = argparse.ArgumentParser(prog="bench.openloop", description="Open-loop load at a fixed rate.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/")
    parser.add_argument("--rate", type=float, required=True, help="requests per second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--warmup", type=float, default=1.0, help="seconds before, not counted")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--header", action="append", default=[], help="'Name: value'")
    parser.add_argument("--expect", type=Path, help="a file with the body that every reply must have")
    options = parser.parse_args(arguments)
    load = Load(
        port=options.port,
        host=options.host,
        request=get(f"{options.host}:{options.port}", options.path, options.header),
        rate=options.rate,
        seconds=options.seconds,
        warmup_s=options.warmup,
        connections=options.connections,
        expect=options.expect.read_bytes() if options.expect else None,
    )
    outcome = uvloop.run(drive(load))
    print(json.dumps(outcome.summary()))
    if outcome.bad:
        return 1
    return 0 if outcome.kept else 2


if __name__ == "__main__":
    sys.exit(main())
