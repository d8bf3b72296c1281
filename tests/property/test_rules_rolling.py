"""The rolling window against a list of everything that was ever counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portico.rules.rolling import BUCKETS, RollingCounts

# Quarters of seconds and buckets of a half, one or two seconds: exact in binary.
STEPS = st.lists(
    st.tuples(st.sampled_from([0, 1, 1, 2, 4, 4, 4, 8, 40, 44, 100]), st.booleans()), max_size=60
)


@given(st.sampled_from([5.0, 10.0, 20.0]), STEPS)
def test_the_sums_are_those_of_the_last_ten_buckets(window_s: float, steps: list[tuple[int, bool]]) -> None:
    counts = RollingCounts(window_s)
    width = window_s / BUCKETS
    now = 100.0
    seen: list[tuple[int, bool]] = []
    for quarters, good in steps:
        now += quarters / 4
        (counts.succeeded if good else counts.failed)(now)
        seen.append((int(now // width), good))
        recent = [was_good for bucket, was_good in seen if bucket > int(now // width) - BUCKETS]
        assert counts.sums(now) == (recent.count(True), recent.count(False))


@given(st.floats(0.01, 100.0), st.lists(st.floats(0.0, 3.0), min_size=1, max_size=40))
def test_any_clock_reading_is_counted_once(window_s: float, waits: list[float]) -> None:
    counts = RollingCounts(window_s)
    now = 1e6
    for wait in waits:
        now += wait * window_s / BUCKETS
        before = counts.sums(now)
        counts.failed(now)
        assert counts.sums(now) == (before[0], before[1] + 1)
