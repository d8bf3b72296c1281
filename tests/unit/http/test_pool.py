"""The pool before real services: checkout, bounds, the line, and how failures are told."""

import ssl
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from portico.exchange.failure import (
    CONNECT_TIMEOUT,
    POOL_EXHAUSTED,
    REFUSED,
    SHUTTING_DOWN,
    TLS_FAILED,
    UNREACHABLE,
    Failure,
)
from portico.exchange.fields import Field
from portico.exchange.reply import Reply
from portico.http.channel import Channel
from portico.http.pool import Address, Pool
from portico.testing import Link, Upstream, free_port, until
from portico.testing.upstream import answering, stalling

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Call:
    """A caller that waits for a channel, sends one request, and keeps what it is told."""

    def __init__(self, sends: bool = True) -> None:
        self.sends = sends
        self.channel: Channel | None = None
        self.failure: Failure | None = None
        self.status = 0

    def on_channel(self, channel: Channel) -> None:
        self.channel = channel
        if self.sends:
            channel.send(self, HEAD, True, False)

    def on_no_channel(self, failure: Failure) -> None:
        self.failure = failure

    def on_reply(self, reply: Reply, data: bytes, end: bool, trailers: list[Field], now: float) -> None:
        self.status = reply.status

    def on_data(self, data: bytes, end: bool, trailers: list[Field], now: float) -> None: ...
    def on_interim(self, status: int, fields: list[Field]) -> None: ...
    def on_switch(self, reply: Reply, rest: bytes) -> None: ...

    def on_broken(self, failure: Failure, silent: bool) -> None:
        self.failure = failure

    def on_full(self) -> None: ...
    def on_drained(self) -> None: ...


def pool_of(port: int, *, size: int = 2, queue: int = 2, idle_s: float = 5.0, connect_s: float = 5.0) -> Pool:
    return Pool(Address("127.0.0.1", port), size=size, queue=queue, idle_s=idle_s, connect_s=connect_s)


@pytest.fixture
async def quick() -> AsyncIterator[Upstream]:
    async with Upstream(answering(OK)) as upstream:
        yield upstream


@pytest.fixture
async def slow() -> AsyncIterator[Upstream]:
    async with Upstream(stalling) as upstream:
        yield upstream


async def closed(pool: Pool) -> None:
    pool.close()
    await until(lambda: pool.stats()["open"] == pool.stats()["opening"] == 0, "the pool is empty")


async def test_first_caller_waits_and_the_next_finds_the_connection_idle(quick: Upstream) -> None:
    pool, call = pool_of(quick.port), Call()
    assert pool.checkout(monotonic()) is None
    assert pool.wait(call) is None
    await until(lambda: call.status == 200, "the reply")
    channel = pool.checkout(monotonic())
    assert channel is call.channel
    assert pool.checkout(monotonic()) is None
    assert pool.connects == 1
    await closed(pool)


async def test_connection_that_was_idle_too_long_is_not_handed_out(quick: Upstream) -> None:
    pool, call = pool_of(quick.port), Call()
    pool.wait(call)
    await until(lambda: call.status == 200, "the reply")
    assert pool.checkout(monotonic() + 6.0) is None
    await until(lambda: pool.stats()["open"] == 0, "it is closed")


async def test_sweep_closes_what_is_idle_too_long_and_nothing_else(quick: Upstream) -> None:
    pool, call = pool_of(quick.port), Call()
    pool.wait(call)
    await until(lambda: call.status == 200, "the reply")
    pool.sweep(monotonic())
    assert pool.stats()["idle"] == 1
    pool.sweep(monotonic() + 6.0)
    await until(lambda: pool.stats()["open"] == 0, "it is closed")


async def test_size_bounds_connections_and_queue_bounds_callers_in_line(slow: Upstream) -> None:
    pool = pool_of(slow.port)
    calls = [Call() for _ in range(5)]
    for call in calls[:2]:
        assert pool.wait(call) is None
    await until(lambda: calls[0].channel and calls[1].channel, "both are served")
    assert [pool.wait(call) for call in calls[2:]] == [None, None, POOL_EXHAUSTED]
    stats = pool.stats()
    assert (stats["open"], stats["opening"], stats["waiting"]) == (2, 0, 2)
    await closed(pool)
    assert slow.accepted == 2


async def test_burst_of_callers_is_bounded_before_any_connection_is_open(quick: Upstream) -> None:
    pool = pool_of(quick.port)
    calls = [Call() for _ in range(6)]
    told = [pool.wait(call) for call in calls]
    assert told == [None] * 4 + [POOL_EXHAUSTED] * 2
    assert pool.stats()["opening"] == 2
    await until(lambda: all(call.status == 200 for call in calls[:4]), "all in line are served")
    assert quick.accepted == 2
    await closed(pool)


async def test_line_is_served_in_its_order(quick: Upstream) -> None:
    pool = pool_of(quick.port, size=1, queue=5)
    order: list[int] = []

    class Numbered(Call):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def on_channel(self, channel: Channel) -> None:
            order.append(self.number)
            super().on_channel(channel)

    calls = [Numbered(number) for number in range(5)]
    for call in calls:
        assert pool.wait(call) is None
    await until(lambda: all(call.status for call in calls), "all are served")
    assert order == [0, 1, 2, 3, 4]
    assert quick.accepted == 1
    await closed(pool)


async def test_caller_that_has_left_is_passed_over(quick: Upstream) -> None:
    pool = pool_of(quick.port, size=1)
    first, second = Call(), Call()
    pool.wait(first)
    pool.wait(second)
    pool.leave(first)
    await until(lambda: second.status, "the second is served")
    assert first.channel is None
    pool.leave(first)  # once more does no harm
    await closed(pool)


async def test_connection_that_nobody_waits_for_any_more_is_kept(quick: Upstream) -> None:
    pool, call = pool_of(quick.port), Call()
    pool.wait(call)
    pool.leave(call)
    await until(lambda: pool.stats()["idle"] == 1, "it is idle")
    assert call.channel is None
    await closed(pool)


async def test_lost_connection_makes_room_for_the_line(slow: Upstream) -> None:
    pool = pool_of(slow.port, size=1)
    first, second = Call(), Call()
    pool.wait(first)
    await until(lambda: first.channel, "the first has the only connection")
    pool.wait(second)
    assert first.channel is not None
    first.channel.abandon()
    await until(lambda: second.channel, "the second has a new one")
    assert slow.accepted == 2
    await closed(pool)


async def test_refused_connection_fails_the_first_in_line() -> None:
    pool, call = pool_of(free_port()), Call()
    pool.wait(call)
    await until(lambda: call.failure, "the failure")
    assert call.failure is not None
    assert (call.failure.status, call.failure.code) == (REFUSED.status, REFUSED.code)
    assert pool.failures == 1


async def test_those_in_line_behind_one_who_is_refused_are_not_forgotten() -> None:
    pool, calls = pool_of(free_port(), size=1, queue=2), [Call(), Call(), Call()]
    for call in calls:
        assert pool.wait(call) is None
    await until(lambda: all(call.failure for call in calls), "all are told")
    assert (pool.failures, pool.stats()["opening"]) == (3, 0)


async def test_name_that_is_none_is_unreachable_and_takes_no_place() -> None:
    pool = Pool(Address("a..b", 80), size=1, queue=1, idle_s=1.0, connect_s=5.0)
    calls = [Call(), Call()]
    for call in calls:
        assert pool.wait(call) is None
    await until(lambda: all(call.failure for call in calls), "both are told")
    assert [call.failure and call.failure.status for call in calls] == [UNREACHABLE.status] * 2
    assert pool.stats()["opening"] == 0


async def test_missing_unix_socket_is_refused(tmp_path: object) -> None:
    pool = Pool(Address(path=f"{tmp_path}/none"), size=1, queue=1, idle_s=1.0, connect_s=1.0)
    call = Call()
    pool.wait(call)
    await until(lambda: call.failure, "the failure")
    assert call.failure is not None
    assert call.failure.status == REFUSED.status


async def test_service_that_speaks_no_tls_cannot_be_verified(quick: Upstream) -> None:
    address = Address("127.0.0.1", quick.port, tls=ssl.create_default_context())
    pool, call = Pool(address, size=1, queue=1, idle_s=1.0, connect_s=5.0), Call()
    quick.links.clear()
    pool.wait(call)

    def hang_up() -> bool:
        for link in quick.links:
            link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        return call.failure is not None

    await until(hang_up, "the failure")
    assert call.failure is not None
    assert call.failure.code == TLS_FAILED.code


async def test_connection_that_takes_too_long_times_out() -> None:
    async with Upstream(Link.gone) as upstream:  # nobody answers the handshake
        address = Address("127.0.0.1", upstream.port, tls=ssl.create_default_context())
        pool, call = Pool(address, size=1, queue=1, idle_s=1.0, connect_s=0.05), Call()
        pool.wait(call)
        await until(lambda: call.failure, "the failure")
        assert call.failure is not None
        assert (call.failure.status, pool.failures) == (CONNECT_TIMEOUT.status, 1)


async def test_closed_pool_sends_away_who_waits_and_opens_nothing_more(slow: Upstream) -> None:
    pool = pool_of(slow.port, size=1)
    first, second = Call(), Call()
    pool.wait(first)
    await until(lambda: first.channel, "the first has the only connection")
    pool.wait(second)
    await closed(pool)
    assert second.failure is SHUTTING_DOWN
    assert slow.accepted == 1


async def test_closed_pool_refuses_who_comes(slow: Upstream) -> None:
    pool = pool_of(slow.port)
    pool.close()
    call = Call()
    assert pool.wait(call) is SHUTTING_DOWN
    assert pool.stats()["waiting"] == pool.stats()["opening"] == 0


async def test_closed_pool_stops_opening(slow: Upstream) -> None:
    pool, call = pool_of(slow.port), Call()
    pool.wait(call)
    await closed(pool)
    assert call.failure is SHUTTING_DOWN


async def test_retired_pool_keeps_nothing_and_lets_what_is_under_way_end(quick: Upstream) -> None:
    pool, call = pool_of(quick.port), Call()
    pool.wait(call)
    pool.retire()
    await until(lambda: call.status == 200, "the reply")
    await until(lambda: pool.stats()["open"] == 0, "its connection is closed")
