"""The script in Redis and the limiter in Python are one rule: any questions at any times have the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portico.config.values.stores import store_address
from portico.rules import LimitRule, Limits
from portico.stores import Ask, MemoryStore, Spend
from portico.stores.redis import RedisStore
from tests.redis_server import redis_server

# Windows of an hour: in the time that this test takes, nothing that counts expires by the server's own clock.
RULES = st.builds(
    LimitRule,
    quota=st.one_of(st.integers(1, 5), st.integers(1, 1_000_000)),
    window_s=st.sampled_from([3600.0, 5400.5, 86_400.0, 2_592_000.0]),
    burst=st.one_of(st.integers(1, 5), st.integers(1, 1_000_000)),
)
GAPS = st.one_of(
    st.sampled_from([0.0, 0.0, 0.0, 1e-6, 0.25, 60.0, 3600.0, 86_400.0]),
    st.floats(0, 10_000, allow_subnormal=False),
)
MARKS = st.sampled_from([b"jti:1", b"user:1", b"tenant:1"])


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@st.composite
def questions(draw: st.DrawFn) -> list[tuple[float, Ask | tuple[bytes, float]]]:
    rules = draw(st.lists(RULES, min_size=1, max_size=4))
    spends = st.builds(
        lambda number, key: Spend(b"ip:%d" % number, rules[number], key),
        st.integers(0, len(rules) - 1),
        st.sampled_from([b"ada", b"bob", b""]),
    )
    several = st.lists(spends, max_size=3)
    asks = st.builds(
        Ask,
        early=several,
        marks=st.lists(MARKS, max_size=2),
        issued=st.sampled_from([0.0, 99.0, 100.0, 100.5, 101.0]),
        late=several,
        reported=several,
    )
    revocations = st.tuples(MARKS, st.sampled_from([99.5, 100.0, 101.0, float("inf")]))
    return draw(st.lists(st.tuples(GAPS, st.one_of(asks, asks, asks, revocations)), min_size=1, max_size=15))


@dataclass
class Twins:
    runner: asyncio.Runner
    clock: Clock
    redis: RedisStore

    async def compare(self, asked: list[tuple[float, Ask | tuple[bytes, float]]], start: float) -> None:
        self.clock.now = start
        await self.redis._client.execute_command(b"FLUSHALL")
        memory = MemoryStore(Limits(1000), monotonic=self.clock)
        for gap, one in asked:
            self.clock.now += gap
            if isinstance(one, Ask):
                expected = await memory.judge(one)
                told = await self.redis.judge(one)
                assert told.outcome is expected.outcome
                for part in ("early", "late", "over"):
                    assert list(getattr(told, part)) == list(getattr(expected, part)), part
            else:
                for store in (memory, self.redis):
                    await store.revoke(one[0], 9e9, one[1])


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    clock = Clock()
    with redis_server() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        store = RedisStore(store_address(server.url), "", 30.0, clock)
        yield Twins(runner, clock, store)
        runner.run(store.close())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=questions(), start=st.floats(0.0, 2.0**30))
def test_the_script_says_what_the_limiter_says(
    twins: Twins, asked: list[tuple[float, Ask | tuple[bytes, float]]], start: float
) -> None:
    twins.runner.run(twins.compare(asked, start))
