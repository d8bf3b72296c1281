"""The keys of an issuer elsewhere: kept fresh in the background, so that a request hardly ever waits for them.

One task per issuer and worker does all fetching (`keep`); requests only look at `current`, and may ask for a fetch
and wait for it. So two requests never cause two fetches, and nobody's start waits. What cannot be had leaves the last
good set in place until it is stale (`key_life`). When the keys change, the old set is no longer `trusted`, and every
token that was verified by it is verified again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import ceil, inf

from .key_life import KeyLife, KeyRules
from .keys import KeySet

log = logging.getLogger("portico")


class KeysNotFetchedError(Exception):
    """There are no keys this time. The message is for the log."""


Fetch = Callable[[], Awaitable[tuple[KeySet, float | None]]]
"""Gets the keys and how long they may be kept (None: not said). Raises KeysNotFetchedError."""


class RemoteKeys:
    """`current` is what may be used now, None while there is nothing. Survives reloads."""

    __slots__ = ("_begun", "_life", "_waiting", "_wake", "count", "current", "name")

    def __init__(self, name: str, count: Callable[[bool], None]) -> None:
        self.name = name
        self.current: KeySet | None = None
        self.count = count  # told of every fetch whether it succeeded
        self._begun = False
        self._life = KeyLife(KeyRules())
        self._waiting: set[asyncio.Future[None]] = set()
        self._wake = asyncio.Event()

    async def keep(self, fetch: Fetch, rules: KeyRules) -> None:
        """Fetch when it is time, or when somebody asks; for ever."""
        clock = asyncio.get_running_loop().time
        self._begun = True
        life = self._life
        life.rules = rules
        while True:
            now = clock()
            if now >= life.ends:
                self._forget()
            if self._wake.is_set() or now >= life.due:
                await self._fetch(fetch, clock)
                continue
            try:
                async with asyncio.timeout(min(life.due, life.ends) - now):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def may_refetch(self) -> bool:
        """Whether a token with an unknown key may have the keys fetched, or wait for a fetch that others wait for."""
        return bool(self._waiting) or self._life.may_refetch(asyncio.get_running_loop().time())

    async def arrival(self) -> None:
        """Have the keys fetched now, and wait until that has ended either way, or has taken too long."""
        arrived = asyncio.get_running_loop().create_future()
        self._waiting.add(arrived)
        self._wake.set()
        try:
            async with asyncio.timeout(self._life.rules.timeout_s):
                await arrived
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(arrived)

    def is_expected(self) -> bool:
        """Whether somebody fetches them, and there is no reason yet to believe that they will not come."""
        return self._begun and not self._life.is_failing()

    def retry_after_s(self) -> int:
        """In how many whole seconds it makes sense to ask again."""
        due = self._life.due
        return 1 if due == -inf else max(1, ceil(due - asyncio.get_running_loop().time()))

    async def _fetch(self, fetch: Fetch, clock: Callable[[], float]) -> None:
        try:
            async with asyncio.timeout(self._life.rules.timeout_s):
                found, stated_s = await fetch()
        except (KeysNotFetchedError, TimeoutError) as error:
            self._life.failed(clock())
            self.count(False)
            kept = "the last good ones stay in use" if self.current is not None else "there are none yet"
            log.warning(
                "%s: no keys could be fetched (%s); %s", self.name, str(error) or "it took too long", kept
            )
        else:
            self._life.fetched(clock(), stated_s)
            self.count(True)
            self._take(found)
        self._wake.clear()  # not before: if this is cancelled, whoever keeps the keys next has somebody waiting
        for arrived in self._waiting:
            if not arrived.done():
                arrived.set_result(None)

    def _take(self, found: KeySet) -> None:
        current = self.current
        if current is not None and current.digest == found.digest:
            return
        for reason in found.refused:
            log.warning("%s: a key is left out: %s", self.name, reason)
        log.info("%s: %d keys", self.name, len(found.keys))
        self.current = found
        if current is not None:
            current.trusted = False

    def _forget(self) -> None:
        if self.current is not None:
            log.error("%s: the keys are too old and no newer ones came: nobody is let in by them", self.name)
            self.current.trusted = False
            self.current = None
        self._life.ends = inf

    def __repr__(self) -> str:
        return f"<RemoteKeys {self.name} {self.current!r} {self._life!r}>"
