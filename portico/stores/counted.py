"""A limit as a store outside this process is told of it, and the verdicts that come back as one number.

The arithmetic is `rules.limiter`'s, which says what is counted and why it is exact. Such a store answers with a
limit's room before the request, in ticks; here it becomes what the limiter would have said.
"""

from __future__ import annotations

from math import ceil

from portico.rules import OVER, LimitRule, Verdict

from .interface import Spend

Asked = tuple[bytes, float, float, float, int]
"""Key, cost, ticks per second, most ticks ahead, milliseconds to live."""

_MOST_KNOWN = 10_000


class Counted:
    """One limit by name and rule. Its key is `head`, the caller's key, `tail`: `rl:ip:203.0.113.7:…`.

    The rule is part of the key, since counts under another rule are other ticks. Counts live as long as the window, or
    as all of a longer burst.
    """

    __slots__ = ("_cost", "_fields", "_head", "_most", "_rule", "_tail", "_window_s", "_window_ticks")

    def __init__(self, name: bytes, rule: LimitRule) -> None:
        kind, _, rest = name.partition(b":")
        self._rule = rule  # held, so that its id stays its own
        self._head = b"rl:%b:" % kind
        self._tail = b":%b:%d/%g/%d" % (rest, rule.quota, rule.window_s, rule.burst)
        self._cost = rule.ticks
        self._most = (rule.burst - 1) * rule.ticks
        self._window_s = rule.window_s
        self._window_ticks = rule.quota * rule.ticks
        live_s = rule.window_s * max(1.0, rule.burst / rule.quota)
        self._fields = (self._cost, rule.ticks_per_s, self._most, ceil(live_s * 1000))

    def asked(self, key: bytes) -> Asked:
        """What the store is told of a request of this caller."""
        return (self._head + key + self._tail, *self._fields)

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
        return f"<Counted {self._rule} {self._head!r}…{self._tail!r}>"


class Known:
    """What has been counted so far, found again without hashing a rule for each request."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], Counted] = {}

    def of(self, spend: Spend) -> Counted:
        """The limit that this spends from."""
        name, rule, _ = spend
        found = self._known.get((id(rule), name))
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()  # of configurations that are gone
            found = self._known[id(rule), name] = Counted(name, rule)
        return found
