"""A store that may be away: whoever asks is told at once and does not wait for what will not come.

Theory. *Up*, every question is asked. Three calls in a row that fail make it *away*: then nothing is asked, every
question ends with StoreAwayError, and a task of its own asks once a second whether the store answers again, by a
question that writes (a Redis that was made a replica answers a ping). All questions of one call fail with one error,
and count once. Each change is logged once. What its absence means is for who asked to know: see docs/stores.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from math import inf
from typing import Protocol, TypeVar

from .interface import Ask, Judged, Kind, Store, StoreAwayError

T = TypeVar("T")

FAILURES = 3
ASK_S = 1.0

log = logging.getLogger("portico.stores")


class Distant(Store, Protocol):
    """A store that has to be reached."""

    @property
    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """What runs for it."""

    async def connect(self) -> None:
        """See that it is there and does what it is asked. Raises StoreAwayError."""


class Figures(Protocol):
    """Where it is counted how the store does."""

    def answered(self, seconds: float) -> None: ...
    def failed(self) -> None: ...
    def unasked(self) -> None: ...
    def is_up(self, up: bool) -> None: ...


class Guarded:
    """`store`, asked only while it answers. `close` ends the store too."""

    def __init__(
        self,
        store: Distant,
        figures: Figures,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.store = store
        self.reason = ""  # why it is away
        self._figures = figures
        self._clock = clock
        self._pause = pause
        self._failures = 0
        self._last: StoreAwayError | None = None
        self._since = 0.0
        self._asking: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """See whether it is there. Nobody waits for that."""
        if self._asking is None:
            self._figures.is_up(True)
            self._asking = asyncio.get_running_loop().create_task(self._find_out(), name="store")

    @property
    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """What runs for it, and for no request alone."""
        asking = [] if self._asking is None or self._asking.done() else [self._asking]
        return [*asking, *self.store.tasks]

    # -- the verbs

    async def judge(self, ask: Ask) -> Judged:
        self._enter()
        start = time.perf_counter()
        try:
            judged = await self.store.judge(ask)
        except StoreAwayError as error:
            self._failed(error)
            raise
        self._answered(start)
        return judged

    async def revoke(self, mark: bytes, until: float, before: float = inf) -> None:
        await self._ask(lambda: self.store.revoke(mark, until, before))

    async def once(self, key: bytes, until: float) -> bool:
        return await self._ask(lambda: self.store.once(key, until))

    async def find(self, kind: Kind, key: str) -> bytes | None:
        return await self._ask(lambda: self.store.find(kind, key))

    async def keep(self, kind: Kind, key: str, value: bytes, until: float | None) -> None:
        await self._ask(lambda: self.store.keep(kind, key, value, until))

    async def swap(self, kind: Kind, key: str, old: bytes | None, new: bytes, until: float | None) -> bool:
        return await self._ask(lambda: self.store.swap(kind, key, old, new, until))

    async def drop(self, kind: Kind, key: str) -> bool:
        return await self._ask(lambda: self.store.drop(kind, key))

    async def list(self, kind: Kind, prefix: str = "") -> AsyncIterator[tuple[str, bytes]]:
        self._enter()
        try:
            async for found in self.store.list(kind, prefix):
                yield found
        except StoreAwayError as error:
            self._failed(error)
            raise

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self.store.close()

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T:
        self._enter()
        start = time.perf_counter()
        try:
            answer = await question()
        except StoreAwayError as error:
            self._failed(error)
            raise
        self._answered(start)
        return answer

    # -- its state

    def _enter(self) -> None:
        if self.reason:
            self._figures.unasked()
            raise StoreAwayError(self.reason)

    def _answered(self, start: float) -> None:
        self._figures.answered(time.perf_counter() - start)
        self._failures = 0

    def _failed(self, error: StoreAwayError) -> None:
        self._figures.failed()
        if error is self._last or self.reason:
            return
        self._last = error
        self._failures += 1
        if self._failures >= FAILURES:
            self._leave(str(error))

    def _leave(self, reason: str) -> None:
        self.reason = reason
        self._since = self._clock()
        self._figures.is_up(False)
        log.error("the store is away: %s", reason)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._find_out(), name="store")

    async def _find_out(self) -> None:
        while True:
            try:
                await self.store.connect()
            except StoreAwayError as error:
                if not self.reason:
                    self._leave(str(error))
                await self._pause(ASK_S)
            else:
                break
        if self.reason:
            log.warning("the store is back after %.1f s", self._clock() - self._since)
        self.reason = ""
        self._failures = 0
        self._figures.is_up(True)

    def __repr__(self) -> str:
        return f"<Guarded {self.reason or 'up'}, {self.store!r}>"
