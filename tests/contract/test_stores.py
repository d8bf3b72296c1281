"""The contract of stores (portico/stores/interface.py): one suite for every kind, each a real one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from portico.rules import LimitRule
from portico.stores import Ask, Outcome, Spend, Store
from portico.stores.interface import RECORD_BYTES
from tests.contract.store_kinds import KINDS, Place, Servers

TASKS = 50
LATER = 3600.0
FIVE = LimitRule(5, 3600.0, 5)
TWO = LimitRule(2, 3600.0, 2)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with contextlib.ExitStack() as cleanup:
        yield Servers(cleanup)


@pytest.fixture(params=list(KINDS))
async def place(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> AsyncIterator[Place]:
    place = KINDS[request.param](tmp_path, servers)
    yield place
    await place.close()


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    store = await place.client()
    yield store
    await store.close()


@contextlib.asynccontextmanager
async def clients(place: Place, count: int = 4) -> AsyncIterator[list[Store]]:
    stores = [await place.client() for _ in range(count)]
    try:
        yield stores
    finally:
        for store in set(stores):
            await store.close()


def spend(rule: LimitRule = FIVE, key: bytes = b"ada", name: bytes = b"ip:login") -> Spend:
    return Spend(name, rule, key)


def soon() -> float:
    return time.time() + LATER


class TestLimits:
    async def test_admits_exactly_the_quota_and_tells_what_is_left(self, store: Store) -> None:
        told = [await store.judge(Ask(early=[spend()])) for _ in range(7)]
        assert [judged.outcome for judged in told] == [Outcome.PASSED] * 5 + [Outcome.EARLY] * 2
        assert [judged.early[0][0] for judged in told] == [4, 3, 2, 1, 0, -1, -1]
        assert told[0].early[0][1] == pytest.approx(720)
        assert 0 < told[6].early[0][1] <= 720

    async def test_callers_limits_and_rules_count_apart(self, store: Store) -> None:
        for one in (
            spend(),
            spend(key=b"bob"),
            spend(name=b"ip:other"),
            spend(TWO),
            spend(key=b"\x00\xff\r\n"),
        ):
            judged = await store.judge(Ask(early=[one]))
            assert judged.early[0][0] == one.rule.burst - 1, one

    async def test_all_of_a_phase_count_or_none_does(self, store: Store) -> None:
        both = [spend(), spend(TWO, name=b"user:both")]
        told = [await store.judge(Ask(late=both)) for _ in range(3)]
        assert [judged.outcome for judged in told] == [Outcome.PASSED, Outcome.PASSED, Outcome.LATE]
        assert told[2].late[0][0] == 3, "beside one that refuses: what would pass from now on"
        assert told[2].late[1][0] == -1
        assert (await store.judge(Ask(late=[spend()]))).late[0][0] == 2, "the third request has not counted"

    async def test_what_is_early_counts_also_when_what_is_late_refuses(self, store: Store) -> None:
        await store.judge(Ask(late=[spend(LimitRule(1, 3600.0, 1), name=b"user:one")]))
        judged = await store.judge(
            Ask(early=[spend()], late=[spend(LimitRule(1, 3600.0, 1), name=b"user:one")])
        )
        assert (judged.outcome, judged.early[0][0], judged.late[0][0]) == (Outcome.LATE, 4, -1)
        assert (await store.judge(Ask(early=[spend()]))).early[0][0] == 3

    async def test_reported_limits_refuse_nothing(self, store: Store) -> None:
        ask = Ask(early=[spend()], reported=[spend(TWO, name=b"ip:a"), spend(FIVE, name=b"ip:b")])
        told = [await store.judge(ask) for _ in range(3)]
        assert [list(judged.over) for judged in told] == [[False, False], [False, False], [True, False]]
        assert {judged.outcome for judged in told} == {Outcome.PASSED}

    async def test_one_limit_twice_in_a_question_counts_twice(self, store: Store) -> None:
        judged = await store.judge(Ask(early=[spend(), spend()]))
        assert [left for left, _ in judged.early] == [4, 3]
        assert (await store.judge(Ask(early=[spend()] * 4))).outcome is Outcome.EARLY
        assert (await store.judge(Ask(early=[spend()]))).early[0][0] == 2

    async def test_an_empty_question_passes(self, store: Store) -> None:
        judged = await store.judge(Ask())
        assert (judged.outcome, len(judged.early), len(judged.late), len(judged.over)) == (0, 0, 0, 0)

    async def test_clients_together_admit_exactly_the_limit(self, place: Place) -> None:
        limit = LimitRule(100, 3600.0, 100)
        async with clients(place) as stores:

            async def ask(number: int) -> Outcome:
                name = b"ip:%d" % (number % 2)
                judged = await stores[number % 4].judge(Ask(early=[spend(limit, name=name), spend(limit)]))
                return judged.outcome

            told: Counter[Outcome] = Counter()
            for _ in range(4):
                told += Counter(await asyncio.gather(*(ask(number) for number in range(TASKS))))
            assert told == {Outcome.PASSED: 100, Outcome.EARLY: 100}

    async def test_what_was_spent_is_earned_back(self, store: Store) -> None:
        rule = LimitRule(10, 1.0, 1)
        outcomes: set[Outcome] = set()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and len(outcomes) < 2:
            outcomes.add((await store.judge(Ask(early=[spend(rule)]))).outcome)
        assert outcomes == {Outcome.PASSED, Outcome.EARLY}
        passed = Outcome.EARLY
        while time.monotonic() < deadline and passed is not Outcome.PASSED:
            passed = (await store.judge(Ask(early=[spend(rule)]))).outcome
        assert passed is Outcome.PASSED


class TestRevocation:
    async def test_refuses_what_bears_the_mark(self, store: Store) -> None:
        await store.revoke(b"jti:7", soon())
        assert (await store.judge(Ask(marks=[b"user:1", b"jti:7"]))).outcome is Outcome.REVOKED
        assert (await store.judge(Ask(marks=[b"user:1", b"jti:8"]))).outcome is Outcome.PASSED
        assert (await store.judge(Ask())).outcome is Outcome.PASSED

    async def test_what_was_issued_later_is_not_meant(self, store: Store) -> None:
        await store.revoke(b"user:1", soon(), before=1000.5)
        outcomes = [
            (await store.judge(Ask(marks=[b"user:1"], issued=at))).outcome for at in (0.0, 1000.5, 1000.6)
        ]
        assert outcomes == [Outcome.REVOKED, Outcome.REVOKED, Outcome.PASSED]

    async def test_keeps_the_later_of_both_times(self, store: Store) -> None:
        await store.revoke(b"user:1", soon(), before=2000.0)
        await store.revoke(b"user:1", soon() - 3000, before=1000.0)
        assert (await store.judge(Ask(marks=[b"user:1"], issued=1500.0))).outcome is Outcome.REVOKED
        await store.revoke(b"user:1", soon())
        await store.revoke(b"user:1", soon(), before=1000.0)
        assert (await store.judge(Ask(marks=[b"user:1"], issued=9e9))).outcome is Outcome.REVOKED

    async def test_a_shorter_one_does_not_shorten(self, store: Store) -> None:
        await store.revoke(b"user:1", soon())
        await store.revoke(b"user:1", time.time() + 0.05)
        await store.revoke(b"user:2", time.time() + 0.05)
        assert await becomes(store, b"user:2", Outcome.PASSED)
        assert (await store.judge(Ask(marks=[b"user:1"]))).outcome is Outcome.REVOKED

    async def test_stands_between_early_and_late_limits(self, store: Store) -> None:
        await store.revoke(b"jti:7", soon())
        judged = await store.judge(Ask(early=[spend()], marks=[b"jti:7"], late=[spend(TWO)]))
        assert (judged.outcome, judged.early[0][0], len(judged.late)) == (Outcome.REVOKED, 4, 0)
        assert (await store.judge(Ask(early=[spend(TWO)]))).early[0][0] == 1

    async def test_is_known_to_all_clients(self, place: Place) -> None:
        async with clients(place) as stores:
            await stores[0].revoke(b"jti:7", soon())
            for store in stores:
                assert (await store.judge(Ask(marks=[b"jti:7"]))).outcome is Outcome.REVOKED


async def becomes(store: Store, mark: bytes, outcome: Outcome) -> bool:
    end = time.monotonic() + 10
    while (await store.judge(Ask(marks=[mark]))).outcome is not outcome:
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.01)
    return True


class TestOnce:
    async def test_is_true_for_the_first_only(self, store: Store) -> None:
        assert [await store.once(b"nonce", soon()) for _ in range(3)] == [True, False, False]
        assert await store.once(b"other", soon())

    async def test_one_of_many_at_once_is_the_first(self, place: Place) -> None:
        async with clients(place) as stores:
            told = await asyncio.gather(*(stores[one % 4].once(b"nonce", soon()) for one in range(TASKS)))
            assert sum(told) == 1

    async def test_is_free_again_when_its_time_is_over(self, store: Store) -> None:
        assert await store.once(b"nonce", time.time() + 0.05)
        end = time.monotonic() + 10
        while not await store.once(b"nonce", soon()):
            assert time.monotonic() < end
            await asyncio.sleep(0.01)


class TestRecords:
    async def test_are_kept_found_and_dropped(self, store: Store) -> None:
        assert await store.find("session", "a") is None
        await store.keep("session", "a", b"\x00\xffone", soon())
        assert await store.find("session", "a") == b"\x00\xffone"
        assert await store.find("refresh", "a") is None, "each kind has keys of its own"
        await store.keep("session", "a", b"two", None)
        assert await store.find("session", "a") == b"two"
        assert await store.drop("session", "a")
        assert not await store.drop("session", "a")
        assert await store.find("session", "a") is None

    async def test_are_over_when_their_time_is(self, store: Store) -> None:
        await store.keep("cache", "short", b"1", time.time() + 0.05)
        await store.keep("cache", "long", b"2", soon())
        end = time.monotonic() + 10
        while await store.find("cache", "short") is not None:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        assert [key async for key, _ in store.list("cache")] == ["long"]
        assert not await store.drop("cache", "short")
        assert await store.swap("cache", "short", None, b"3", soon()), "what is over is absent"

    async def test_swap_takes_what_is_there_for_its_condition(self, store: Store) -> None:
        assert await store.swap("refresh", "f", None, b"1", soon())
        assert not await store.swap("refresh", "f", None, b"2", soon())
        assert not await store.swap("refresh", "f", b"0", b"2", soon())
        assert await store.swap("refresh", "f", b"1", b"2", soon())
        assert await store.find("refresh", "f") == b"2"
        assert not await store.swap("refresh", "absent", b"1", b"2", soon())
        assert await store.find("refresh", "absent") is None

    async def test_one_of_many_swaps_wins(self, place: Place) -> None:
        async with clients(place) as stores:
            await stores[0].keep("refresh", "f", b"0", soon())
            told = await asyncio.gather(
                *(
                    stores[one % 4].swap("refresh", "f", b"0", b"%d" % (one + 1), soon())
                    for one in range(TASKS)
                )
            )
            assert sum(told) == 1
            assert await stores[3].find("refresh", "f") == b"%d" % (told.index(True) + 1)

    async def test_swaps_lose_no_increment(self, place: Place) -> None:
        async with clients(place) as stores:
            await stores[0].keep("cache", "count", b"0", None)

            async def add(store: Store) -> None:
                while True:
                    old = await store.find("cache", "count")
                    assert old is not None
                    if await store.swap("cache", "count", old, b"%d" % (int(old) + 1), None):
                        return

            await asyncio.gather(*(add(stores[one % 4]) for one in range(12)))
            assert await stores[0].find("cache", "count") == b"12"

    async def test_one_of_many_drops_is_told_that_it_was_there(self, place: Place) -> None:
        async with clients(place) as stores:
            await stores[0].keep("session", "a", b"1", soon())
            told = await asyncio.gather(*(stores[one % 4].drop("session", "a") for one in range(TASKS)))
            assert sum(told) == 1

    async def test_are_listed_by_the_beginning_of_their_keys(self, store: Store) -> None:
        written = {f"t{number}:k*[{number}": b"%d" % number for number in range(30)}
        for key, value in written.items():
            await store.keep("apikey", key, value, None)
        await store.keep("session", "t1:other", b"x", soon())
        await store.revoke(b"t1:revoked", soon())
        assert {key: value async for key, value in store.list("apikey")} == written
        assert sorted([key async for key, _ in store.list("apikey", "t1:")]) == ["t1:k*[1"]
        assert [key async for key, _ in store.list("apikey", "t*")] == []
        assert [key async for key, _ in store.list("session")] == ["t1:other"]

    async def test_hold_any_text_as_key_and_so_much_as_value(self, store: Store) -> None:
        for key in ("ключ", "a\nb\x00c", "{braces}", "\udcff", "k" * 500):
            await store.keep("cache", key, key.encode("utf-8", "surrogatepass"), soon())
            assert await store.find("cache", key) == key.encode("utf-8", "surrogatepass")
        await store.keep("cache", "large", b"v" * RECORD_BYTES, soon())
        with pytest.raises(ValueError, match="at most"):
            await store.keep("cache", "large", b"v" * (RECORD_BYTES + 1), soon())
        with pytest.raises(ValueError, match="at most"):
            await store.swap("cache", "new", None, b"v" * (RECORD_BYTES + 1), soon())
        assert await store.find("cache", "large") == b"v" * RECORD_BYTES
