"""Gathers the questions of one turn of the loop and asks them in one call, for stores outside this process.

What is asked while as many calls are under way as may be waits, and goes together into the next: the more is asked,
the less each question costs. A question that has not been answered in time ends with StoreAwayError; its call goes on,
for to break off and connect anew because a store is slow would make it slower. No more than a bounded number of
questions wait; one that comes then is refused at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from .interface import StoreAwayError

Q = TypeVar("Q")

CALLS = 2  # under way at a time
CALL_QUESTIONS = 256  # in one call
MOST_QUESTIONS = 8192  # waiting or under way

Call = Callable[[Sequence[Q]], Awaitable[Sequence[Any]]]
"""Asks all of these; as many answers in the same order, a StoreAwayError where one could not be answered. Raises
StoreAwayError when none could."""


class Batches(Generic[Q]):
    """Questions on their way to one store. `timeout_s` is for each question, waiting included."""

    def __init__(self, call: Call[Q], timeout_s: float) -> None:
        self._call = call
        self.timeout_s = timeout_s
        self.unanswered = 0
        self._waiting: deque[tuple[Q, asyncio.Future[Any]]] = deque()
        self._turn: list[asyncio.Future[Any]] = []  # asked in this turn of the loop
        self._calls: set[asyncio.Task[None]] = set()
        self._closed = False

    def ask(self, question: Q) -> asyncio.Future[Any]:
        """The answer to come."""
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        if self.unanswered >= MOST_QUESTIONS or self._closed:
            reason = "it is closed" if self._closed else f"{MOST_QUESTIONS} questions are unanswered already"
            answer.set_exception(StoreAwayError(reason))
            return answer
        self.unanswered += 1
        if not self._turn:
            loop.call_soon(self._ask_all)
        self._turn.append(answer)
        self._waiting.append((question, answer))
        return answer

    def _ask_all(self) -> None:
        turn, self._turn = self._turn, []
        asyncio.get_running_loop().call_later(self.timeout_s, self._late, turn)
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and len(self._calls) < CALLS:
            asked: list[tuple[Q, asyncio.Future[Any]]] = []
            while self._waiting and len(asked) < CALL_QUESTIONS:
                question, answer = self._waiting.popleft()
                if answer.done():
                    self.unanswered -= 1  # it was given up before it was asked
                else:
                    asked.append((question, answer))
            if asked:
                task = asyncio.get_running_loop().create_task(self._run(asked))
                self._calls.add(task)
                task.add_done_callback(self._calls.discard)

    async def _run(self, asked: Sequence[tuple[Q, asyncio.Future[Any]]]) -> None:
        error = StoreAwayError("the call was broken off")
        try:
            answers = await self._call([question for question, _ in asked])
            for (_, future), answer in zip(asked, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, StoreAwayError):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        except StoreAwayError as away:
            error = away
        finally:
            _fail((future for _, future in asked), error)
            self.unanswered -= len(asked)
            # Now and not when the task is done: the next call would be a turn of the loop later.
            self._calls.discard(asyncio.current_task())
            self._go_on()

    def _late(self, turn: list[asyncio.Future[Any]]) -> None:
        if not all(answer.done() for answer in turn):
            _fail(turn, StoreAwayError(f"no answer within {self.timeout_s * 1000:g} ms"))

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The calls under way: each is for many questions, and may outlast them."""
        return list(self._calls)

    async def close(self) -> None:
        """Break off what is under way."""
        self._closed = True
        _fail((answer for _, answer in self._waiting), StoreAwayError("it is closed"))
        calls = list(self._calls)
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def __repr__(self) -> str:
        return f"<Batches {self.unanswered} unanswered, {len(self._calls)} calls>"


def _fail(answers: Any, error: StoreAwayError) -> None:
    """One error for all: who counts troubles counts this as one."""
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
