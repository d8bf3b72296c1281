"""The limiter against an exact model: fractions and a list of what was admitted, and nothing else remembered."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from portico.rules import OVER, Limiter, LimitRule, Together
from portico.rules.keytable import KeyTable, Room

# Exact in binary: the clock of these rules has no rounding at all, and neither has a time in 64ths.
EXACT = st.builds(
    LimitRule,
    quota=st.sampled_from([1, 2, 4, 16]),
    window_s=st.sampled_from([1.0, 2.0, 4.0]),
    burst=st.integers(1, 6),
)
ANY = st.builds(
    LimitRule,
    quota=st.integers(1, 1000),
    window_s=st.sampled_from([1.0, 7.0, 60.0, 900.0, 86_400.0]),
    burst=st.integers(1, 8),
)
# Gaps between requests, in 64ths of a second; many are nothing at all.
GAPS = st.lists(st.sampled_from([0, 0, 0, 0, 1, 8, 16, 31, 64, 200, 1000]), min_size=1, max_size=60)
KEYS = [b"ada", b"bob"]


@dataclass
class Model:
    """What a limit is: each request costs a T, which is earned back one after the other."""

    rule: LimitRule
    free_at: dict[bytes, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    @property
    def interval(self) -> Fraction:
        return Fraction(self.rule.window_s) / self.rule.quota

    def missing(self, key: bytes, now: Fraction) -> Fraction:
        """Seconds until a request passes; none or less: it does."""
        return self.free_at[key] - now - self.interval * (self.rule.burst - 1)

    def spend(self, key: bytes, now: Fraction) -> None:
        self.free_at[key] = max(self.free_at[key], now) + self.interval

    def remaining(self, key: bytes, now: Fraction) -> int:
        left = self.rule.burst - max(Fraction(), self.free_at[key] - now) / self.interval
        return int(left // 1)


def limiter(rule: LimitRule) -> Limiter:
    return Limiter(rule, KeyTable(Room(1000)))


@given(
    rule=EXACT,
    gaps=GAPS,
    keys=st.lists(st.sampled_from(KEYS), min_size=60, max_size=60),
    start=st.integers(0, 2**36),
)
def test_it_is_the_model_exactly(rule: LimitRule, gaps: list[int], keys: list[bytes], start: int) -> None:
    model, real = Model(rule), limiter(rule)
    ticks = start
    for gap, key in zip(gaps, keys, strict=False):
        ticks += gap
        now, exact = ticks / 64, Fraction(ticks, 64)
        missing = model.missing(key, exact)
        verdict = real.spend(key, now)
        if missing > 0:
            assert verdict == (OVER, float(missing))
            assert real.look(key, now) == verdict
            continue
        model.spend(key, exact)
        assert verdict == (model.remaining(key, exact), float(model.free_at[key] - exact))


@given(rule=ANY, gaps=GAPS, start=st.floats(0, 2**27))
def test_no_stretch_of_time_has_more_than_burst_and_rate(
    rule: LimitRule, gaps: list[int], start: float
) -> None:
    real = limiter(rule)
    now, admitted = start, []
    for gap in gaps:
        now += gap / 64
        if real.spend(b"ada", now)[0] != OVER:
            admitted.append(now)
    rate = Fraction(rule.quota) / Fraction(rule.window_s)
    tick = Fraction(1) / Fraction(rule.ticks_per_s)
    for first, begin in enumerate(admitted):
        for number, end in enumerate(admitted[first:], 1):
            # One tick, and what a float of the time itself cannot tell.
            length = Fraction(end) - Fraction(begin) + 2 * tick + Fraction(1, 2**24)
            assert number <= rule.burst + length * rate


@given(rule=ANY, gaps=GAPS, start=st.floats(0, 2**27))
def test_what_it_says_is_true(rule: LimitRule, gaps: list[int], start: float) -> None:
    """Remaining requests pass at once and no more; the refused pass when they were told, the restored have all."""
    real = limiter(rule)
    now = start
    remaining, seconds = real.spend(b"ada", now)
    for gap in gaps:
        now += gap / 64
        remaining, seconds = real.spend(b"ada", now)
    a_moment = 2 / rule.ticks_per_s + 2**-24
    if remaining == OVER:
        assert real.spend(b"ada", now + seconds + a_moment)[0] == 0
        return
    assert real.look(b"ada", now)[0] == (remaining or OVER)
    assert real.look(b"ada", now + seconds + a_moment) == (rule.burst, 0.0)
    for left in range(remaining - 1, -1, -1):
        assert real.spend(b"ada", now)[0] == left
    over, seconds = real.spend(b"ada", now)
    assert over == OVER
    if seconds > a_moment:
        assert real.spend(b"ada", now + seconds - a_moment)[0] == OVER


@given(
    rules=st.lists(EXACT, min_size=1, max_size=4),
    gaps=GAPS,
    keys=st.lists(st.lists(st.sampled_from(KEYS), min_size=4, max_size=4), min_size=60, max_size=60),
)
def test_together_all_count_or_none(rules: list[LimitRule], gaps: list[int], keys: list[list[bytes]]) -> None:
    models, real = [Model(rule) for rule in rules], [limiter(rule) for rule in rules]
    together = Together(real)
    ticks = 0
    for gap, chosen in zip(gaps, keys, strict=False):
        ticks += gap
        now, exact = ticks / 64, Fraction(ticks, 64)
        chosen = chosen[: len(rules)]
        missing = [model.missing(key, exact) for model, key in zip(models, chosen, strict=True)]
        verdicts = together.spend(chosen, now)
        passes = all(one <= 0 for one in missing)
        assert (verdicts is not None) == passes
        if verdicts is None:
            verdicts = together.look(chosen, now)
        for model, key, short, verdict in zip(models, chosen, missing, verdicts, strict=True):
            if passes:
                model.spend(key, exact)
            if short > 0:
                assert verdict == (OVER, float(short))
            else:
                assert verdict[0] == model.remaining(key, exact)
        for model, one in zip(models, real, strict=True):
            for key in KEYS:
                left = model.remaining(key, exact)
                assert one.look(key, now)[0] == (left or OVER)
