"""What is asked of a store that comes and goes, and what is told of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from portico.rules import Limits
from portico.stores import Ask, Judged, MemoryStore, StoreAwayError
from portico.stores.guarded import FAILURES, Guarded
from portico.testing import until


class Distant(MemoryStore):
    """A store that is there or not. `asked` counts what it was asked for."""

    def __init__(self) -> None:
        super().__init__(Limits(10))
        self.error: StoreAwayError | None = None
        self.asked = 0
        self.connects = 0

    async def judge(self, ask: Ask) -> Judged:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.judge_now(ask)

    @property
    def tasks(self) -> Sequence[asyncio.Task[None]]:
        return []

    async def connect(self) -> None:
        self.connects += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error


@dataclass
class Told:
    answers: int = 0
    failures: int = 0
    unasked_questions: int = 0
    ups: list[bool] = field(default_factory=list)

    def answered(self, seconds: float) -> None:
        self.answers += 1

    def failed(self) -> None:
        self.failures += 1

    def unasked(self) -> None:
        self.unasked_questions += 1

    def is_up(self, up: bool) -> None:
        self.ups.append(up)


class Pause:
    """A second that is over when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, asyncio.Future[None]]] = []

    async def __call__(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((seconds, future))
        await future

    def over(self) -> float:
        seconds, future = self.waiting.pop()
        future.set_result(None)
        return seconds


@dataclass
class Case:
    store: Distant = field(default_factory=Distant)
    told: Told = field(default_factory=Told)
    pause: Pause = field(default_factory=Pause)

    def __post_init__(self) -> None:
        self.guarded = Guarded(self.store, self.told, lambda: 7.0, self.pause)

    async def fails(self) -> str:
        with pytest.raises(StoreAwayError) as raised:
            await self.guarded.judge(Ask())
        return str(raised.value)


@pytest.fixture
def case() -> Case:
    return Case()


async def test_three_failures_in_a_row_and_it_is_not_asked_any_more(case: Case) -> None:
    await case.guarded.judge(Ask())
    for number in range(FAILURES):
        case.store.error = StoreAwayError(f"trouble {number}")
        assert await case.fails() == f"trouble {number}"
    asked = case.store.asked
    assert await case.fails() == "trouble 2"
    assert case.store.asked == asked
    assert (case.told.answers, case.told.failures, case.told.unasked_questions) == (1, FAILURES, 1)
    assert case.told.ups == [False]
    await case.guarded.close()


async def test_questions_of_one_call_fail_as_one(case: Case) -> None:
    case.store.error = StoreAwayError("one call")
    for _ in range(50):
        await case.fails()
    assert case.store.asked == 50
    assert case.guarded.reason == ""
    await case.guarded.close()


async def test_an_answer_in_between_starts_the_count_anew(case: Case) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            case.store.error = StoreAwayError("again")
            await case.fails()
        case.store.error = None
        await case.guarded.judge(Ask())
    assert case.guarded.reason == ""
    await case.guarded.close()


async def test_it_is_looked_for_once_a_second_until_it_is_back(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "portico.stores")
    case.store.error = StoreAwayError("no route")
    case.guarded.begin()
    await until(lambda: case.pause.waiting, "the first look")
    assert await case.fails() == "no route"
    for _ in range(3):
        assert case.pause.over() == 1.0
        await until(lambda: case.pause.waiting, "another look")
    assert case.store.connects == 4
    assert len(case.guarded.tasks) == 1
    case.store.error = None
    case.pause.over()
    await until(lambda: not case.guarded.reason, "its return")
    await case.guarded.judge(Ask())
    assert case.told.ups == [True, False, True]
    assert [record.message for record in caplog.records] == [
        "the store is away: no route",
        "the store is back after 0.0 s",
    ]
    await until(lambda: not case.guarded.tasks, "the end of the search")
    await case.guarded.close()


async def test_every_verb_is_guarded(case: Case) -> None:
    guarded = case.guarded
    await guarded.keep("cache", "a", b"1", None)
    assert await guarded.find("cache", "a") == b"1"
    assert [key async for key, _ in guarded.list("cache")] == ["a"]
    assert await guarded.swap("cache", "a", b"1", b"2", None)
    assert await guarded.drop("cache", "a")
    assert await guarded.once(b"n", 9e9)
    await guarded.revoke(b"m", 9e9)
    assert case.told.answers == 6
    guarded.reason = "away"
    for ask in (
        guarded.keep("cache", "a", b"1", None),
        guarded.find("cache", "a"),
        guarded.swap("cache", "a", b"1", b"2", None),
        guarded.drop("cache", "a"),
        guarded.once(b"n", 9e9),
        guarded.revoke(b"m", 9e9),
    ):
        with pytest.raises(StoreAwayError, match="away"):
            await ask
    with pytest.raises(StoreAwayError, match="away"):
        _ = [key async for key, _ in guarded.list("cache")]
    await guarded.close()
