"""All limits of one worker: found again after a reload by name and rule, and rid of callers that are long gone.

A limit lives as long as a configuration uses it. Expiry goes round all tables in slices, so that a million keys cost
no request a pause: `sweep` looks at a bounded number of keys each time, and at a clock while it forgets them, since
nobody can tell which key gives how much memory back to the system (a million at once: 7 ms in one sweep).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from weakref import ref

from .keytable import KeyTable, Room
from .limiter import Limiter, LimitRule

SLICE_KEYS = 4096  # looked at in one sweep
SLICE_S = 0.0005  # for one sweep
_SHARD_COST = 8  # what it costs to look at an empty shard, in keys


def _still() -> float:
    """The clock of who has all the time in the world."""
    return 0.0


class Lease:
    """Held by the limiters of one limit: as long as it lives, a configuration uses them."""

    __slots__ = ("__weakref__",)


class Limits:
    """Limiters by their identity, whatever may stand for it: name, rule, and what else tells two limits apart."""

    def __init__(self, most_keys: int) -> None:
        self.room = Room(most_keys)
        self._clock: Callable[[], float] = _still
        self._late_at = SLICE_S
        self._known: dict[Hashable, tuple[ref[Lease], LimitRule, KeyTable]] = {}
        self._now = 0.0
        self._round = self._rounds()

    def get(self, identity: Hashable, rule: LimitRule) -> Limiter:
        """A limiter over the counts of this identity: those that it has, or new ones."""
        known = self._known.get((identity, rule))
        lease = None if known is None else known[0]()
        table = KeyTable(self.room) if known is None else known[2]
        if lease is None:
            lease = Lease()
            self._known[identity, rule] = (ref(lease), rule, table)
        return Limiter(rule, table, lease)

    def sweep(self, now: float, clock: Callable[[], float] = _still) -> None:
        """Forget callers that have everything again, as many as fit into a slice of keys, and of time by `clock`."""
        self._now = now
        self._clock = clock
        self._late_at = clock() + SLICE_S
        left = SLICE_KEYS
        while left > 0:
            left -= next(self._round)

    def _late(self) -> bool:
        return self._clock() >= self._late_at

    def _rounds(self) -> Iterator[int]:
        """Shard after shard, limit after limit, for ever; each step says what it cost."""
        while True:
            for name in list(self._known):
                entry = 0
                used_by, rule, table = self._known[name]
                while entry < len(table.shards):
                    # What no configuration uses any more is forgotten whatever it says.
                    until = float("inf") if used_by() is None else self._now * rule.ticks_per_s // 1.0
                    looked_at, whole = table.expire(entry, until, self._late)
                    entry += whole
                    yield SLICE_KEYS if self._late() else _SHARD_COST + looked_at
                    used_by = self._known[name][0]  # a reload may have taken it up again
                table.shrink()
                if used_by() is None and not len(table):
                    del self._known[name]
            yield SLICE_KEYS

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"<Limits {len(self)} limits, {self.room!r}>"
