"""A worker's way to the store process that the supervisor runs for several workers (server.py).

All questions of a loop turn go in one frame. When the process is gone, what is asked ends with StoreAwayError; the next
question connects anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from itertools import count
from math import inf
from typing import Any, cast

from .batches import Batches
from .frames import DROP, FIND, JUDGE, KEEP, KEYS, ONCE, REVOKE, SWAP, Frames, frame
from .interface import Ask, Judged, Kind, Outcome, Spend, StoreAwayError, checked

REPLY_S = 1.0  # or twice the time of a question: then the process hangs, and its connection is given up
_AT_ONCE = 100  # records read at a time for a list

_OUTCOMES = tuple(Outcome)


class SharedStore:
    """The store behind the Unix socket `path`."""

    def __init__(self, path: str, timeout_s: float = 0.05) -> None:
        self._path = path
        self._reply_s = max(REPLY_S, 2 * timeout_s)
        self._numbers = count(1)
        self._connection: _Connection | None = None
        self._connecting: asyncio.Lock = asyncio.Lock()
        self._batches: Batches[Any] = Batches(self._call, timeout_s)

    # -- the verbs

    async def judge(self, ask: Ask) -> Judged:
        early, marks, issued, late, reported = ask
        question = (JUDGE, _asked(early), tuple(marks), issued, _asked(late), _asked(reported))
        outcome, early_verdicts, late_verdicts, over = await self._batches.ask(question)
        return Judged(_OUTCOMES[outcome], early_verdicts, late_verdicts, over)

    async def revoke(self, mark: bytes, until: float, before: float = inf) -> None:
        await self._batches.ask((REVOKE, mark, until, before))

    async def once(self, key: bytes, until: float) -> bool:
        return cast(bool, await self._batches.ask((ONCE, key, until)))

    async def find(self, kind: Kind, key: str) -> bytes | None:
        return cast(bytes | None, await self._batches.ask((FIND, kind, key)))

    async def keep(self, kind: Kind, key: str, value: bytes, until: float | None) -> None:
        await self._batches.ask((KEEP, kind, key, checked(value), until))

    async def swap(self, kind: Kind, key: str, old: bytes | None, new: bytes, until: float | None) -> bool:
        return cast(bool, await self._batches.ask((SWAP, kind, key, old, checked(new), until)))

    async def drop(self, kind: Kind, key: str) -> bool:
        return cast(bool, await self._batches.ask((DROP, kind, key)))

    async def list(self, kind: Kind, prefix: str = "") -> AsyncIterator[tuple[str, bytes]]:
        keys = await self._batches.ask((KEYS, kind, prefix))
        for start in range(0, len(keys), _AT_ONCE):
            chosen = keys[start : start + _AT_ONCE]
            values = await asyncio.gather(*(self.find(kind, key) for key in chosen))
            for key, value in zip(chosen, values, strict=True):
                if value is not None:
                    yield key, value

    async def close(self) -> None:
        await self._batches.close()
        if self._connection is not None:
            self._connection.close()

    # -- calls

    async def _call(self, questions: Sequence[Any]) -> Sequence[Any]:
        connection = await self._connect()
        try:
            async with asyncio.timeout(self._reply_s):
                answers, troubles = await connection.ask(next(self._numbers), questions)
        except TimeoutError as error:
            connection.close()
            raise StoreAwayError(f"the store process has not answered within {self._reply_s:g} s") from error
        if troubles:
            return [StoreAwayError(troubles[i]) if i in troubles else each for i, each in enumerate(answers)]
        return cast(Sequence[Any], answers)

    async def _connect(self) -> _Connection:
        async with self._connecting:
            if self._connection is None or self._connection.lost:
                try:
                    _, self._connection = await asyncio.get_running_loop().create_unix_connection(
                        _Connection, self._path
                    )
                except OSError as error:
                    raise StoreAwayError(f"the store process cannot be reached: {error.strerror}") from error
            return self._connection

    @property
    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """The calls under way."""
        return self._batches.tasks

    async def connect(self) -> None:
        """See that it is there and does what it is asked. Raises StoreAwayError."""
        await self.once(b"probe", time.time() + 1)

    def __repr__(self) -> str:
        return f"<SharedStore {self._path} {self._batches!r}>"


class _Connection(asyncio.Protocol):
    """One connection to the store process."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._frames = Frames()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self.lost = False

    def ask(self, number: int, questions: Sequence[Any]) -> asyncio.Future[Any]:
        answer = asyncio.get_running_loop().create_future()
        if self.lost or self._transport is None:
            answer.set_exception(StoreAwayError("the store process is gone"))
            return answer
        self._asked[number] = answer
        self._transport.write(frame(number, questions))
        return answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for number, content in self._frames.feed(data):
            answer = self._asked.pop(number, None)
            if answer is not None and not answer.done():
                answer.set_result(content)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(StoreAwayError("the store process is gone"))
        self._asked.clear()

    def close(self) -> None:
        self.lost = True
        if self._transport is not None:
            self._transport.abort()


def _asked(spends: Sequence[Spend]) -> list[tuple[bytes, tuple[int, float, int], bytes]]:
    return [(name, (rule.quota, rule.window_s, rule.burst), key) for name, rule, key in spends]
