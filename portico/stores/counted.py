"""A limit as a store outside this process is told of it, and the verdicts that come back as one number.

The arithmetic is `rules.limiter`'s, which says what is counted and why it is exact. Such a store answers with a
limit's room before the request, in ticks; here it becomes what the limiter would have said.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from portico.rules import OVER, LimitRule, Verdict

from .interface import Spend

_MOST_KNOWN = 10_000


class Counted:
    """One limit by name and rule. Its key is `head`, the caller's key, `tail`: `rl:ip:203.0.113.7:…`; `fields` are
    cost, ticks per second, most ticks ahead, and milliseconds to live.

    The rule is part of the key, since counts under another rule are other ticks. Counts live as long as the window, or
    as all of a longer burst.
    """

    __slots__ = ("_cost", "_most", "_rule", "_window_s", "_window_ticks", "fields", "head", "tail")

    def __init__(self, name: bytes, rule: LimitRule) -> None:
        kind, _, rest = name.partition(b":")
        self._rule = rule  # held, so that its id stays its own
        self.head = b"rl:%b:" % kind
        self.tail = b":%b:%d/%g/%d" % (rest, rule.quota, rule.window_s, rule.burst)
        self._cost = rule.ticks
        self._most = (rule.burst - 1) * rule.ticks
        self._window_s = rule.window_s
        self._window_ticks = rule.quota * rule.ticks
        live_s = rule.window_s * max(1.0, rule.burst / rule.quota)
        self.fields = (self._cost, rule.ticks_per_s, self._most, ceil(live_s * 1000))

    def passed(self, room: float) -> Verdict:
        """As `Limiter.spend`, of a request that was counted."""
        cost = self._cost
        return int(room // cost), (self._most - room + cost) * self._window_s / self._window_ticks

    def seen(self, room: float) -> Verdict:
        """As `Limiter.look`, of one that was not."""
        if room < 0.0:
            return OVER, -room * self._window_s / self._window_ticks
        return int(room // self._cost) + 1, (self._most - room) * self._window_s / self._window_ticks

    def __repr__(self) -> str:
        return f"<Counted {self._rule} {self.head!r}…{self.tail!r}>"


class Known:
    """What has been counted so far, found again without hashing a rule for each request."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], Counted] = {}

    def asked(self, spends: Sequence[Spend], limits: list[Counted]) -> list[Any]:
        """What a store is told of these: key and fields of each in one list. Adds the limits to `limits`."""
        known = self._known
        asked: list[Any] = []
        for name, rule, key in spends:
            limit = known.get((id(rule), name))
            if limit is None:
                if len(known) >= _MOST_KNOWN:
                    known.clear()  # of configurations that are gone
                limit = known[id(rule), name] = Counted(name, rule)
            limits.append(limit)
            asked.append(limit.head + key + limit.tail)
            asked += limit.fields
        return asked
