"""The pool against a naive model, step by step, on connections that exist only in memory.

The model: a list of those in line, a set of connections in use, a stack of idle ones. Opening is left to the test,
which completes or fails it when it likes.
"""

import asyncio
from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from portico.exchange.failure import POOL_EXHAUSTED, Failure
from portico.http.channel import Channel
from portico.http.pool import Address, Pool

SIZE, QUEUE, IDLE_S = 3, 2, 4.0


class Line(asyncio.Transport):
    """A transport that only remembers whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Waiter:
    """A caller in line."""

    def __init__(self) -> None:
        self.channel: Channel | None = None
        self.failure: Failure | None = None

    def on_channel(self, channel: Channel) -> None:
        assert self.channel is None
        self.channel = channel

    def on_no_channel(self, failure: Failure) -> None:
        self.failure = failure


class Dialled(Pool):
    """A pool whose connections are opened by the test: `dialled` is what it would be opening."""

    __slots__ = ("dialled",)

    def __init__(self) -> None:
        super().__init__(Address("service", 80), size=SIZE, queue=QUEUE, idle_s=IDLE_S, connect_s=1.0)
        self.dialled: deque[asyncio.Future[Channel]] = deque()

    async def _dial(self) -> Channel:
        future: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self.dialled.append(future)
        return await future


class PoolMachine(RuleBasedStateMachine):
    """Callers come, get connections, give them back, lose them, or leave."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.pool = Dialled()
        self.now = 0.0
        self.line: list[Waiter] = []  # the model: who has not been served, in order
        self.used: list[Channel] = []
        self.idle: list[Channel] = []  # the last one given back is the first to be used
        self.opening = 0

    def turn(self) -> None:
        async def nothing() -> None:
            for _ in range(6):
                await asyncio.sleep(0)

        self.loop.run_until_complete(nothing())

    def on_loop(self, act: object, *arguments: object) -> object:
        async def run() -> object:
            return act(*arguments)  # type: ignore[operator]

        return self.loop.run_until_complete(run())

    def serve(self) -> None:
        """The model of who gets what comes free: who has stood longest."""
        while self.line and self.line[0].channel is not None:
            self.used.append(self.line.pop(0).channel)  # type: ignore[arg-type]

    @rule()
    def come(self) -> None:
        """A caller wants a connection."""
        found = self.pool.checkout(self.now)
        while self.idle and self.idle[-1].expires < self.now:
            self.idle.pop()
        if self.idle:
            assert found is self.idle.pop()
            self.used.append(found)
            return
        assert found is None
        waiter = Waiter()
        room = len(self.used) + self.opening < SIZE
        standing = len(self.line) - self.opening
        failure = self.on_loop(self.pool.wait, waiter)
        if room or standing < QUEUE:
            assert failure is None
            self.line.append(waiter)
            self.open_more()
        else:
            assert failure is POOL_EXHAUSTED
        self.turn()

    def open_more(self) -> None:
        while self.opening < len(self.line) and len(self.used) + len(self.idle) + self.opening < SIZE:
            self.opening += 1

    @precondition(lambda self: self.pool.dialled)
    @rule()
    def connect(self) -> None:
        """A connection is open."""
        channel = Channel(self.pool)
        channel.connection_made(Line())
        self.pool.dialled.popleft().set_result(channel)
        self.turn()
        self.opening -= 1
        if self.line:
            assert self.line[0].channel is channel
            self.serve()
        else:
            channel.expires = self.now + IDLE_S  # the pool reads the real clock here; the test's stands still
            self.idle.append(channel)

    @precondition(lambda self: self.pool.dialled)
    @rule()
    def refuse(self) -> None:
        """A connection cannot be opened: that is the trouble of whoever stands first, and of nobody else."""
        self.pool.dialled.popleft().set_exception(ConnectionRefusedError(111, "refused"))
        self.turn()
        self.opening -= 1
        if self.line:
            assert self.line.pop(0).failure is not None
        self.open_more()

    @precondition(lambda self: self.used)
    @rule(data=st.data(), kept=st.booleans())
    def give_back(self, data: st.DataObject, kept: bool) -> None:
        """A reply has ended; the service may have asked for its connection to be closed."""
        channel = self.used.pop(data.draw(st.integers(0, len(self.used) - 1)))
        if kept:
            self.on_loop(self.pool.release, channel, self.now + IDLE_S)
            if self.line:
                assert self.line[0].channel is channel
                self.serve()
            else:
                self.idle.append(channel)
        else:
            self.lose(channel)

    @precondition(lambda self: self.idle)
    @rule(data=st.data())
    def lose_idle(self, data: st.DataObject) -> None:
        """The service closes an idle connection."""
        self.lose(self.idle.pop(data.draw(st.integers(0, len(self.idle) - 1))))

    def lose(self, channel: Channel) -> None:
        channel.closed = True
        self.on_loop(channel.connection_lost, None)
        self.open_more()
        self.turn()

    @precondition(lambda self: self.line)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """A caller has lost patience."""
        self.pool.leave(self.line.pop(data.draw(st.integers(0, len(self.line) - 1))))

    @rule(seconds=st.sampled_from([0.5, 3.0, 5.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, and the sweep comes round."""
        self.now += seconds
        self.pool.sweep(self.now)
        for channel in [one for one in self.idle if one.expires < self.now]:
            self.idle.remove(channel)
            assert channel.closed
            self.lose(channel)

    @invariant()
    def counts_agree(self) -> None:
        """Nothing is counted twice, or lost, or beyond the bounds."""
        stats = self.pool.stats()
        assert stats["idle"] == len(self.idle)
        assert stats["waiting"] == len(self.line)
        assert stats["opening"] == self.opening == len(self.pool.dialled)
        assert stats["open"] + stats["opening"] <= SIZE
        assert len(self.line) <= QUEUE + SIZE
        assert not any(channel.closed for channel in self.used)

    def teardown(self) -> None:
        """Close what is left."""
        self.on_loop(self.pool.close)
        self.turn()
        assert self.pool.stats()["waiting"] == self.pool.stats()["opening"] == 0
        self.loop.close()


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=60, stateful_step_count=40)
