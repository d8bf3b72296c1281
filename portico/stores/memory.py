"""The store of one process: everything in dictionaries, bounded, forgotten when its time is over.

It is the whole store of a gateway with one worker, and what the store process of several workers keeps. `journal`
writes facts down so that they outlive the process; counts and nonces are memory alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from math import inf
from typing import Protocol, TypeVar

from portico.rules import Limiter, LimitRule, Limits, Together

from .interface import Ask, Judged, Kind, Outcome, Spend, StoreAwayError, checked

K = TypeVar("K")
V = TypeVar("V")

MOST_NONCES = 1_000_000
SLICE = 2048  # of each dictionary, looked at in one sweep
LOOK_S = 0.25  # after which the journal is looked at for what others have written
TIDY_S = 1.0

log = logging.getLogger("portico.stores")


class Facts(Protocol):
    """Who keeps what a journal hands over."""

    def load_revoked(self, mark: bytes, until: float, before: float) -> None: ...
    def load_record(self, kind: Kind, key: str, value: bytes | None, until: float | None) -> None: ...


class Journal(Protocol):
    """Where facts are written down, so that they outlive the process. Raises StoreAwayError when it cannot.

    Other processes may write there too, so what depends on what is written is decided there. `wall` is the time.
    """

    def revoked(self, mark: bytes, until: float, before: float, wall: float) -> None:
        """A mark was revoked; what it was before, if that is more, stays."""

    def kept(self, kind: Kind, key: str, value: bytes, until: float | None) -> None:
        """A record was set."""

    def swapped(
        self, kind: Kind, key: str, old: bytes | None, new: bytes, until: float | None, wall: float
    ) -> bool:
        """Set a record if it is `old`. Returns whether it was set."""

    def dropped(self, kind: Kind, key: str, wall: float) -> bool:
        """Remove a record. Returns whether there was one."""

    def look(self, facts: Facts, wall: float) -> None:
        """Hand over what was written there before, or by others since the last look."""

    def tidy(self, wall: float) -> None:
        """What has to be done about every second."""

    def close(self) -> None:
        """Nothing will be written any more."""


class MemoryStore:
    """`limits` are the counts, shared with who counts without asking; `wall` and `monotonic` the clocks."""

    def __init__(
        self,
        limits: Limits,
        journal: Journal | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._journal = journal
        self._wall = wall
        self._monotonic = monotonic
        self._revoked: dict[bytes, tuple[float, float]] = {}  # mark → (issued up to, until)
        self._records: dict[tuple[Kind, str], tuple[bytes, float]] = {}
        self._nonces: dict[bytes, float] = {}
        self._limiters: dict[tuple[bytes, LimitRule], Limiter] = {}  # that were asked for by a question
        self._round = self._rounds()
        self.trouble = ""  # with the journal, at the last look
        self._look_at = 0.0
        self._tidy_at = 0.0
        if journal is not None:
            journal.look(self, wall())

    # -- at once, for who is in the same process

    def is_revoked(self, marks: Sequence[bytes], issued: float) -> bool:
        """Whether something that bears these marks, issued at `issued`, is revoked."""
        revoked = self._revoked
        if not revoked:
            return False
        for mark in marks:
            found = revoked.get(mark)
            if found is not None and issued <= found[0] and found[1] > self._wall():
                return True
        return False

    def judge_now(self, ask: Ask) -> Judged:
        """What `judge` says."""
        now = self._monotonic()
        early = self._together(ask.early)
        keys = [spend.key for spend in ask.early]
        early_verdicts = early.spend(keys, now)
        if early_verdicts is None:
            return Judged(Outcome.EARLY, early.look(keys, now))
        if self.is_revoked(ask.marks, ask.issued):
            return Judged(Outcome.REVOKED, early_verdicts)
        late = self._together(ask.late)
        keys = [spend.key for spend in ask.late]
        late_verdicts = late.spend(keys, now)
        if late_verdicts is None:
            return Judged(Outcome.LATE, early_verdicts, late.look(keys, now))
        over = [self._limiter(spend).spend(spend.key, now)[0] < 0 for spend in ask.reported]
        return Judged(Outcome.PASSED, early_verdicts, late_verdicts, over)

    def _together(self, spends: Sequence[Spend]) -> Together:
        return Together([self._limiter(spend) for spend in spends])

    def _limiter(self, spend: Spend) -> Limiter:
        found = self._limiters.get((spend.name, spend.rule))
        if found is None:
            found = self._limiters[spend.name, spend.rule] = self.limits.get(spend.name, spend.rule)
        return found

    # -- the verbs

    async def judge(self, ask: Ask) -> Judged:
        return self.judge_now(ask)

    async def revoke(self, mark: bytes, until: float, before: float = inf) -> None:
        wall = self._wall()
        if self._journal is not None:
            self._journal.revoked(mark, until, before, wall)
        known = self._revoked.get(mark)
        if known is not None and known[1] > wall:
            before, until = max(before, known[0]), max(until, known[1])
        self._revoked[mark] = (before, until)

    async def once(self, key: bytes, until: float) -> bool:
        wall = self._wall()
        if self._nonces.get(key, 0.0) > wall:
            return False
        if len(self._nonces) >= MOST_NONCES:
            # A replay that is let through is worse than a caller that has to come again.
            raise StoreAwayError(f"{MOST_NONCES} nonces are remembered already")
        self._nonces[key] = until
        return True

    async def find(self, kind: Kind, key: str) -> bytes | None:
        wall = self._wall()
        found = self._records.get((kind, key))
        if found is None and self._journal is not None:
            # A command may have written it a moment ago, and its user be here already.
            self._try(self._journal.look, self, wall)
            found = self._records.get((kind, key))
        return found[0] if found is not None and found[1] > wall else None

    async def keep(self, kind: Kind, key: str, value: bytes, until: float | None) -> None:
        checked(value)
        if self._journal is not None:
            self._journal.kept(kind, key, value, until)
        self.load_record(kind, key, value, until)

    async def swap(self, kind: Kind, key: str, old: bytes | None, new: bytes, until: float | None) -> bool:
        checked(new)
        if self._journal is None:
            swapped = await self.find(kind, key) == old
        else:
            swapped = self._journal.swapped(kind, key, old, new, until, self._wall())
        if swapped:
            self.load_record(kind, key, new, until)
        elif self._journal is not None:
            self._journal.look(self, self._wall())  # who was first is known at once to who asks next
        return swapped

    async def drop(self, kind: Kind, key: str) -> bool:
        if self._journal is None:
            there = await self.find(kind, key) is not None
        else:
            there = self._journal.dropped(kind, key, self._wall())
        self.load_record(kind, key, None, None)
        return there

    async def list(self, kind: Kind, prefix: str = "") -> AsyncIterator[tuple[str, bytes]]:
        wall = self._wall()
        for (its_kind, key), (value, until) in list(self._records.items()):
            if its_kind == kind and key.startswith(prefix) and until > wall:
                yield key, value

    async def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    # -- what the journal says

    def load_revoked(self, mark: bytes, until: float, before: float) -> None:
        """A revocation that was written down before, or by another process."""
        self._revoked[mark] = (before, until)

    def load_record(self, kind: Kind, key: str, value: bytes | None, until: float | None) -> None:
        """A record that was written down before, or by another process; None for one that was removed."""
        if value is None:
            self._records.pop((kind, key), None)
        else:
            self._records[kind, key] = (value, inf if until is None else until)

    # -- expiry

    def sweep(self) -> None:
        """Forget what is over, as much as fits into a slice, and take over what others have written.

        For ten times a second or so. Counts are swept by who owns the limits.
        """
        next(self._round)
        journal = self._journal
        if journal is None:
            return
        now = self._monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            self._try(journal.look, self, self._wall())
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_S
            self._try(journal.tidy, self._wall())

    def _try(self, do: Callable[..., None], *arguments: object) -> None:
        """What is known goes on serving when the journal cannot be read or tidied: `trouble` says so."""
        try:
            do(*arguments)
        except StoreAwayError as error:
            if not self.trouble:
                log.error("%s", error)
            self.trouble = str(error)
        else:
            self.trouble = ""

    def _rounds(self) -> Iterator[None]:
        while True:
            yield from _expired(self._nonces, lambda until: until, self._wall)
            yield from _expired(self._revoked, lambda revoked: revoked[1], self._wall)
            yield from _expired(self._records, lambda record: record[1], self._wall)
            # One that nobody is counted by would be made anew as it is.
            for asked in [asked for asked, limiter in self._limiters.items() if not limiter.count]:
                del self._limiters[asked]
            yield None

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._records)} records, {len(self._revoked)} revoked, {len(self._nonces)} nonces>"


def _expired(known: dict[K, V], until: Callable[[V], float], wall: Callable[[], float]) -> Iterator[None]:
    """One round over a dictionary in slices: the keys are taken down first, since it changes meanwhile."""
    keys = iter(list(known))
    while chosen := list(islice(keys, SLICE)):
        now = wall()
        for key in chosen:
            value = known.get(key)
            if value is not None and until(value) <= now:
                del known[key]
        yield None
