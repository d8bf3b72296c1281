"""The rolling window, bucket by bucket."""

from __future__ import annotations

from portico.rules.rolling import RollingCounts


def test_a_count_leaves_with_its_bucket() -> None:
    counts = RollingCounts(10.0)
    counts.succeeded(100.0)
    counts.failed(100.9)
    assert counts.sums(100.9) == (1, 1)
    counts.failed(101.0)
    assert counts.sums(109.9) == (1, 2)
    assert counts.sums(110.0) == (0, 1)
    assert counts.sums(111.0) == (0, 0)


def test_silence_longer_than_the_window_leaves_nothing() -> None:
    counts = RollingCounts(10.0)
    for second in range(10):
        counts.failed(100.0 + second)
    assert counts.sums(109.0) == (0, 10)
    assert counts.sums(500.0) == (0, 0)
    counts.failed(500.0)
    assert counts.sums(500.0) == (0, 1)


def test_cleared_is_empty() -> None:
    counts = RollingCounts(10.0)
    counts.failed(100.0)
    counts.succeeded(101.0)
    counts.clear()
    assert counts.sums(101.0) == (0, 0)


def test_a_boundary_that_rounds_down_is_counted_once() -> None:
    window_s, bucket = 30.1, 1437
    boundary = bucket * (window_s / 10)
    assert int(boundary / (window_s / 10)) == bucket - 1, "these figures are chosen to round down"
    counts = RollingCounts(window_s)
    counts.failed(boundary - window_s / 20)
    counts.failed(boundary)
    counts.failed(boundary)
    assert counts.sums(boundary) == (0, 3)
