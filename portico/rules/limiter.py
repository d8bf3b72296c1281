"""How many requests a caller may make: the generic cell rate algorithm (GCRA), exact, one number per caller.

Theory. Let T be the time in which one request is earned: 0.6 s for 100 a minute. A caller's number is the moment at
which all that was spent will have been earned back (the theoretical arrival time). A request moves it on by T, from
now if it lies in the past, and is refused if it would then lie more than `burst` times T ahead. So `burst` requests
pass at once, then one in each T: in any stretch of time at most burst + time / T, and never a rush at the turn of a
window. A refused request moves nothing.

Arithmetic. Time is counted in ticks, whole numbers held as floats, and T is a power of two of them: sums and
comparisons are exact, nothing accumulates, and the only rounding is that of the clock to a tick, a millionth of T or
less at usual rates. Floats and not ints, because they are smaller and faster and equally exact below 2**53, which a
clock does not reach in thirty years. Seconds in verdicts are for people and headers.

`now` is monotonic seconds and never goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

from .keytable import KeyTable

Verdict = tuple[int, float]
"""(remaining, seconds). How many more requests would pass at once, and when everything is restored if none comes;
or REFUSED, and when a request would pass. A tuple, because one is made for each request."""

OVER = -1

_UPTIME_S = 1 << 30  # 34 years
_FINEST = 30  # T is at most 2**30 ticks
MOST = 1_000_000  # the largest quota and burst: what ticks can count


@dataclass(frozen=True, slots=True)
class LimitRule:
    """`quota` requests per `window_s` seconds, of which `burst` may come at once (by default all).

    Raises ValueError for a rule that cannot work.
    """

    quota: int
    window_s: float
    burst: int

    def __post_init__(self) -> None:
        for name, count in (("quota", self.quota), ("burst", self.burst)):
            if not 1 <= count <= MOST:
                raise ValueError(f"{name} must be from 1 to {MOST}, not {count}")
        if not 1 <= self.window_s <= _UPTIME_S:
            raise ValueError(f"window_s must be at least 1, not {self.window_s}")

    def part(self, of: int) -> LimitRule:
        """What one of so many shares of this rule admits, for those who cannot count together."""
        if of == 1:
            return self
        return LimitRule(self.quota, min(self.window_s * of, float(_UPTIME_S)), max(1, self.burst // of))

    @property
    def ticks(self) -> float:
        """Ticks in which one request is earned: a power of two, as fine as 2**52 ticks of uptime allow."""
        per_uptime = self.quota / self.window_s * _UPTIME_S
        return 2.0 ** max(0, min(_FINEST, int(52 - log2(per_uptime))))

    @property
    def ticks_per_s(self) -> float:
        """How fast the clock of this rule ticks."""
        return self.quota * self.ticks / self.window_s


class Limiter:
    """One limit in one worker, over the live counts in `table`. `lease` is held for as long as the limiter lives."""

    __slots__ = (
        "_cost",
        "_fresh",
        "_lease",
        "_most",
        "_pace",
        "_table",
        "_window_s",
        "_window_ticks",
        "rule",
    )

    def __init__(self, rule: LimitRule, table: KeyTable, lease: object = None) -> None:
        self.rule = rule
        self._lease = lease
        self._table = table
        self._cost = rule.ticks
        self._pace = rule.ticks_per_s
        self._most = (rule.burst - 1) * rule.ticks  # how far ahead a number may lie for a request to pass
        self._window_s = rule.window_s
        self._window_ticks = rule.quota * rule.ticks
        self._fresh = (rule.burst - 1, rule.window_s / rule.quota)

    def spend(self, key: bytes, now: float) -> Verdict:
        """Judge a request of the caller `key`, and count it if it passes."""
        ticks = float(int(now * self._pace))
        table = self._table
        shard = table.shards[hash(key) & table.mask]
        until = shard.get(key)
        if until is None:
            table.add(key, ticks + self._cost)
            return self._fresh
        if until <= ticks:
            shard[key] = ticks + self._cost
            return self._fresh
        ahead = until - ticks
        room = self._most - ahead
        if room < 0.0:
            return OVER, -room * self._window_s / self._window_ticks
        cost = self._cost
        shard[key] = until + cost
        return int(room // cost), (ahead + cost) * self._window_s / self._window_ticks

    def look(self, key: bytes, now: float) -> Verdict:
        """What a request would meet, without counting one: the remaining are those that pass from now on."""
        ticks = float(int(now * self._pace))
        table = self._table
        ahead = max(0.0, table.shards[hash(key) & table.mask].get(key, 0.0) - ticks)
        room = self._most - ahead
        if room < 0.0:
            return OVER, -room * self._window_s / self._window_ticks
        return int(room // self._cost) + 1, ahead * self._window_s / self._window_ticks

    @property
    def count(self) -> int:
        """How many callers it knows."""
        return len(self._table)

    def give_back(self, key: bytes) -> None:
        """Undo the last `spend` of this caller, which passed."""
        table = self._table
        shard = table.shards[hash(key) & table.mask]
        until = shard.get(key)
        if until is not None:
            shard[key] = until - self._cost

    def __repr__(self) -> str:
        rule = self.rule
        return f"<Limiter {rule.quota}/{rule.window_s:g}s burst {rule.burst}, {len(self._table)} keys>"


class Together:
    """Several limits that judge a request as one: all count it, or, when any refuses it, none does."""

    __slots__ = ("_limiters", "_spends")

    def __init__(self, limiters: Sequence[Limiter]) -> None:
        self._limiters = tuple(limiters)
        self._spends = tuple(limiter.spend for limiter in limiters)

    def spend(self, keys: Sequence[bytes], now: float) -> list[Verdict] | None:
        """The verdict of each limit, given its key for the caller; None when one refuses."""
        verdicts: list[Verdict] = []
        for spend, key in zip(self._spends, keys):  # noqa: B905  # as many of each, and this runs per request
            verdict = spend(key, now)
            if verdict[0] < 0:
                for limiter, spent in zip(self._limiters, keys[: len(verdicts)], strict=False):
                    limiter.give_back(spent)
                return None
            verdicts.append(verdict)
        return verdicts

    def look(self, keys: Sequence[bytes], now: float) -> list[Verdict]:
        """What each limit would say, without counting anything."""
        return [limiter.look(key, now) for limiter, key in zip(self._limiters, keys, strict=True)]

    def __repr__(self) -> str:
        return f"<Together {', '.join(map(repr, self._limiters))}>"
