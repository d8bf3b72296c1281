"""Questions of one turn go together, wait their turn, and end in time whatever the store does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from portico.stores import StoreAwayError
from portico.stores import batches as module
from portico.stores.batches import CALL_QUESTIONS, CALLS, Batches
from portico.testing import until


class Answering:
    """Answers a call with its questions, when the test says so."""

    def __init__(self, at_once: bool = False) -> None:
        self.calls: list[list[int]] = []
        self.go = asyncio.Event()
        if at_once:
            self.go.set()

    async def __call__(self, questions: Sequence[int]) -> Sequence[int]:
        self.calls.append(list(questions))
        await self.go.wait()
        return questions


async def test_what_is_asked_in_one_turn_goes_in_one_call() -> None:
    answering = Answering(at_once=True)
    batches: Batches[int] = Batches(answering, 30)
    assert await asyncio.gather(*(batches.ask(number) for number in range(10))) == list(range(10))
    assert await batches.ask(10) == 10
    assert answering.calls == [list(range(10)), [10]]
    assert batches.unanswered == 0


async def test_only_so_many_calls_are_under_way_and_the_rest_goes_together() -> None:
    answering = Answering()
    batches: Batches[int] = Batches(answering, 30)
    answers = []
    for number in range(CALLS + 5):
        answers.append(batches.ask(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(answering.calls) == CALLS
    answering.go.set()
    assert await asyncio.gather(*answers) == list(range(CALLS + 5))
    assert answering.calls[CALLS] == list(range(CALLS, CALLS + 5))


async def test_a_call_has_so_many_questions_at_most() -> None:
    answering = Answering(at_once=True)
    batches: Batches[int] = Batches(answering, 30)
    count = 3 * CALL_QUESTIONS + 1
    assert await asyncio.gather(*(batches.ask(number) for number in range(count))) == list(range(count))
    assert max(map(len, answering.calls)) == CALL_QUESTIONS


async def test_a_question_ends_in_time_though_its_call_goes_on() -> None:
    answering = Answering()
    batches: Batches[int] = Batches(answering, 0.02)
    asked = [batches.ask(number) for number in range(3)]
    with pytest.raises(StoreAwayError, match="no answer within 20 ms") as first:
        await asked[0]
    with pytest.raises(StoreAwayError) as second:
        await asked[1]
    assert first.value is second.value, "one trouble for all of the turn"
    answering.go.set()
    await until(lambda: not batches.unanswered, "the end of the call")
    assert await batches.ask(7) == 7


async def test_more_than_can_be_held_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_QUESTIONS", 5)
    answering = Answering()
    batches: Batches[int] = Batches(answering, 30)
    asked = [batches.ask(number) for number in range(5)]
    with pytest.raises(StoreAwayError, match="5 questions are unanswered"):
        await batches.ask(5)
    answering.go.set()
    await asyncio.gather(*asked)
    assert await batches.ask(6) == 6


async def test_a_call_that_fails_fails_all_its_questions_and_one_alone_fails_one() -> None:
    async def call(questions: Sequence[int]) -> Sequence[object]:
        if 0 in questions:
            raise StoreAwayError("all")
        return [StoreAwayError("one") if number == 2 else number for number in questions]

    batches: Batches[int] = Batches(call, 30)
    assert [
        str(error) for error in await asyncio.gather(batches.ask(0), batches.ask(1), return_exceptions=True)
    ] == [
        "all",
        "all",
    ]
    found = await asyncio.gather(batches.ask(1), batches.ask(2), return_exceptions=True)
    assert found[0] == 1
    assert isinstance(found[1], StoreAwayError)


async def test_who_goes_away_is_not_asked_for_and_a_close_ends_all() -> None:
    answering = Answering()
    batches: Batches[int] = Batches(answering, 30)
    asked = []
    for number in range(CALLS):
        asked.append(batches.ask(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    gone, waiting = batches.ask(98), batches.ask(99)
    gone.cancel()
    await asyncio.sleep(0)
    await batches.close()
    with pytest.raises(StoreAwayError, match="closed"):
        await waiting
    with pytest.raises(StoreAwayError, match="closed"):
        await batches.ask(1)
    assert all(
        isinstance(one, StoreAwayError) for one in await asyncio.gather(*asked, return_exceptions=True)
    )
    assert [number for call in answering.calls for number in call] == list(range(CALLS))
